//! The options of the file selection. They keep their order across kinds, for the first rule that
//! decides wins.

use crate::action::{Choice, FileType, ListFile};
use crate::args::additions::added;
use crate::args::parts::{integer, option};
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use rdiff_core::tree::select::Sense;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What an option takes, and what it makes of it.
#[derive(Clone, Copy)]
enum Form {
    /// A glob, a regular expression, a name.
    Bytes(fn(Sense, Vec<u8>) -> Choice),
    /// A file of lines.
    File(fn(Sense, ListFile) -> Choice),
    /// The same from standard input.
    Stdin(fn(Sense, ListFile) -> Choice),
    /// Nothing.
    Type(FileType),
    /// A number of bytes.
    Size(fn(i64) -> Choice),
}

/// One option: its name, its sense, its form, the name of its value and its help.
type Row = (&'static str, Sense, Form, &'static str, &'static str);

const ROWS: [Row; 28] = {
    use FileType::{Device, Fifo, OtherFilesystem, Socket, Special, SymbolicLink};
    use Form::{Bytes, File, Size, Stdin, Type};
    use Sense::{Exclude as X, Include as I};
    [
        ("exclude", X, Bytes(Choice::Glob), "GLOB", "Leave out what the glob matches, with all below it"),
        ("include", I, Bytes(Choice::Glob), "GLOB", "Take what the glob matches, with all below it"),
        ("exclude-regexp", X, Bytes(Choice::Regexp), "REGEXP", "Leave out paths in which it is found"),
        ("include-regexp", I, Bytes(Choice::Regexp), "REGEXP", "Take paths in which it is found"),
        ("exclude-filelist", X, File(Choice::Filelist), "FILE", "Leave out the paths in the file"),
        ("include-filelist", I, File(Choice::Filelist), "FILE", "Take the paths in the file"),
        ("exclude-filelist-stdin", X, Stdin(Choice::Filelist), "", "The same, from standard input"),
        ("include-filelist-stdin", I, Stdin(Choice::Filelist), "", "The same, from standard input"),
        ("exclude-globbing-filelist", X, File(Choice::GlobbingFilelist), "FILE", "Each line is a glob"),
        ("include-globbing-filelist", I, File(Choice::GlobbingFilelist), "FILE", "Each line is a glob"),
        ("exclude-globbing-filelist-stdin", X, Stdin(Choice::GlobbingFilelist), "", "From standard input"),
        ("include-globbing-filelist-stdin", I, Stdin(Choice::GlobbingFilelist), "", "From standard input"),
        ("exclude-if-present", X, Bytes(Choice::IfPresent), "NAME", "Leave out directories that hold NAME"),
        ("include-if-present", I, Bytes(Choice::IfPresent), "NAME", "Take the files beside NAME"),
        ("exclude-special-files", X, Type(Special), "", "Leave out links, devices, fifos and sockets"),
        ("include-special-files", I, Type(Special), "", "Take links, devices, fifos and sockets"),
        ("exclude-symbolic-links", X, Type(SymbolicLink), "", "Leave out symbolic links"),
        ("include-symbolic-links", I, Type(SymbolicLink), "", "Take symbolic links"),
        ("exclude-device-files", X, Type(Device), "", "Leave out device files"),
        ("include-device-files", I, Type(Device), "", "Take device files"),
        ("exclude-fifos", X, Type(Fifo), "", "Leave out fifos"),
        ("include-fifos", I, Type(Fifo), "", "Take fifos"),
        ("exclude-sockets", X, Type(Socket), "", "Leave out sockets"),
        ("include-sockets", I, Type(Socket), "", "Take sockets"),
        ("exclude-other-filesystems", X, Type(OtherFilesystem), "", "Stay on the source's file system"),
        ("include-other-filesystems", I, Type(OtherFilesystem), "", "Take what other file systems hold"),
        ("max-file-size", X, Size(Choice::MaxFileSize), "BYTES", "Leave out larger files"),
        ("min-file-size", X, Size(Choice::MinFileSize), "BYTES", "Leave out smaller files"),
    ]
};

/// Defines the options of the file selection.
pub fn selection_args() -> Vec<Arg> {
    let explain = option("explain", "PATH", "Say which rule decides about this path, and do nothing else");
    let rows = ROWS.iter().map(|&(name, _, form, value, help)| arg(name, form, value, help));
    rows.chain([added(explain)]).collect()
}

fn arg(name: &'static str, form: Form, value: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).help(help).help_heading("File selection");
    let arg = match form {
        // Each occurrence counts, so each leaves its place.
        Form::Type(_) | Form::Stdin(_) => {
            return arg
                .action(ArgAction::Append)
                .num_args(0)
                .value_parser(value_parser!(bool))
                .default_missing_value("true");
        }
        Form::Bytes(_) => arg.value_parser(value_parser!(OsString)),
        Form::File(_) => arg.value_parser(value_parser!(OsString)).value_hint(ValueHint::FilePath),
        Form::Size(_) => arg.value_parser(integer),
    };
    arg.value_name(value).action(ArgAction::Append).allow_negative_numbers(true)
}

/// Reads them, in the order of the command line.
pub fn selection(m: &ArgMatches) -> Vec<Choice> {
    let mut placed: Vec<(usize, Choice)> = ROWS.iter().flat_map(|row| choices(m, row)).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, choice)| choice).collect()
}

fn choices(m: &ArgMatches, &(name, sense, form, ..): &Row) -> Vec<(usize, Choice)> {
    let texts = || m.get_many::<OsString>(name).into_iter().flatten().cloned();
    let choices: Vec<Choice> = match form {
        Form::Bytes(make) => texts().map(|t| make(sense, t.as_bytes().to_vec())).collect(),
        Form::File(make) => texts().map(|t| make(sense, ListFile::Path(t.into()))).collect(),
        Form::Stdin(make) => flags(m, name).map(|_| make(sense, ListFile::StandardInput)).collect(),
        Form::Type(kind) => flags(m, name).map(|_| Choice::Type(sense, kind)).collect(),
        Form::Size(make) => m.get_many::<i64>(name).into_iter().flatten().map(|&n| make(n)).collect(),
    };
    m.indices_of(name).into_iter().flatten().zip(choices).collect()
}

fn flags<'a>(m: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a bool> {
    m.get_many::<bool>(name).into_iter().flatten()
}
