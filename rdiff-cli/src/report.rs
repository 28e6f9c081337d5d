//! The texts of results, byte for byte those of rdiff-backup 2.2.2: scripts read them.

use crate::yaml::{Value, document};
use rdiff_core::format::stats::{SessionStatistics, human_size};
use rdiff_core::time::{SessionTime, Zone};

/// A session, or an increment of one path, in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Increment {
    /// The name of the increment file, or of the mirror.
    pub name: String,
    /// Its session.
    pub time: SessionTime,
    /// What the path was: `directory`, `regular`, `missing` or `special`.
    pub kind: &'static str,
}

/// Increments, oldest first, and the mirror last.
pub fn increments(list: &[Increment], zone: &Zone) -> String {
    let Some((mirror, older)) = list.split_last() else { return String::new() };
    let mut text = format!("Found {} increments:\n", older.len());
    for increment in older {
        text += &format!("    {}   {}\n", increment.name, increment.time.asctime(zone));
    }
    text + &format!("Current mirror: {}\n", mirror.time.asctime(zone))
}

/// The same for programs: a second and a kind.
pub fn increments_parsable(list: &[Increment]) -> String {
    list.iter().map(|i| format!("{} {}\n", i.time.0, i.kind)).collect()
}

/// The same for programs of the newer interface.
pub fn increments_yaml(list: &[Increment]) -> String {
    let maps = list.iter().map(|i| {
        Value::Map(vec![
            ("base", Value::text(i.name.clone())),
            ("time", Value::Number(i.time.0)),
            ("type", Value::text(i.kind)),
        ])
    });
    yaml(&Value::List(maps.collect()))
}

/// What a session takes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The session.
    pub time: SessionTime,
    /// Bytes of its increments, or of the mirror.
    pub size: u64,
    /// The same with all that is newer.
    pub total: u64,
}

/// A table of sessions, oldest first, and the mirror last.
pub fn sizes(list: &[Size], zone: &Zone) -> String {
    let mut text = format!("{:^24} {:^17} {:^17}\n", "Time", "Size", "Cumulative size");
    text += &format!("{0:-^24} {0:-^17} {0:-^17}\n", "");
    for (i, row) in list.iter().enumerate() {
        let mirror = if i + 1 == list.len() { "  (current mirror)" } else { "" };
        text += &format!("{} {:>17}{mirror}\n", time_and_size(row.time, row.size, zone), human(row.total));
    }
    text
}

/// The same for programs.
pub fn sizes_yaml(list: &[Size]) -> String {
    let number = |n: u64| Value::Number(i64::try_from(n).unwrap_or(i64::MAX));
    let maps = list.iter().map(|row| {
        Value::Map(vec![
            ("size", number(row.size)),
            ("time", Value::Number(row.time.0)),
            ("total_size", number(row.total)),
        ])
    });
    yaml(&Value::List(maps.collect()))
}

fn time_and_size(time: SessionTime, size: u64, zone: &Zone) -> String {
    format!("{:<24} {:>17}", time.asctime(zone), human(size))
}

fn human(size: u64) -> String {
    human_size(size as f64)
}

/// YAML goes out with an empty line behind it.
fn yaml(value: &Value) -> String {
    document(value) + "\n"
}

/// A path of the tree as text; `.` for the root.
fn path_text(path: &[u8]) -> String {
    if path.is_empty() { ".".to_owned() } else { String::from_utf8_lossy(path).into_owned() }
}

/// A path in a list of files.
pub fn listed(path: &[u8]) -> String {
    path_text(path) + "\n"
}

/// A path that differs from a time to now: `changed`, `deleted` or `new`.
pub fn changed_since(how: &str, path: &[u8]) -> String {
    format!("{how:<7} {}\n", path_text(path))
}

/// A path that differs from the repository. It is not made text: a name can be any bytes.
pub fn difference(reason: &str, path: &[u8]) -> Vec<u8> {
    let path = if path.is_empty() { b"." } else { path };
    [reason.as_bytes(), b": ", path, b"\n"].concat()
}

/// All differences for programs of the newer interface.
pub fn differences_yaml(list: &[(&str, Vec<u8>)]) -> String {
    let maps = list.iter().map(|(reason, path)| {
        Value::Map(vec![("path", Value::text(path_text(path))), ("reason", Value::text(*reason))])
    });
    yaml(&Value::List(maps.collect()))
}

/// The sessions that a removal concerns, with their sizes if those were asked for.
pub fn removal_list(times: &[SessionTime], sizes: Option<&[u64]>, zone: &Zone) -> String {
    let line = |(i, time): (usize, &SessionTime)| match sizes.and_then(|s| s.get(i)) {
        Some(&size) => time_and_size(*time, size, zone),
        None => time.asctime(zone),
    };
    times.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Several sessions would go, and nobody said `--force`.
pub fn removal_refused(count: usize, list: &str) -> String {
    format!(
        "Found {count} relevant increments, dates/times:\n{list}\n\
         If you want to delete multiple increments in this way, use the --force option."
    )
}

/// Sessions go.
pub fn removal_note(count: usize, list: &str) -> String {
    if count == 1 {
        format!("Deleting increment at date/time: {list}")
    } else {
        format!("Deleting increments at dates/times:\n{list}")
    }
}

/// Statistics between two rules, the upper of which has a title.
pub fn statistics(title: &str, lines: &str) -> String {
    let head = format!("--------------[ {title} ]--------------");
    let foot = "-".repeat(head.chars().count());
    format!("{head}\n{lines}{foot}\n")
}

/// The statistics of a session.
pub fn session_statistics(stats: &SessionStatistics, zone: &Zone) -> String {
    statistics("Session statistics", &stats.to_text(zone))
}

/// `12 new, 3 changed, 1 deleted`, and what could not be read.
pub fn counts(new: f64, changed: f64, deleted: f64, problems: u64) -> String {
    let unread = if problems > 0 { format!(", {problems} could not be read") } else { String::new() };
    format!("{new:.0} new, {changed:.0} changed, {deleted:.0} deleted{unread}")
}

/// The averages of several sessions, with the empty line that is printed behind them.
pub fn average(all: &[SessionStatistics], zone: &Zone) -> String {
    let lines = SessionStatistics::average(all).to_average_text(zone);
    statistics(&format!("Average of {} stat files", all.len()), &lines) + "\n"
}

/// What to say of this program in a bug report. Programs read `exec`.
pub fn info(version: &str, arguments: &[String], executable: &str, platform: &str) -> String {
    let map = |entries: Vec<(&'static str, Value)>| Value::Map(entries);
    let api = map(vec![
        ("actual", Value::Number(0)),
        ("default", Value::Number(200)),
        ("max", Value::Number(201)),
        ("min", Value::Number(200)),
    ]);
    yaml(&map(vec![
        (
            "exec",
            map(vec![
                ("api_version", api),
                ("argv", Value::List(arguments.iter().map(Value::text).collect())),
                ("parsed", Value::Null),
                ("version", Value::text(version)),
            ]),
        ),
        // There is no Python here: this tells what there is instead.
        (
            "python",
            map(vec![
                ("executable", Value::text(executable)),
                ("name", Value::text("none (Rust)")),
                ("version", Value::text(env!("CARGO_PKG_VERSION"))),
            ]),
        ),
        ("system", map(vec![("fs_encoding", Value::text("utf-8")), ("platform", Value::text(platform))])),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_700_000_000;
    const DAY: i64 = 86_400;

    fn increment(name: &str, days: i64) -> Increment {
        Increment { name: name.to_owned(), time: SessionTime(T + days * DAY), kind: "directory" }
    }

    #[test]
    fn sessions_in_three_ways() {
        let list = [increment("increments.2023-11-14T22:13:20Z.dir", 0), increment("repo", 1)];
        assert_eq!(
            increments(&list, &Zone::utc()),
            "Found 1 increments:\n    increments.2023-11-14T22:13:20Z.dir   Tue Nov 14 22:13:20 2023\n\
             Current mirror: Wed Nov 15 22:13:20 2023\n"
        );
        assert_eq!(increments_parsable(&list), "1700000000 directory\n1700086400 directory\n");
        assert_eq!(
            increments_yaml(&list),
            "---\n- base: increments.2023-11-14T22:13:20Z.dir\n  time: 1700000000\n  type: directory\n\
             - base: repo\n  time: 1700086400\n  type: directory\n...\n\n"
        );
    }

    #[test]
    fn sizes_in_a_table_and_for_programs() {
        let row = |days: i64, size, total| Size { time: SessionTime(T + days * DAY), size, total };
        let list = [row(0, 122, 11_342), row(2, 11_220, 11_220)];
        assert_eq!(
            sizes(&list, &Zone::utc()),
            "          Time                 Size         Cumulative size \n\
             ------------------------ ----------------- -----------------\n\
             Tue Nov 14 22:13:20 2023         122 bytes           11.1 KB\n\
             Thu Nov 16 22:13:20 2023           11.0 KB           11.0 KB  (current mirror)\n"
        );
        assert_eq!(
            sizes_yaml(&list[..1]),
            "---\n- size: 122\n  time: 1700000000\n  total_size: 11342\n...\n\n"
        );
    }

    #[test]
    fn paths_and_what_became_of_them() {
        assert_eq!(listed(b"") + &listed(b"a b/c\nd"), ".\na b/c\nd\n");
        assert_eq!(listed(b"\xff"), "\u{fffd}\n");
        assert_eq!(
            changed_since("new", b"n.txt") + &changed_since("deleted", b"d/b"),
            "new     n.txt\ndeleted d/b\n"
        );
        assert_eq!(difference("changed", b""), b"changed: .\n");
        assert_eq!(difference("new", b"\xff"), b"new: \xff\n");
        assert_eq!(
            differences_yaml(&[("metadata the same, data changed", b"a".to_vec())]),
            "---\n- path: a\n  reason: metadata the same, data changed\n...\n\n"
        );
    }

    #[test]
    fn what_a_removal_says() {
        let times = [SessionTime(T), SessionTime(T + DAY)];
        let plain = removal_list(&times[..1], None, &Zone::utc());
        assert_eq!(removal_note(1, &plain), "Deleting increment at date/time: Tue Nov 14 22:13:20 2023");
        let sized = removal_list(&times, Some(&[122, 2048]), &Zone::utc());
        assert_eq!(
            removal_note(2, &sized),
            "Deleting increments at dates/times:\nTue Nov 14 22:13:20 2023         122 bytes\n\
             Wed Nov 15 22:13:20 2023           2.00 KB"
        );
        assert!(removal_refused(2, &sized).ends_with(
            "2.00 KB\nIf you want to delete multiple increments in this way, use the --force option."
        ));
    }

    #[test]
    fn rules_are_as_long_as_the_title_wants() {
        assert_eq!(
            statistics("Average of 3 stat files", "A 1\n"),
            "--------------[ Average of 3 stat files ]--------------\nA 1\n\
             -------------------------------------------------------\n"
        );
    }
}
