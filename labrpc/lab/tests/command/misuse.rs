//! Wrong command lines: each gives one line on standard error, and status 2.

use crate::fake::FakeCourse;

const LABS: &str =
    "(labs: 2a, 2b, 2c, 2d, 3a, 3b; kinds: rules, cluster, chaos, cost; tests: see a lab's tests/points.txt)";
const COMMANDS: &str = "(commands: status, test, watch, hint, replay, story, carry, doctor, submit, completions, bugs, handout, grade, merge, gradescope, help)";
const TEST_OPTIONS: &str = "(options: --seeds, --seed, --replay, --json, --hash, --release, --world, --help)";
const SEEDS: &str = "--seeds, --seed and --replay each choose the seeds: use one of them, once";
const TOKEN: &str =
    "is not a replay token: a token is test:seed or test:seed:keep, for instance initial_election_2a:17";

fn assert_refused(cases: &[(&str, String)]) {
    let course = FakeCourse::new();
    for (arguments, message) in cases {
        let ended = course.lab(arguments);
        assert_eq!(ended.stderr, format!("error: {message}\n"), "cargo lab {arguments}");
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "cargo lab {arguments}");
    }
}

/// The message for an unknown command has the known ones, and a suggestion.
#[test]
fn commands_are_checked() {
    assert_refused(&[
        ("tset", format!("there is no command `tset`: did you mean `test`? {COMMANDS}")),
        ("frobnicate", format!("there is no command `frobnicate` {COMMANDS}")),
        ("help hadnout", format!("there is no command `hadnout`: did you mean `handout`? {COMMANDS}")),
        ("2A", "`2A` is a lab, not a command: did you mean `cargo lab test 2A`?".to_string()),
        ("--json test 2a", "the command comes first: write `cargo lab test`, then its options".to_string()),
        ("--json 2a", "`2a` needs a command: did you mean `cargo lab test 2a`?".to_string()),
    ]);
}

/// The message for an unknown lab or test has a suggestion.
#[test]
fn labs_and_tests_are_checked() {
    assert_refused(&[
        ("test 2e", format!("there is no lab, kind or test `2e`: did you mean `2a`? {LABS}")),
        ("test lab2b-lag", format!("there is no lab, kind or test `lab2b-lag`: did you mean `lab2b-log`? {LABS}")),
        ("test two2c", format!("there is no lab, kind or test `two2c`: did you mean `two_2c`? {LABS}")),
        ("test 2a frobnicate", format!("there is no lab, kind or test `frobnicate` {LABS}")),
    ]);
}

/// Names that would together choose more than one expects are refused.
#[test]
fn surprising_sums_are_checked() {
    assert_refused(&[
        ("test 2a rules", "`rules` alone means the rules tests of every lab: did you mean `2a:rules`?".to_string()),
        (
            "test cluster one_2a",
            "`cluster` alone means the cluster tests of every lab: leave it out to run `one_2a`".to_string(),
        ),
        ("test 2a 2a:cluster", "`2a:cluster` is a part of `2a`: leave out one of them".to_string()),
        ("test 2b one_2a", "one_2a is a test of lab 2a: leave out `2b` to run it alone".to_string()),
        (
            "test 2a 2b one_2a",
            "`2b` has no part in `one_2a`: name a test of lab 2b as well, or leave it out".to_string(),
        ),
    ]);
}

/// Options, their values and their combinations are checked.
#[test]
fn options_are_checked() {
    assert_refused(&[
        ("test --sedes 3", format!("`cargo lab test` has no option `--sedes`: did you mean `--seeds`? {TEST_OPTIONS}")),
        ("test -x", format!("`cargo lab test` has no option `-x` {TEST_OPTIONS}")),
        ("--jsn", "`cargo lab` has no option `--jsn`: did you mean `cargo lab --json`?".to_string()),
        ("--release", "`--release` needs a command: did you mean `cargo lab test --release`?".to_string()),
        ("--sedes", "`--sedes` needs a command: did you mean `cargo lab test --seeds`?".to_string()),
        (
            "--frobnicate",
            "`cargo lab` has no option `--frobnicate` (options: --json, --help; see `cargo lab help`)".to_string(),
        ),
        (
            "status 2a",
            "`cargo lab status` takes no `2a`: it shows all labs; to run tests, write `cargo lab test 2a`".to_string(),
        ),
        ("doctor 2a", "`cargo lab doctor` takes no `2a`: it looks at the whole workspace".to_string()),
        ("doctor --fix", "`cargo lab doctor` has no option `--fix` (options: --json, --help)".to_string()),
        (
            "submit a.zip",
            "`a.zip` is no name for an archive: let it end in .tar.gz, for instance ../alice.tar.gz".to_string(),
        ),
        (
            "submit .tar.gz",
            "`.tar.gz` is no name for an archive: let it end in .tar.gz, for instance ../alice.tar.gz".to_string(),
        ),
        ("submit a.tar.gz b.tgz", "`b.tgz` is one file too many: `cargo lab submit` writes one archive".to_string()),
        ("submit --force", "`cargo lab submit` has no option `--force` (options: --list, --help)".to_string()),
        (
            "completions",
            "the shell is missing: write `cargo lab completions bash` (shells: bash, zsh, fish)".to_string(),
        ),
        (
            "completions bsh",
            "there are no completions for `bsh`: did you mean `bash`? (shells: bash, zsh, fish)".to_string(),
        ),
        ("completions bash zsh", "`zsh` is one shell too many: name one of bash, zsh, fish".to_string()),
        ("watch 2z", "there is no lab `2z` (labs: 2a, 2b, 2c, 2d, 3a, 3b)".to_string()),
        (
            "watch 2a 2b",
            "`2b` is one lab too many: `cargo lab watch` takes one, or none to follow what you save".to_string(),
        ),
        ("watch --seeds 3", "`cargo lab watch` has no option `--seeds` (options: --release, --help)".to_string()),
        (
            "status --jsn",
            "`cargo lab status` has no option `--jsn`: did you mean `--json`? (options: --json, --help)".to_string(),
        ),
        ("test --json=yes", "unexpected argument for option '--json': \"yes\"".to_string()),
        ("test --json --hash", "--json and --hash both print to standard output: use one of them".to_string()),
        ("test --world moon", "there is no world `moon` (worlds: sim, real)".to_string()),
        ("test --world rael", "there is no world `rael`: did you mean `real`? (worlds: sim, real)".to_string()),
        ("test --world", "--world needs a value: sim or real".to_string()),
        (
            "test --world real --hash",
            "--hash needs --world sim: a run with --world real cannot be repeated".to_string(),
        ),
        (
            "test --world real --seed 3",
            "--seed needs --world sim: a run with --world real cannot be repeated".to_string(),
        ),
        (
            "test --world real --replay one_2a:3",
            "--replay needs --world sim: a run with --world real cannot be repeated".to_string(),
        ),
    ]);
}

/// Seeds, numbers of seeds and tokens are checked.
#[test]
fn seeds_and_tokens_are_checked() {
    let count = |value: &str| format!("`--seeds {value}` is not a number of seeds: use 1 to 1000000");
    assert_refused(&[
        ("test --seeds 0", count("0")),
        ("test --seeds 1000001", count("1000001")),
        ("test --seeds many", count("many")),
        ("test --seeds", "--seeds needs a value: a number from 1 to 1000000".to_string()),
        ("test --seed x", "`--seed x` is not a seed: use a whole number, for instance 17".to_string()),
        ("test --seed", "--seed needs a value: a seed, for instance 17".to_string()),
        ("test --seed 1 --seeds 2", SEEDS.to_string()),
        ("test --seed 1 --replay one_2a:1", SEEDS.to_string()),
        ("test --replay", "--replay needs a value: the token that a failed test printed".to_string()),
        ("test --replay one_2a", format!("`one_2a` {TOKEN}")),
        ("test --replay one_2a:x", format!("`one_2a:x` {TOKEN}")),
        ("test --replay :1", format!("`:1` {TOKEN}")),
        ("test --replay one_2a:1:", format!("`one_2a:1:` {TOKEN}")),
        ("test --replay one_2a:1:k-f", format!("`one_2a:1:k-f` {TOKEN}")),
        ("test --replay one_2a:1:k:f", format!("`one_2a:1:k:f` {TOKEN}")),
        (
            "test --replay ona_2a:1",
            "the token names a test `ona_2a` that no lab's tests/points.txt lists: did you mean `one_2a`?".to_string(),
        ),
        ("test 2a --replay one_2a:1", "--replay takes the test from its token: leave out `2a`".to_string()),
    ]);
}

/// The options of `cargo lab bugs` are checked, and that there are lists of bugs.
#[test]
fn bugs_are_checked() {
    let options = "(options: --open, --list, --lawful, --spread, --all-labs, --kind, --seeds, --release, --jobs, --json, --markdown, --stories, --known-mistakes, --hints, --help)";
    let handout = "no lab has a bugs.toml: a handout has none";
    assert_refused(&[
        ("bugs", handout.to_string()),
        ("bugs --lits", format!("`cargo lab bugs` has no option `--lits`: did you mean `--list`? {options}")),
        ("bugs --list --json", "--list and --json both print to standard output: use one of them".to_string()),
        (
            "bugs --list --markdown page.md",
            "--list plants nothing, so --markdown has nothing to write: leave one out".to_string(),
        ),
        (
            "bugs --known-mistakes --kind rules",
            "--known-mistakes runs all tests of the bug's own lab, in the guided track: leave out --kind".to_string(),
        ),
        (
            "bugs --hints 2a",
            "--hints plants nothing and is about all known mistakes: use it alone, or with --json".to_string(),
        ),
        ("bugs --jobs 0", "`--jobs 0` is not a number of jobs: use 1 or more".to_string()),
        ("bugs -j", "--jobs needs a value: a number of jobs".to_string()),
        ("bugs --spread few", "`--spread few` is not a number of variants: use 1 or more".to_string()),
        ("bugs --seeds 0", "`--seeds 0` is not a number of seeds: use 1 to 1000000".to_string()),
    ]);
    let course = FakeCourse::new();
    let entry = "[[lawful]]\nid = \"slow\"\nwhat = \"It is slow.\"\n\
                 edits = [{ file = \"lab2a-election/points.txt\", find = \"one\", replace = \"two\" }]\n";
    course.write("lab2a-election/points.txt", "one");
    course.write("lab2a-election/bugs.toml", entry);
    for (arguments, message) in [
        ("bugs 2b", "lab2b-log/bugs.toml is missing: it lists lab 2b's bugs"),
        (
            "bugs slw",
            "there is no lab or bug `slw`: did you mean `slow`? (labs: 2a, 2b, 2c, 2d, 3a, 3b; bugs: see `cargo lab bugs --list`)",
        ),
        ("bugs --markdown nowhere/page.md", "--markdown nowhere/page.md: choose a file in a folder that exists"),
        ("bugs --markdown lab2a-election", "--markdown lab2a-election: choose a file in a folder that exists"),
    ] {
        let ended = course.lab(arguments);
        assert_eq!((ended.status, ended.stderr), (Some(2), format!("error: {message}\n")), "{arguments}");
    }
}

/// A handout needs a folder outside of the course.
#[test]
fn handouts_are_checked() {
    assert_refused(&[
        ("handout", "the folder is missing: run `cargo lab handout DIR` or `cargo lab handout --check`".to_string()),
        ("handout a b", "`b` is one folder too many: `cargo lab handout` takes one".to_string()),
        ("handout a --check", "--check makes a temporary folder of its own: leave out the folder".to_string()),
        (
            "handout --chekc",
            "`cargo lab handout` has no option `--chekc`: did you mean `--check`? (options: --open, --through, --solved, --check, --help)"
                .to_string(),
        ),
        (
            "handout --open --solve 2a ../out",
            "`cargo lab handout` has no option `--solve`: did you mean `--solved`? (options: --open, --through, --solved, --check, --help)"
                .to_string(),
        ),
        ("handout --solved 2x ../out", "there is no lab `2x` (labs: 2a, 2b, 2c, 2d, 3a, 3b)".to_string()),
        (
            "handout --solved 2a,2b,2c,2d,3a,3b ../out",
            "--solved names every lab: there is nothing left to write".to_string(),
        ),
        ("handout --through 2x ../out", "there is no lab `2x` (labs: 2a, 2b, 2c, 2d, 3a, 3b)".to_string()),
        ("handout --through", "--through needs a value: the last lab of the workspace, for instance 2c".to_string()),
        (
            "handout --through 2b --solved 2a,2c ../out",
            "--solved names lab 2C, which comes after lab 2B, the last one of --through: leave it out".to_string(),
        ),
        (
            "handout --through 2a --solved 2a ../out",
            "--solved names every lab: there is nothing left to write".to_string(),
        ),
        ("handout --check --solved 2a", "--check checks all labs: leave out --solved".to_string()),
        (
            "carry 2a",
            "`cargo lab carry` takes two labs: write `cargo lab carry 2a 2b` to start lab 2B from your lab 2A".to_string(),
        ),
        ("carry 2b 2a", "lab 2B does not come before lab 2A: the earlier lab is named first".to_string()),
        ("carry 2a 9z", "there is no lab `9z` (labs: 2a, 2b, 2c, 2d, 3a, 3b)".to_string()),
        (
            "carry 2a 2b",
            "lab 2B is of the guided track, in which it builds on the crates of the labs before it: nothing has to be \
             carried"
                .to_string(),
        ),
        (
            "handout ../out",
            "this is a handout already: no lab has a solution between `// BEGIN` and `// END`".to_string(),
        ),
        (
            "handout --check",
            "this is a handout already: no lab has a solution between `// BEGIN` and `// END`".to_string(),
        ),
    ]);
}

/// Outside of the course, nothing but help is available.
#[test]
fn the_folder_must_be_in_the_course() {
    let course = FakeCourse::new();
    let outside = course.temporary();
    let run = |arguments: &str| course.command(arguments).current_dir(&outside).output().unwrap();
    let refused = run("test 2a");
    let message = format!(
        "error: {} is not inside the course: run `cargo lab` in the folder that holds lab2a-election and the other labs\n",
        outside.display()
    );
    assert_eq!((String::from_utf8(refused.stderr).unwrap(), refused.status.code()), (message, Some(2)));
    for (arguments, beginning) in [
        ("--help", "Work on, grade and hand out the labs\n\nUsage: cargo lab"),
        ("test --help", "Run graded tests and show the scoreboard\n\nUsage: cargo lab test"),
        ("help bugs", "Plant known bugs and show which graded tests catch them\n\nUsage: cargo lab bugs"),
        ("help handout", "Make the workspace that a student starts from\n\nUsage: cargo lab handout"),
    ] {
        let helped = run(arguments);
        assert!(String::from_utf8(helped.stdout).unwrap().starts_with(beginning), "{arguments}");
        assert_eq!((helped.status.code(), helped.stderr.len()), (Some(0), 0), "{arguments}");
    }
}

/// An error in the course itself is one line with file and line number as well, but has status 1.
#[test]
fn errors_in_the_course_have_status_1() {
    let course = FakeCourse::new();
    course.write("lab2b-log/tests/points.txt", "one_2b 10\n");
    let ended = course.lab("test 2a");
    let message = "error: lab2b-log/tests/points.txt:1: `one_2b 10` has 2 fields instead of three: write `test_name points seeds`\n";
    assert_eq!((ended.stderr.as_str(), ended.status), (message, Some(1)));
}

/// `cargo lab grade` says what it misses, and which sandboxes there are.
#[test]
fn grading_is_checked() {
    const OPTIONS: &str = "(options: --lab, --open, --seeds, --first-seed, --out, --shard, --format, --json, --sandbox, --unsandboxed, --jobs, --prepare, --help)";
    assert_refused(&[
        ("grade", "the submissions are missing: run `cargo lab grade SUBMISSION…`".to_string()),
        (
            "grade --sandbox docker alice",
            "--sandbox docker: there is no such sandbox (bwrap, landlock, uid)".to_string(),
        ),
        (
            "grade --sandbox uid --unsandboxed alice",
            "--sandbox and --unsandboxed exclude each other: leave one out".to_string(),
        ),
        (
            "grade --prepare alice",
            "--prepare grades nothing: leave the submissions out, and grade them with the next command".to_string(),
        ),
        ("grade alice bob alice", "alice is named twice: each submission is graded once".to_string()),
        ("grade --seeds 0 alice", "`--seeds 0` is not a number of seeds: use 1 to 1000000".to_string()),
        (
            "grade --first-seed x alice",
            "--first-seed x: it must be a whole number from 1 to 4611686018427387904".to_string(),
        ),
        (
            "grade --shard 3/2 alice",
            "`--shard 3/2` is not a part: use for instance 2/5 for the second of five".to_string(),
        ),
        (
            "grade --shard 1/2 --out x alice",
            "--shard needs --first-seed: all parts are graded with the same seeds, so choose one at random".to_string(),
        ),
        ("grade --json --format csv alice", "one format is printed: use --out for a folder with several".to_string()),
        ("grade --unsandboxed alice", "alice cannot be read: No such file or directory (os error 2)".to_string()),
        ("gradescope", "the file is missing: run `cargo lab gradescope autograder.zip`".to_string()),
        ("gradescope x.zip --minutes 60", "`--minutes 60`: Gradescope takes 10 to 40".to_string()),
        ("grade --lab 4a alice", "there is no lab `4a` (labs: 2a, 2b, 2c, 2d, 3a, 3b)".to_string()),
        (
            "grade --unsandboxe alice",
            format!("`cargo lab grade` has no option `--unsandboxe`: did you mean `--unsandboxed`? {OPTIONS}"),
        ),
    ]);
}
