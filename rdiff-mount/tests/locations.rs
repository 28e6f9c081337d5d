//! Locations as people type them, and that what we print we can read.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rdiff_mount::location::{Form, Location, LocationError, Remote};

fn remote(text: &str) -> Remote {
    match Location::parse_with_scp(text) {
        Ok(Location::Remote(remote)) => remote,
        other => panic!("{text}: {other:?}"),
    }
}

fn parts(remote: &Remote) -> (Option<&str>, &str, Option<u16>, &str) {
    (remote.user(), remote.host(), remote.port(), remote.path().to_str().unwrap())
}

#[test]
fn the_ways_to_name_a_remote_path() {
    for (text, expected, form) in [
        ("me@web:/srv", (Some("me"), "web", None, "/srv"), Form::Scp),
        ("web:", (None, "web", None, ""), Form::Scp),
        ("web:a::b", (None, "web", None, "a::b"), Form::Scp),
        ("me@[fe80::1%eth0]:x", (Some("me"), "fe80::1%eth0", None, "x"), Form::Scp),
        ("me@web::/srv", (Some("me"), "web", None, "/srv"), Form::DoubleColon),
        ("web::srv:x", (None, "web", None, "srv:x"), Form::DoubleColon),
        ("[::1]::/srv", (None, "::1", None, "/srv"), Form::DoubleColon),
        ("me@dom@web::x", (Some("me@dom"), "web", None, "x"), Form::DoubleColon),
        (r"a\::b::c", (None, "a::b", None, "c"), Form::DoubleColon),
        (r"dom\me@web::c\\d", (Some(r"dom\me"), "web", None, r"c\d"), Form::DoubleColon),
        ("ssh://me@web:2222/srv%20x", (Some("me"), "web", Some(2222), "/srv x"), Form::Url),
        ("ssh://web/~/x::y", (None, "web", None, "x::y"), Form::Url),
        ("ssh://[::1]:22/", (None, "::1", Some(22), "/"), Form::Url),
        ("ssh://me@web:2222::srv%", (Some("me"), "web", Some(2222), "srv%"), Form::UrlDoubleColon),
        ("ssh://[::1]::/srv", (None, "::1", None, "/srv"), Form::UrlDoubleColon),
    ] {
        let remote = remote(text);
        assert_eq!((parts(&remote), remote.form()), (expected, form), "{text}");
    }
}

#[test]
fn the_ways_to_name_a_local_path() {
    for (text, path) in [
        ("foobar", "foobar"),
        (r"strange\::file", "strange::file"),
        (r"foo\\bar", r"foo\bar"),
        (r"foo\bar", r"foo\bar"),
        ("/a:b", "/a:b"),
        (r"ssh\://x", "ssh://x"),
        ("dir/file::x", "dir/file::x"),
        ("/repo/d/a::b.2024-05-06T07:08:09Z.diff.gz", "/repo/d/a::b.2024-05-06T07:08:09Z.diff.gz"),
        ("./a::b::c", "./a::b::c"),
        ("./::", "./::"),
        ("/x/me@web::", "/x/me@web::"),
        (r"/x\::y::z", "/x::y::z"),
        (r"/x\\::y", r"/x\::y"),
        ("[/]::x", "[/]::x"),
    ] {
        assert_eq!(Location::parse(text), Ok(Location::Local(path.into())), "{text}");
        assert_eq!(Location::parse_with_scp(text), Ok(Location::Local(path.into())), "{text}");
    }
    assert_eq!(Location::parse("web:/srv"), Ok(Location::Local("web:/srv".into())));
}

#[test]
fn rdiff_backups_own_cases() {
    let Ok(Location::Remote(remote)) = Location::parse("a:b:c:d::e") else { panic!("not remote") };
    assert_eq!((remote.host(), remote.path()), ("a:b:c:d", Path::new("e")));
    let Ok(Location::Remote(remote)) = Location::parse(r"not\::too::many\\\::paths") else {
        panic!("not remote")
    };
    assert_eq!((remote.host(), remote.path()), ("not::too", Path::new(r"many\::paths")));
    assert!(matches!(Location::parse(r"host\:path::"), Err(LocationError::NoPath { .. })));
    assert!(matches!(Location::parse("::path"), Err(LocationError::NoHost { .. })));
    assert!(matches!(Location::parse("too::many::paths"), Err(LocationError::TooManyParts { .. })));
}

#[test]
fn hostile_names_never_reach_ssh() {
    for text in [
        "-oProxyCommand=x::/",
        "ssh://-oProxyCommand=x/",
        "hello there::/x",
        "a\nb::/x",
        "a;b::/x",
        "$(x)::/x",
        "-l@web::/x",
        "ssh://me:secret@web/x",
        "sshfs#me@web:/x",
        "<me@web>:/x",
        "ssh://web:0/x",
        "ssh://web:65536/x",
        "ssh://web:/x",
        "ssh://web",
        "ssh://web/%zz",
        "ssh:///x",
        "",
    ] {
        let refused = Location::parse_with_scp(text).map_err(|error| error.to_string());
        let message = refused.expect_err(text);
        assert!(!message.contains('\n') || text.contains('\n'), "{message}");
    }
}

#[test]
fn brackets_reach_sshfs_but_not_ssh() {
    let remote = remote("ssh://me@[::1]:2222/srv");
    assert_eq!(remote.sshfs_source(), "me@[::1]:/srv");
    assert_eq!(remote.ssh_destination(), "me@::1");
}

fn any_path() -> impl Strategy<Value = PathBuf> {
    let byte = prop_oneof![
        2 => Just(b':'), 2 => Just(b'\\'), 1 => Just(b'/'), 1 => Just(b'['), 1 => Just(b']'), 1 => Just(b'@'),
        1 => Just(b'%'), 1 => Just(b'~'), 4 => 1..=255_u8,
    ];
    prop::collection::vec(byte, 1..12).prop_map(|bytes| OsString::from_vec(bytes).into())
}

fn any_form() -> impl Strategy<Value = Form> {
    prop::sample::select(vec![Form::Scp, Form::DoubleColon, Form::Url, Form::UrlDoubleColon])
}

fn any_remote() -> impl Strategy<Value = Remote> {
    let user = prop::option::of(r"[a-z%_.][a-z0-9@%\\_.-]{0,6}[a-z]");
    let host = prop_oneof!["[a-z0-9.][a-z0-9.-]{0,8}", "[a-f0-9:]{1,9}", Just("fe80::1%eth0".to_owned())];
    (user, host, prop::option::of(1..=u16::MAX), any_path(), any_form()).prop_map(
        |(user, host, port, path, form)| {
            Remote::new(user.as_deref(), &host, port, path).unwrap().in_form(form)
        },
    )
}

proptest! {
    #[test]
    fn a_local_path_survives_the_trip(path in any_path()) {
        let location = Location::Local(path);
        let text = location.to_os_string();
        prop_assert_eq!(Location::parse(&text), Ok(location.clone()));
        prop_assert_eq!(Location::parse_with_scp(&text), Ok(location));
    }

    #[test]
    fn a_remote_path_survives_the_trip(remote in any_remote()) {
        let text = remote.to_os_string();
        let Ok(Location::Remote(again)) = Location::parse_with_scp(&text) else { panic!("{text:?}") };
        prop_assert_eq!(again.path().as_os_str(), remote.path().as_os_str());
        if again.form() != Form::Scp {
            prop_assert_eq!(Location::parse(&text), Ok(Location::Remote(again.clone())));
        }
        prop_assert_eq!(again.in_form(remote.form()), remote, "{:?}", text);
    }

    #[test]
    fn any_text_parses_or_is_refused_and_never_panics(path in any_path()) {
        for location in [Location::parse(&path), Location::parse_with_scp(&path)].into_iter().flatten() {
            let Ok(again) = Location::parse_with_scp(location.to_os_string()) else { panic!("{location:?}") };
            prop_assert_eq!(again.to_string(), location.to_string());
        }
    }
}
