//! Which names of users and hosts `ssh` may be given.

use super::LocationError;

/// Refuses what could be taken for an option or by a shell. OpenSSH refuses the same since 9.6.
pub(super) fn check_host(host: &str) -> Result<(), LocationError> {
    let bad = |why| Err(LocationError::BadHost { host: host.to_owned(), why });
    match name_problem(host) {
        Some(why) => bad(why),
        None if host.contains(['$', '\\', ',', '@']) => bad("it holds a character no host name has"),
        None => Ok(()),
    }
}

pub(super) fn check_user(user: &str) -> Result<(), LocationError> {
    let bad = |why| Err(LocationError::BadUser { user: user.to_owned(), why });
    match name_problem(user) {
        Some(why) => bad(why),
        None if user.contains(':') => bad("a password has no place in a location; use a key"),
        None if user.contains(',') => bad("it holds a comma"),
        None if user.ends_with('\\') => bad("it ends with a backslash"),
        None => Ok(()),
    }
}

fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.starts_with('-') => Some("it begins with '-' and would be read as an option"),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Some("it holds a blank or a control character")
        }
        _ if name.contains('/') => Some("it holds a slash"),
        _ if name.contains(['<', '>']) => Some("the '<' and '>' of an example must go"),
        _ if name.contains(['\'', '`', '"', ';', '&', '|', '(', ')', '{', '}', '[', ']', '#']) => {
            Some("it holds a character that means something to a shell")
        }
        _ => None,
    }
}
