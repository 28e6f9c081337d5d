//! Which paths a job is about, and whose they are: what the options of several jobs have in common.

use crate::arg;
use crate::status::Failure;
use rdiff_core::time::Zone;
use rdiff_core::tree::attrs::Mapping;
use rdiff_core::tree::select::{List, Rule, Sense, Separator};
use std::ffi::c_char;

/// Kind of a rule: includes what the shell glob `pattern` matches, and what is below it.
pub const RDIFF_INCLUDE: u32 = 1;
/// Kind of a rule: excludes what the shell glob `pattern` matches, and what is below it.
pub const RDIFF_EXCLUDE: u32 = 2;
/// Kind of a rule: includes paths in which the regular expression `pattern` is found.
pub const RDIFF_INCLUDE_REGEXP: u32 = 3;
/// Kind of a rule: excludes paths in which the regular expression `pattern` is found.
pub const RDIFF_EXCLUDE_REGEXP: u32 = 4;
/// Kind of a rule: includes the paths in `pattern`, one a line.
pub const RDIFF_INCLUDE_FILELIST: u32 = 5;
/// Kind of a rule: excludes the paths in `pattern`, one a line.
pub const RDIFF_EXCLUDE_FILELIST: u32 = 6;
/// Kind of a rule: excludes sockets, pipes, devices and symbolic links. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_SPECIAL_FILES: u32 = 7;
/// Kind of a rule: excludes symbolic links. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_SYMBOLIC_LINKS: u32 = 8;
/// Kind of a rule: excludes devices. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_DEVICES: u32 = 9;
/// Kind of a rule: excludes pipes. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_FIFOS: u32 = 10;
/// Kind of a rule: excludes sockets. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_SOCKETS: u32 = 11;
/// Kind of a rule: excludes what is on another file system than the source. `pattern` is not looked at.
pub const RDIFF_EXCLUDE_OTHER_FILESYSTEMS: u32 = 12;
/// Kind of a rule: excludes directories that hold an entry named `pattern`.
pub const RDIFF_EXCLUDE_IF_PRESENT: u32 = 13;
/// Kind of a rule: excludes regular files of more than `size` bytes.
pub const RDIFF_MAX_FILE_SIZE: u32 = 14;
/// Kind of a rule: excludes regular files of less than `size` bytes.
pub const RDIFF_MIN_FILE_SIZE: u32 = 15;
/// Kind of a rule: includes what the shell globs in `pattern`, one a line, match. A line that begins with "- " excludes.
pub const RDIFF_INCLUDE_GLOBBING_FILELIST: u32 = 16;
/// Kind of a rule: excludes what the shell globs in `pattern`, one a line, match. A line that begins with "+ " includes.
pub const RDIFF_EXCLUDE_GLOBBING_FILELIST: u32 = 17;
/// Kind of a rule: includes sockets, pipes, devices and symbolic links. `pattern` is not looked at.
pub const RDIFF_INCLUDE_SPECIAL_FILES: u32 = 18;
/// Kind of a rule: includes symbolic links. `pattern` is not looked at.
pub const RDIFF_INCLUDE_SYMBOLIC_LINKS: u32 = 19;
/// Kind of a rule: includes devices. `pattern` is not looked at.
pub const RDIFF_INCLUDE_DEVICES: u32 = 20;
/// Kind of a rule: includes pipes. `pattern` is not looked at.
pub const RDIFF_INCLUDE_FIFOS: u32 = 21;
/// Kind of a rule: includes sockets. `pattern` is not looked at.
pub const RDIFF_INCLUDE_SOCKETS: u32 = 22;
/// Kind of a rule: includes what is on another file system than the source. `pattern` is not looked at.
pub const RDIFF_INCLUDE_OTHER_FILESYSTEMS: u32 = 23;
/// Kind of a rule: includes directories that hold an entry named `pattern`, and their entries that are no directories.
pub const RDIFF_INCLUDE_IF_PRESENT: u32 = 24;
/// May be added to the kind of a list: paths in `pattern` end with NUL and not with a newline, and it has `size` bytes.
pub const RDIFF_NUL_SEPARATED: u32 = 256;

/// A rule of a selection. The first that says something of a path decides; what none speaks of is included. Patterns begin with
/// the source directory as it was given, or with `**`. New kinds may come, but the structure stays as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_rule {
    /// One of the kinds above.
    pub kind: u32,
    /// What the kind says, or NULL.
    pub pattern: *const c_char,
    /// Bytes, for the kinds that are about sizes; with RDIFF_NUL_SEPARATED, how many there are at `pattern`.
    pub size: u64,
}

pub(crate) unsafe fn rules(first: *const rdiff_rule, count: usize) -> Result<Vec<Rule>, Failure> {
    // SAFETY: passed on.
    let rules = unsafe { arg::array(first, count, "rules")? };
    // SAFETY: passed on.
    rules.iter().enumerate().map(|(i, rule)| unsafe { self::rule(rule, i) }).collect()
}

unsafe fn rule(rule: &rdiff_rule, index: usize) -> Result<Rule, Failure> {
    let pattern = || {
        // SAFETY: passed on.
        let bytes = unsafe { arg::bytes(rule.pattern) };
        bytes.ok_or_else(|| Failure::argument(format!("the pattern of rule {index} is NULL")))
    };
    let kind = rule.kind & !RDIFF_NUL_SEPARATED;
    let is_counted = kind != rule.kind;
    let list = || -> Result<List, Failure> {
        let (contents, separator) = if is_counted {
            // SAFETY: passed on.
            let counted = unsafe { arg::counted(rule.pattern, rule.size, "bytes of a list")? };
            (counted, Separator::Nul)
        } else {
            (pattern()?, Separator::Newline)
        };
        Ok(List { contents, name: format!("rule {index}"), separator })
    };
    let is_list = matches!(
        kind,
        RDIFF_INCLUDE_FILELIST
            | RDIFF_EXCLUDE_FILELIST
            | RDIFF_INCLUDE_GLOBBING_FILELIST
            | RDIFF_EXCLUDE_GLOBBING_FILELIST
    );
    let (include, exclude) = (Sense::Include, Sense::Exclude);
    Ok(match if is_counted && !is_list { rule.kind } else { kind } {
        RDIFF_INCLUDE => Rule::Glob { sense: include, pattern: pattern()? },
        RDIFF_EXCLUDE => Rule::Glob { sense: exclude, pattern: pattern()? },
        RDIFF_INCLUDE_REGEXP => Rule::Regexp { sense: include, pattern: pattern()? },
        RDIFF_EXCLUDE_REGEXP => Rule::Regexp { sense: exclude, pattern: pattern()? },
        RDIFF_INCLUDE_FILELIST => Rule::Filelist { sense: include, list: list()? },
        RDIFF_EXCLUDE_FILELIST => Rule::Filelist { sense: exclude, list: list()? },
        RDIFF_EXCLUDE_SPECIAL_FILES => Rule::SpecialFiles(exclude),
        RDIFF_EXCLUDE_SYMBOLIC_LINKS => Rule::SymbolicLinks(exclude),
        RDIFF_EXCLUDE_DEVICES => Rule::DeviceFiles(exclude),
        RDIFF_EXCLUDE_FIFOS => Rule::Fifos(exclude),
        RDIFF_EXCLUDE_SOCKETS => Rule::Sockets(exclude),
        RDIFF_EXCLUDE_OTHER_FILESYSTEMS => Rule::OtherFilesystems(exclude),
        RDIFF_EXCLUDE_IF_PRESENT => Rule::IfPresent { sense: exclude, name: pattern()? },
        RDIFF_MAX_FILE_SIZE => Rule::MaxFileSize(rule.size),
        RDIFF_MIN_FILE_SIZE => Rule::MinFileSize(rule.size),
        RDIFF_INCLUDE_GLOBBING_FILELIST => Rule::GlobbingFilelist { sense: include, list: list()? },
        RDIFF_EXCLUDE_GLOBBING_FILELIST => Rule::GlobbingFilelist { sense: exclude, list: list()? },
        RDIFF_INCLUDE_SPECIAL_FILES => Rule::SpecialFiles(include),
        RDIFF_INCLUDE_SYMBOLIC_LINKS => Rule::SymbolicLinks(include),
        RDIFF_INCLUDE_DEVICES => Rule::DeviceFiles(include),
        RDIFF_INCLUDE_FIFOS => Rule::Fifos(include),
        RDIFF_INCLUDE_SOCKETS => Rule::Sockets(include),
        RDIFF_INCLUDE_OTHER_FILESYSTEMS => Rule::OtherFilesystems(include),
        RDIFF_INCLUDE_IF_PRESENT => Rule::IfPresent { sense: include, name: pattern()? },
        unknown => return Err(Failure::argument(format!("rule {index} is of the unknown kind {unknown}"))),
    })
}

/// A mapping of owners, in lines `old:new`; nothing for NULL.
pub(crate) unsafe fn mapping(lines: *const c_char, name: &str) -> Result<Mapping, Failure> {
    // SAFETY: passed on.
    let text = unsafe { arg::text(lines, name)? }.unwrap_or_default();
    Mapping::parse(&text).map_err(|line| Failure::argument(format!("{name}: {line:?} is not old:new")))
}

/// The zone of that name; nothing for NULL.
pub(crate) unsafe fn zone(name: *const c_char) -> Result<Option<Zone>, Failure> {
    // SAFETY: passed on.
    let Some(name) = (unsafe { arg::text(name, "time_zone")? }) else { return Ok(None) };
    let unknown = || Failure::argument(format!("time_zone is {name:?}, which this machine doesn't know"));
    Zone::named(&name).map(Some).ok_or_else(unknown)
}
