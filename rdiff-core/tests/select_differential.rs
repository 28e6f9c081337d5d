//! Random trees and random rules, judged by us and by rdiff-backup itself.
//!
//! `SELECT_CASES` and `SELECT_SEED` ask for more cases, or other ones. Needs `rdiff-backup` and `python3`
//! in the path.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rdiff_core::path::RepoPath;
use rdiff_core::pool::Pool;
use rdiff_core::tree::FileKind;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::select::{
    Candidate, List, Rule, SelectError, Selected, Selection, Sense, Separator, Verdict, Warning,
};
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::Walk;

/// Names that are in the way of one another, and of globs, quoting and `$`.
const NAMES: [&str; 13] = ["a", "b", "ab", "a.b", "A", "B", "x y", "é", "-", "[q]", "*s", "n\nl", "t\n"];

#[test]
fn the_same_paths_are_backed_up() {
    let (cases, seed) = (setting("SELECT_CASES", 60), setting("SELECT_SEED", 1));
    let mut refused = 0;
    for case in seed * 1_000_000..seed * 1_000_000 + cases {
        refused += u64::from(Case::new(case).check());
    }
    println!("{cases} cases, {refused} refused by both");
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// A small generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// One tree with its rules.
struct Case {
    number: u64,
    random: Random,
    directory: tempfile::TempDir,
    /// The source as rules spell it.
    base: Vec<u8>,
    separator: Separator,
    lists: usize,
    /// All paths of the tree, below the source.
    paths: Vec<Vec<u8>>,
}

impl Case {
    fn new(number: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (random, base) = (Random(number), b"src".to_vec());
        Self { number, random, directory, base, separator: Separator::Newline, lists: 0, paths: Vec::new() }
    }

    /// Compares; true if both refuse the rules.
    fn check(&mut self) -> bool {
        let root = self.directory.path().to_owned();
        self.grow(&root.join("src"), 3);
        let typed = self.source(&root);
        if self.random.one_in(6) {
            self.separator = Separator::Nul;
        }
        let rules = self.rules();
        let arguments: Vec<_> = rules.iter().map(|rule| argument(&root, rule)).collect();
        let output = original(&root, &arguments, &typed, self.separator);
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        let told = format!("case {}: {typed:?} {arguments:?}\n{said}", self.number);
        let (selection, warnings) = match Selection::build(&rules, typed.as_bytes()) {
            Ok(built) => built,
            Err(error) => {
                assert!(!output.status.success(), "{told}\nwe refuse: {error}");
                // For the same reason.
                let expected = match error {
                    SelectError::LastOnlyIncludes { .. } => "only specifies",
                    SelectError::CannotMatch { .. } => "cannot match any",
                    SelectError::ConsecutiveSlashes { .. } => "Consecutive",
                    SelectError::FileSize { .. } => "positive integer",
                    _ => "re.error",
                };
                assert!(said.contains(expected), "{told}\nwe say: {error}");
                return true;
            }
        };
        assert!(output.status.success(), "{told}\nwe accept");
        check_warnings(&warnings, &said);
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        selected(&selection, &root.join("src"), &[], &mut ours);
        assert_eq!(ours, walked(&selection, &root.join("src")), "the walk differs: {told}");
        mirrored(&root.join("repo"), &[], &mut theirs);
        let (we, they) = (shown(ours.difference(&theirs)), shown(theirs.difference(&ours)));
        assert!(ours == theirs, "{told}\nonly we: {we:?}\nonly they: {they:?}");
        false
    }

    /// The source as typed.
    fn source(&mut self, root: &Path) -> OsString {
        match self.random.below(6) {
            0 => "./src/".into(),
            1 => {
                let absolute = root.join("src").into_os_string();
                self.base = absolute.clone().into_vec();
                absolute
            }
            _ => "src".into(),
        }
    }

    /// Makes a directory with random contents.
    fn grow(&mut self, directory: &Path, depth: usize) {
        fs::create_dir(directory).unwrap();
        for name in NAMES {
            if !self.random.one_in(3) {
                continue;
            }
            let path = directory.join(name);
            self.paths.push(
                path.strip_prefix(self.directory.path().join("src")).unwrap().as_os_str().as_bytes().into(),
            );
            match self.random.below(12) {
                0 => symlink("nowhere", &path).unwrap(),
                1 => assert!(Command::new("mkfifo").arg("--").arg(&path).status().unwrap().success()),
                2 => drop(UnixListener::bind(&path).unwrap()),
                3..=7 if depth > 0 => self.grow(&path, depth - 1),
                _ => fs::write(&path, vec![b'x'; self.random.below(20)]).unwrap(),
            }
        }
        if depth == 3 && self.random.one_in(4) {
            fs::create_dir(directory.join("rdiff-backup-data")).unwrap();
        }
    }

    fn rules(&mut self) -> Vec<Rule> {
        let mut rules: Vec<_> = (0..=self.random.below(5)).map(|_| self.rule()).collect();
        if !self.random.one_in(4) {
            rules.push(Rule::Glob { sense: Sense::Exclude, pattern: b"**".to_vec() });
        }
        rules
    }

    fn rule(&mut self) -> Rule {
        let sense = if self.random.one_in(2) { Sense::Include } else { Sense::Exclude };
        match self.random.below(20) {
            0..=6 => Rule::Glob { sense, pattern: self.glob() },
            7..=9 => Rule::Regexp { sense, pattern: self.regexp() },
            10..=12 => Rule::Filelist { sense, list: self.list(false) },
            13 | 14 => Rule::GlobbingFilelist { sense, list: self.list(true) },
            15 => Rule::SpecialFiles(sense),
            16 => Rule::SymbolicLinks(sense),
            17 => Rule::IfPresent { sense, name: self.random.pick(&NAMES).into() },
            18 if self.random.one_in(2) => Rule::MaxFileSize(self.random.below(15) as u64),
            18 => Rule::MinFileSize(self.random.below(15) as u64),
            // Only the excluding ones: with these the original crashes when they include.
            _ => match self.random.below(4) {
                0 => Rule::Fifos(Sense::Exclude),
                1 => Rule::Sockets(Sense::Exclude),
                2 => Rule::DeviceFiles(Sense::Exclude),
                _ => Rule::OtherFilesystems(Sense::Exclude),
            },
        }
    }

    fn start(&mut self) -> Vec<u8> {
        match self.random.below(60) {
            0 => b"elsewhere".to_vec(),
            1 => [b"/", &self.base[..]].concat(),
            2 => [&self.base[..], b"/"].concat(),
            3 | 4 => b"**".to_vec(),
            5 | 6 => b"*".to_vec(),
            _ => self.base.clone(),
        }
    }

    /// Mostly one that exists, and often one of few, so that lines meet one another.
    fn path(&mut self) -> Vec<u8> {
        let mut path = self.start();
        let known = self.paths.len().min(if self.random.one_in(2) { 8 } else { usize::MAX });
        if known > 0 && !self.random.one_in(4) {
            path.push(b'/');
            path.extend(&self.paths[self.random.below(known)]);
        }
        for _ in 0..self.random.below(3) * self.random.below(2) {
            path.push(b'/');
            path.extend(self.random.pick(&NAMES).bytes());
        }
        path
    }

    fn glob(&mut self) -> Vec<u8> {
        const PIECES: [&str; 24] = [
            "*", "*", "?", "**", "a*", "*b", "[ab]", "[!a]", "[^b]*", "[a-c]", "[]a]*", "[", r"\a", r"\*",
            "??", "**b", "a", "b?", "n?l", "[[]q]", "[a/b]", "[é]*", "", "[z-a]",
        ];
        if self.random.one_in(3) {
            return self.path();
        }
        let mut glob = self.start();
        for _ in 0..=self.random.below(3) {
            glob.push(b'/');
            // The last two make errors.
            let pieces = if self.random.one_in(10) { &PIECES[..] } else { &PIECES[..22] };
            let piece =
                if self.random.one_in(3) { self.random.pick(&NAMES) } else { self.random.pick(pieces) };
            glob.extend(piece.bytes());
        }
        match self.random.below(10) {
            0 => [b"ignorecase:", &glob[..]].concat(),
            1 => [b"IgnoreCase:", &glob.to_ascii_uppercase()[..]].concat(),
            _ => glob,
        }
    }

    fn regexp(&mut self) -> Vec<u8> {
        const PIECES: [&str; 28] = [
            "a$",
            "b",
            "^src/a",
            "/a/",
            r"\.b",
            "[aA]b",
            "(?i)A$",
            "a|b",
            "/b/?$",
            "(?!.*b)a",
            "^[^/]*/a",
            r"l\Z",
            "(?s)n.l",
            r"(a).*\1",
            "t$",
            "é$",
            r"\W$",
            "(?<=/)a$",
            "(^|/)x y",
            r"(?P<n>[ab])/(?P=n)",
            "(?i:A)b",
            "a{,1}b$",
            r"(?#a)[^\W\d]$",
            r"\x61$",
            r"/\141\Z",
            "(?x) b  $ # x",
            "(?(",
            "(",
        ];
        let pieces = if self.random.one_in(5) { &PIECES[..] } else { &PIECES[..26] };
        self.random.pick(pieces).into()
    }

    fn list(&mut self, globs: bool) -> List {
        let separator = self.separator;
        let mut contents = Vec::new();
        for _ in 0..self.random.below(10) {
            let odd = self.random.one_in(12);
            let signs: &[&str] =
                if odd { &["+", "-", "+  ", " ", "\t", " - ", "+ - ", "-\t"] } else { &["", "", "+ ", "- "] };
            contents.extend(self.random.pick(signs).bytes());
            contents.extend(if globs { self.glob() } else { self.path() });
            let odd = self.random.one_in(12);
            let ends: &[&str] = if odd { &[" ", "\r\r", "\n", "\0", "/"] } else { &["", "", "\r"] };
            contents.extend(self.random.pick(ends).bytes());
            contents.push(if separator == Separator::Nul { 0 } else { b'\n' });
        }
        if self.random.one_in(4) {
            contents.pop();
        }
        self.lists += 1;
        List { contents, name: format!("list{}", self.lists), separator }
    }
}

/// The rule as an option. Lists are written to files.
fn argument(root: &Path, rule: &Rule) -> OsString {
    let value = match rule {
        Rule::Glob { pattern, .. } | Rule::Regexp { pattern, .. } => Some(pattern.clone()),
        Rule::IfPresent { name, .. } => Some(name.clone()),
        Rule::Filelist { list, .. } | Rule::GlobbingFilelist { list, .. } => {
            fs::write(root.join(&list.name), &list.contents).unwrap();
            Some(list.name.clone().into_bytes())
        }
        Rule::MaxFileSize(size) | Rule::MinFileSize(size) => Some(size.to_string().into_bytes()),
        _ => None,
    };
    let text = format!("--{rule}");
    let mut argument = OsString::from(text.split(' ').next().unwrap());
    if let Some(value) = value {
        argument.push("=");
        argument.push(OsStr::from_bytes(&value));
    }
    argument
}

/// Runs the real program.
fn original(root: &Path, rules: &[OsString], source: &OsStr, separator: Separator) -> Output {
    let mut command = Command::new("rdiff-backup");
    command.current_dir(root).env("LC_ALL", "C.UTF-8");
    if separator == Separator::Nul {
        command.arg("--null-separator");
    }
    command.args(["--no-fsync", "backup"]).args(rules).arg(source).arg("repo");
    command
        .output()
        .unwrap_or_else(|e| panic!("rdiff-backup is needed to compare with, but cannot be run: {e}"))
}

fn check_warnings(warnings: &[Warning], said: &str) {
    let ours = warnings.iter().filter(|w| matches!(w, Warning::OffSource { .. })).count();
    assert_eq!(ours, said.matches("WARNING: File specification").count(), "{said}");
    let is_cut = warnings.contains(&Warning::NoMoreWarnings);
    assert_eq!(is_cut, said.contains("Future prefix errors"), "{said}");
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// The smallest possible walk: what is selected below a directory. Was anything?
fn selected(selection: &Selection, root: &Path, directory: &[u8], paths: &mut BTreeSet<Vec<u8>>) -> bool {
    let host = |path: &[u8]| root.join(OsStr::from_bytes(path));
    let is_there =
        |path: &[u8], name: &[u8]| fs::symlink_metadata(host(path).join(OsStr::from_bytes(name))).is_ok();
    let mut names: Vec<_> =
        fs::read_dir(host(directory)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let before = paths.len();
    for name in names {
        let path = join(directory, name.as_bytes());
        let metadata = fs::symlink_metadata(host(&path)).unwrap();
        let decision = selection.decide(&Candidate {
            path: RepoPath::new(&path).unwrap(),
            kind: kind(&metadata),
            size: metadata.len(),
            device: metadata.dev(),
            root_device: fs::metadata(root).unwrap().dev(),
            has_entry: &|name| is_there(&path, name),
            parent_has_entry: &|name| is_there(directory, name),
        });
        assert_eq!(selection.explain(decision).rule.is_some(), decision.rule.is_some());
        let enter = metadata.is_dir() && decision.verdict != Verdict::Exclude;
        let below = enter && selected(selection, root, &path, paths);
        if decision.verdict == Verdict::Include || below {
            paths.insert(path);
        }
    }
    paths.len() > before
}

/// The same by the walk of the core.
fn walked(selection: &Selection, root: &Path) -> BTreeSet<Vec<u8>> {
    let source = Arc::new(LocalSource::open(root, Arc::new(Names::default())).unwrap());
    let filter = Selected::new(selection.clone(), source.root().unwrap().device);
    let walk = Walk::new(source, Arc::new(Pool::new(0)), filter);
    walk.map(|found| found.path.as_bytes().to_vec()).filter(|path| !path.is_empty()).collect()
}

fn kind(metadata: &fs::Metadata) -> FileKind {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => FileKind::Regular,
        () if kind.is_dir() => FileKind::Directory,
        () if kind.is_symlink() => FileKind::Symlink,
        () if kind.is_fifo() => FileKind::Fifo,
        () if kind.is_socket() => FileKind::Socket,
        () if kind.is_block_device() => FileKind::BlockDevice,
        () => FileKind::CharDevice,
    }
}

/// What is in the mirror.
fn mirrored(repository: &Path, directory: &[u8], paths: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(repository.join(OsStr::from_bytes(directory))).unwrap().map(Result::unwrap) {
        let path = join(directory, entry.file_name().as_bytes());
        if path == b"rdiff-backup-data" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            mirrored(repository, &path, paths);
        }
        paths.insert(path);
    }
}

fn shown<'a>(paths: impl Iterator<Item = &'a Vec<u8>>) -> Vec<String> {
    paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

/// Reads lines of hexadecimal words, a pattern and its texts; prints which texts it is found in, or `E`.
const JUDGE: &str = r"
import re, sys, warnings
warnings.simplefilter('ignore')
for line in sys.stdin:
    pattern, *texts = [bytes.fromhex(word[1:]) for word in line.split()]
    try:
        regexp = re.compile(pattern)
        print(''.join('01'[regexp.search(text) is not None] for text in texts))
    except (re.error, OverflowError, RecursionError) as error:
        print('E', error)
";

#[test]
fn regular_expressions_are_searched_as_python_does() {
    let count = 50 * setting("SELECT_CASES", 60) as usize;
    let mut random = Random(setting("SELECT_SEED", 1));
    let cases: Vec<_> = (0..count).map(|_| (pattern(&mut random, 3), texts(&mut random))).collect();
    let answers = python(&cases);
    let (mut compared, mut refused, mut unsupported) = (0, 0, 0);
    for ((pattern, texts), answer) in cases.iter().zip(&answers) {
        let told = format!("{:?}, python says {answer}", String::from_utf8_lossy(pattern));
        let rule = Rule::Regexp { sense: Sense::Exclude, pattern: pattern.clone() };
        match (Selection::build(&[rule], b"src"), answer.starts_with('E')) {
            (Err(_), true) => refused += 1,
            (Ok(_), true) => panic!("we accept {told}"),
            (Err(error), false) => {
                println!("unsupported: {told}: {error}");
                unsupported += 1;
            }
            (Ok(_), false) => {
                compared += 1;
                for (text, found) in texts.iter().zip(answer.bytes()) {
                    let shown = String::from_utf8_lossy(text);
                    assert_eq!(is_found(pattern, text), found == b'1', "{shown:?} {told}");
                }
            }
        }
    }
    println!("{compared} patterns compared, {refused} refused by both, {unsupported} by us alone");
    assert!(unsupported * 100 < compared, "{unsupported} good patterns are not supported");
}

/// Asks through the public face: a source named by the text, and its root.
fn is_found(pattern: &[u8], text: &[u8]) -> bool {
    let rule = Rule::Regexp { sense: Sense::Exclude, pattern: pattern.to_vec() };
    let (selection, _) = Selection::build(&[rule], text).unwrap();
    let none = |_: &[u8]| false;
    let decision = selection.decide(&Candidate {
        path: RepoPath::ROOT,
        kind: FileKind::Directory,
        size: 0,
        device: 0,
        root_device: 0,
        has_entry: &none,
        parent_has_entry: &none,
    });
    decision.verdict == Verdict::Exclude
}

fn python(cases: &[(Vec<u8>, Vec<Vec<u8>>)]) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().fold("x".to_owned(), |text, b| text + &format!("{b:02x}"));
    let line = |(pattern, texts): &(Vec<u8>, Vec<Vec<u8>>)| {
        texts.iter().fold(hex(pattern), |line, text| line + " " + &hex(text)) + "\n"
    };
    let input: String = cases.iter().map(line).collect();
    let mut child = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("python3 is needed to compare with, but cannot be run: {e}"));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// Texts that a source can be called: tidying changes none.
fn texts(random: &mut Random) -> Vec<Vec<u8>> {
    let text = |random: &mut Random| {
        let pieces =
            (0..=random.below(5)).map(|_| random.pick(&["a", "b", "A", "\n", "c", "é", " ", "1", "_"]));
        pieces.collect::<String>().into_bytes()
    };
    (0..12).map(|_| text(random)).collect()
}

/// A pattern, mostly well formed.
fn pattern(random: &mut Random, depth: usize) -> Vec<u8> {
    const ATOMS: [&str; 38] = [
        "a", "b", "A", "c", ".", r"\n", "é", "^", "$", r"\A", r"\Z", r"\b", r"\B", r"\d", r"\w", r"\W",
        r"\S", r"\s", "[ab]", "[^a]", "[a-c]", "[]a]", r"[\w-]", "[^]a]", r"[\d\n]", r"\x61", r"\141", r"\0",
        r"\1", r"\2", "(?P=n)", " ", "#", "1", "[a", "{", "}", r"\q",
    ];
    const OPEN: [&str; 16] = [
        "(", "(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?P<n>", "(?i:", "(?s:", "(?x:", "(?m:",
        "(?>", "(?(1)", "(?-i:",
    ];
    const REPEAT: [&str; 14] =
        ["*", "+", "?", "{2}", "{,1}", "{1,}", "{1,2}", "*?", "+?", "??", "{,}", "{2,1}", "*+", "++"];
    let mut out = Vec::new();
    if depth == 3 && random.one_in(6) {
        out.extend(random.pick(&["(?i)", "(?s)", "(?m)", "(?x)", "(?im)", "(?a)"]).bytes());
    }
    for _ in 0..=random.below(4) {
        // Python 3.11 loses the captures when it leaves a possessive group, so only atoms have those.
        let mut repeats = &REPEAT[..];
        if depth > 0 && random.one_in(3) {
            out.extend(random.pick(&OPEN).bytes());
            out.extend(pattern(random, depth - 1));
            out.push(b')');
            repeats = &REPEAT[..12];
        } else {
            // The last ten mostly make errors.
            let atoms = if random.one_in(4) { &ATOMS[..] } else { &ATOMS[..28] };
            out.extend(random.pick(atoms).bytes());
        }
        if random.one_in(4) {
            out.extend(random.pick(repeats).bytes());
        } else if random.one_in(8) {
            out.push(b'|');
        }
    }
    out
}
