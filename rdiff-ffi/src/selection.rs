//! Which paths a job is about, and whose they are: what the options of several jobs have in common.

use crate::arg;
use crate::status::Failure;
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

/// A rule of a selection. The first that says something of a path decides; what none speaks of is included. Patterns begin with
/// the source directory as it was given, or with `**`. New kinds may come, but the structure stays as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_rule {
    /// One of the kinds above.
    pub kind: u32,
    /// What the kind says, or NULL.
    pub pattern: *const c_char,
    /// Bytes, for the kinds that are about sizes.
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
    let list = || -> Result<List, Failure> {
        Ok(List { contents: pattern()?, name: format!("rule {index}"), separator: Separator::Newline })
    };
    let (include, exclude) = (Sense::Include, Sense::Exclude);
    Ok(match rule.kind {
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
        unknown => return Err(Failure::argument(format!("rule {index} is of the unknown kind {unknown}"))),
    })
}

/// A mapping of owners, in lines `old:new`; nothing for NULL.
pub(crate) unsafe fn mapping(lines: *const c_char, name: &str) -> Result<Mapping, Failure> {
    // SAFETY: passed on.
    let text = unsafe { arg::text(lines, name)? }.unwrap_or_default();
    Mapping::parse(&text).map_err(|line| Failure::argument(format!("{name}: {line:?} is not old:new")))
}
