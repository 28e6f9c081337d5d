use super::step::{DEVICES, FIFOS, SOCKETS, SPECIAL, SYMLINKS};
use super::*;
use FileKind::{BlockDevice, CharDevice, Directory, Fifo, Regular, Socket, Symlink};
use Sense::{Exclude, Include};

fn glob(sense: Sense, pattern: &str) -> Rule {
    Rule::Glob { sense, pattern: pattern.into() }
}

fn list(contents: &str) -> List {
    List { contents: contents.into(), name: "list".into(), separator: Separator::Newline }
}

fn select(rules: &[Rule]) -> Selection {
    Selection::build(rules, b"src").unwrap().0
}

fn nothing(_: &[u8]) -> bool {
    false
}

fn candidate(path: &str, kind: FileKind) -> Candidate<'_> {
    Candidate {
        path: RepoPath::new(path.as_bytes()).unwrap(),
        kind,
        size: 10,
        device: 1,
        root_device: 1,
        has_entry: &nothing,
        parent_has_entry: &nothing,
    }
}

/// The verdicts on paths; a path that ends with a slash is a directory.
fn verdicts<const N: usize>(rules: &[Rule], paths: [&str; N]) -> [Verdict; N] {
    let selection = select(rules);
    paths.map(|path| {
        let kind = if path.ends_with('/') { Directory } else { Regular };
        selection.decide(&candidate(path.trim_end_matches('/'), kind)).verdict
    })
}

fn refusal(rules: &[Rule]) -> String {
    Selection::build(rules, b"src").unwrap_err().to_string()
}

const IN: Verdict = Verdict::Include;
const OUT: Verdict = Verdict::Exclude;
const SCAN: Verdict = Verdict::Scan;

#[test]
fn without_rules_all_but_a_data_directory_at_the_root_is_in() {
    let selection = select(&[]);
    assert!(selection.is_empty());
    let verdicts = verdicts(&[], ["a/", "rdiff-backup-data/", "rdiff-backup-data/x", "a/rdiff-backup-data/"]);
    assert_eq!(verdicts, [IN, OUT, OUT, IN]);
}

#[test]
fn a_data_directory_cannot_be_included() {
    assert_eq!(verdicts(&[glob(Include, "**"), glob(Exclude, "**")], ["rdiff-backup-data/"]), [OUT]);
}

#[test]
fn the_first_rule_that_decides_wins() {
    let rules = [glob(Include, "src/a"), glob(Exclude, "src/a"), glob(Exclude, "src/b")];
    assert_eq!(verdicts(&rules, ["a", "b", "c"]), [IN, OUT, IN]);
}

#[test]
fn a_path_excludes_itself_and_its_contents() {
    assert_eq!(verdicts(&[glob(Exclude, "src/a/b")], ["a/", "a/b/", "a/b/c", "a/bc"]), [IN, OUT, OUT, IN]);
}

#[test]
fn a_path_includes_its_parents_even_if_it_is_missing() {
    let rules = [glob(Include, "src/a/missing"), glob(Exclude, "**")];
    assert_eq!(verdicts(&rules, ["a/", "a/missing/", "a/missing/c", "a/x", "b"]), [IN, IN, IN, OUT, OUT]);
}

#[test]
fn slashes_in_a_path_do_not_matter() {
    for pattern in ["src/a/", "src//a", "/src/a", "//src/a"] {
        assert_eq!(verdicts(&[glob(Exclude, pattern)], ["a/"]), [OUT], "{pattern}");
    }
}

#[test]
fn the_source_itself_names_everything() {
    assert_eq!(verdicts(&[glob(Exclude, "src/")], ["a"]), [OUT]);
}

#[test]
fn a_glob_scans_directories_that_may_hold_a_match() {
    let rules = [glob(Include, "src/*/x*"), glob(Exclude, "**")];
    assert_eq!(verdicts(&rules, ["a/", "a", "a/x/", "a/x/y", "a/y/"]), [SCAN, OUT, IN, IN, OUT]);
}

#[test]
fn a_double_star_scans_all_below_it() {
    let rules = [glob(Include, "src/**.o"), glob(Exclude, "**")];
    assert_eq!(verdicts(&rules, ["a/", "a/b/", "a/b/c.o", "a/b/c.c"]), [SCAN, SCAN, IN, OUT]);
}

#[test]
fn a_later_exclude_does_not_cut_a_scan_short_but_a_later_include_ends_it() {
    let scan = glob(Include, "src/*/x*");
    assert_eq!(verdicts(&[scan.clone(), glob(Exclude, "src/a")], ["a/", "b/"]), [SCAN, IN]);
    let rules = [scan, glob(Include, "src/a"), glob(Exclude, "**")];
    assert_eq!(verdicts(&rules, ["a/", "b/"]), [IN, SCAN]);
}

#[test]
fn case_is_ignored_on_request() {
    let rules = [glob(Exclude, "ignorecase:SRC/*.JPG")];
    assert_eq!(verdicts(&rules, ["a.jpg", "a.Jpg", "a.png"]), [OUT, OUT, IN]);
}

#[test]
fn a_regexp_is_searched_in_the_whole_path_and_says_nothing_of_parents_or_contents() {
    let rules = [Rule::Regexp { sense: Include, pattern: "txt$".into() }, glob(Exclude, "**")];
    assert_eq!(verdicts(&rules, ["a.txt", "d/", "d/b.txt"]), [IN, OUT, IN]);
    let rules = [Rule::Regexp { sense: Exclude, pattern: "^src/d$".into() }];
    assert_eq!(verdicts(&rules, ["d/", "d/x"]), [OUT, IN]);
}

#[test]
fn when_a_regexp_gives_up_the_path_is_kept() {
    let slow = |sense| Rule::Regexp { sense, pattern: r"^(?=s)src/(a|aa|a|aa)*\1$".into() };
    let path = "a".repeat(200) + "b";
    assert_eq!(verdicts(&[slow(Exclude)], [&path]), [IN]);
    assert_eq!(verdicts(&[slow(Include), glob(Exclude, "**")], [&path]), [IN]);
}

#[test]
fn a_filelist_is_of_paths_with_signs() {
    let list = list("src/a/b\r\n\n- src/c\n+ src/d/*\n");
    let rules = [Rule::Filelist { sense: Include, list }, glob(Exclude, "**")];
    assert_eq!(
        verdicts(&rules, ["a/", "a/b/", "a/b/c", "c/", "d/", "d/*", "d/x"]),
        [IN, IN, OUT, OUT, IN, IN, OUT]
    );
}

#[test]
fn a_filelist_may_be_separated_by_nul() {
    let list = List { contents: b"src/a\nb\0src/c\0".to_vec(), name: "-".into(), separator: Separator::Nul };
    let selection = select(&[Rule::Filelist { sense: Exclude, list }]);
    for (path, verdict) in [("a\nb", OUT), ("a", IN), ("c", OUT)] {
        assert_eq!(selection.decide(&candidate(path, Regular)).verdict, verdict, "{path}");
    }
}

#[test]
fn lines_off_the_source_are_warned_about_five_times() {
    let list = list("src/a\n+ x\na\nb\nc\nd\ne\n");
    let (selection, warnings) = Selection::build(&[Rule::Filelist { sense: Exclude, list }], b"src").unwrap();
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 6);
    assert_eq!(texts[0], "'x' in list is not in the source 'src', and is ignored");
    assert_eq!(texts[5], "more lines that are not in the source are ignored without a word");
    assert_eq!(selection.decide(&candidate("a", Regular)).verdict, OUT);
}

#[test]
fn a_globbing_filelist_is_globs_in_order() {
    let list = list("+ src/a/keep\nsrc/a/*\n");
    let rules = [Rule::GlobbingFilelist { sense: Exclude, list }];
    assert_eq!(verdicts(&rules, ["a/", "a/keep", "a/other"]), [IN, IN, OUT]);
}

#[test]
fn each_kind_has_its_rule() {
    let all = [Regular, Directory, Symlink, Fifo, Socket, BlockDevice, CharDevice];
    for (rule, kinds) in [
        (Rule::SpecialFiles as fn(Sense) -> Rule, SPECIAL),
        (Rule::SymbolicLinks, SYMLINKS),
        (Rule::DeviceFiles, DEVICES),
        (Rule::Fifos, FIFOS),
        (Rule::Sockets, SOCKETS),
    ] {
        let excluding = select(&[rule(Exclude)]);
        let including = select(&[rule(Include), glob(Exclude, "**")]);
        for kind in all {
            let c = candidate("x", kind);
            let hit = kinds.contains(&kind);
            assert_eq!(excluding.decide(&c).verdict, if hit { OUT } else { IN }, "{kind:?}");
            assert_eq!(including.decide(&c).verdict, if hit { IN } else { OUT }, "{kind:?}");
        }
    }
}

#[test]
fn other_filesystems_begin_at_their_mount_point() {
    let away = Candidate { device: 2, ..candidate("mnt", Directory) };
    assert_eq!(select(&[Rule::OtherFilesystems(Exclude)]).decide(&away).verdict, OUT);
    let rules = [Rule::OtherFilesystems(Include), glob(Exclude, "**")];
    assert_eq!(select(&rules).decide(&away).verdict, IN);
    assert_eq!(select(&rules).decide(&candidate("x", Directory)).verdict, OUT);
}

#[test]
fn a_present_file_drops_or_keeps_its_directory() {
    let marked = |name: &[u8]| name == b".nobackup";
    let directory = Candidate { has_entry: &marked, ..candidate("d", Directory) };
    let beside = Candidate { parent_has_entry: &marked, ..candidate("d/x", Regular) };
    let below = Candidate { parent_has_entry: &marked, ..candidate("d/e", Directory) };
    let rule = |sense| Rule::IfPresent { sense, name: ".nobackup".into() };
    let decide = |rules: &[Rule]| [&directory, &beside, &below].map(|c| select(rules).decide(c).verdict);
    assert_eq!(decide(&[rule(Exclude)]), [OUT, IN, IN]);
    assert_eq!(decide(&[rule(Include), glob(Exclude, "**")]), [IN, IN, OUT]);
}

#[test]
fn sizes_are_of_regular_files() {
    let verdicts = |rule: Rule| {
        [(Regular, 9), (Regular, 10), (Regular, 11), (Directory, 4096), (Symlink, 4)].map(|(kind, size)| {
            let c = Candidate { size, ..candidate("x", kind) };
            select(std::slice::from_ref(&rule)).decide(&c).verdict
        })
    };
    assert_eq!(verdicts(Rule::MaxFileSize(10)), [IN, IN, OUT, IN, IN]);
    assert_eq!(verdicts(Rule::MinFileSize(10)), [OUT, IN, IN, IN, IN]);
}

#[test]
fn the_last_rule_must_not_only_include() {
    for (rule, name) in [
        (glob(Include, "src/a"), "include src/a"),
        (Rule::Regexp { sense: Include, pattern: "x".into() }, "include-regexp x"),
        (Rule::Filelist { sense: Include, list: list("") }, "include-filelist list"),
        (
            Rule::GlobbingFilelist { sense: Exclude, list: list("src/b\n+ src/a") },
            "exclude-globbing-filelist list (line 2)",
        ),
        (Rule::SymbolicLinks(Include), "include-symbolic-links"),
        (Rule::IfPresent { sense: Include, name: "X".into() }, "include-if-present X"),
    ] {
        let said = refusal(&[glob(Exclude, "src/x"), rule]);
        assert!(said.starts_with(&format!("the last rule, {name}, only includes,")), "{said}");
        assert!(said.contains("put one behind it that excludes '**'"), "{said}");
    }
}

#[test]
fn an_including_list_may_be_last_if_a_line_excludes_and_an_empty_globbing_one_is_nothing() {
    assert!(!select(&[Rule::Filelist { sense: Include, list: list("- src/a") }]).is_empty());
    assert!(select(&[Rule::GlobbingFilelist { sense: Include, list: list("\n") }]).is_empty());
}

#[test]
fn what_cannot_match_is_refused() {
    for pattern in ["foo", "foo/*", "ignorecase:foo/**/x", "", "sr'c/x", "/src/*"] {
        let said = refusal(&[glob(Exclude, pattern)]);
        assert!(said.starts_with(&format!("'{pattern}' matches nothing in 'src';")), "{said}");
    }
    let said = refusal(&[Rule::GlobbingFilelist { sense: Exclude, list: list("foo") }]);
    assert!(said.contains("'foo'") && !said.contains('\n'), "{said}");
}

#[test]
fn other_refusals() {
    assert_eq!(
        refusal(&[glob(Exclude, "src//a*")]),
        "the glob 'src//a*' has two slashes in a row, so it matches nothing; write one"
    );
    assert_eq!(
        refusal(&[Rule::MaxFileSize(0)]),
        "the largest or smallest size of files is 1 byte or more, and not 0"
    );
    assert_eq!(
        refusal(&[glob(Exclude, "src/[z-a]")]),
        "the glob 'src/[z-a]' cannot be used: the range z-a is backwards"
    );
    let regexp = Rule::Regexp { sense: Exclude, pattern: "(".into() };
    assert_eq!(
        refusal(&[regexp]),
        "the regular expression '(' cannot be used: a `(` without `)` at position 1"
    );
}

#[test]
fn the_source_is_tidied() {
    for (typed, tidied) in [
        ("./src/", "src"),
        ("src//x/./y", "src/x/y"),
        ("../x", "../x"),
        (".", "."),
        ("./", "."),
        ("/", "/"),
        ("///", "/"),
        ("//srv/x", "//srv/x"),
        ("//.x", "/.x"),
    ] {
        assert_eq!(String::from_utf8(tidy(typed.as_bytes())).unwrap(), tidied, "{typed}");
    }
    let decide = |base: &str, rule| {
        Selection::build(&[rule], base.as_bytes()).unwrap().0.decide(&candidate("a", Regular)).verdict
    };
    assert_eq!(decide("/", glob(Exclude, "/a*")), OUT);
    assert_eq!(decide("./src/", glob(Exclude, "src/a*")), OUT);
    assert_eq!(decide(".", glob(Exclude, "./a")), OUT);
}

#[test]
fn the_root_is_judged_when_asked_about() {
    assert_eq!(verdicts(&[glob(Exclude, "**")], ["/"]), [OUT]);
    assert_eq!(verdicts(&[glob(Include, "src/a"), glob(Exclude, "**")], ["/"]), [IN]);
    assert_eq!(verdicts(&[glob(Include, "src/a*"), glob(Exclude, "**")], ["/"]), [SCAN]);
}

#[test]
fn a_decision_can_be_explained() {
    let selection = select(&[
        glob(Include, "src/*/x"),
        Rule::GlobbingFilelist { sense: Exclude, list: list("src/q\n\n+ src/r") },
        Rule::MaxFileSize(5),
    ]);
    let explain = |path, kind| selection.explain(selection.decide(&candidate(path, kind))).to_string();
    assert_eq!(explain("r", Regular), "included by rule 2: exclude-globbing-filelist list, line 3");
    assert_eq!(explain("big", Regular), "excluded by rule 3: max-file-size 5");
    assert_eq!(
        explain("q", Directory),
        "taken only if something in it is included by rule 1: include src/*/x"
    );
    assert_eq!(explain("d", Directory), "included: no rule decides");
    assert_eq!(explain("rdiff-backup-data", Directory), "excluded: the data directory of a repository");
}
