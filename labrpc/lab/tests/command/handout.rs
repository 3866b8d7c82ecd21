//! Making and checking a student's workspace, with shell scripts in place of cargo and the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fake::{FakeCourse, LABS, PASSING};

/// The tests of a lab: they fail at the `todo!` if there is one, and pass otherwise.
const HONEST: &str = "\
missing=$(sed -n 's/.*todo!(\"\\(.*\\)\")/\\1/p' src/lib.rs)
for test in one_$lab two_$lab; do for seed in 1 2; do
    if [ \"$missing\" ]; then run $test $seed failed \"panic: not yet implemented: $missing\"
    else run $test $seed passed; fi
done; done";

const CLAIMS: [&str; 7] = [
    "1. two handouts are equal byte for byte … ok",
    "2. it contains no line of a solution or of a planted bug … ok",
    "3. every page that it names is there … ok",
    "4. it compiles without warnings … ok",
    "5. every graded test fails at a todo! within a minute … ok",
    "6. with the solutions put back, it equals the course … ok",
    "7. every graded test then passes … ok",
];

pub fn solved_course() -> FakeCourse {
    let course = FakeCourse::new();
    course.write("docs/getting-started.md", "");
    for (id, package) in LABS {
        course.behave(package, HONEST);
        course.write(&format!("{package}/src/lib.rs"), &lib(id));
        course.write(&format!("docs/lab{id}.md"), "");
    }
    course.write("README.md", "For teachers.\n");
    course.write("docs/handout-readme.md", "For students.\n");
    course.write("lab2a-election/bugs.toml", "# For teachers.\n");
    course
}

fn lib(id: &str) -> String {
    let lab = id.to_uppercase();
    format!(
        "//! Who leads?\n//!\n//! See the paper.\n\nfn vote() -> bool {{\n    // BEGIN {lab} §5.2\n    // HINT Once.\n    \
         secret_of_lab_{id}(self.voted_for)\n    // END\n}}\n"
    )
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A handout is the course without the solutions and without what belongs to one checkout.
#[test]
fn a_handout_is_made() {
    let course = solved_course();
    for skipped in [".git/HEAD", ".ci/run", "target/debug/lab", "elsewhere/CACHEDIR.TAG"] {
        course.write(skipped, "");
    }
    for withheld in ["lab2a-election/bugs.toml", "docs/planted-bugs.md"] {
        course.write(withheld, "what = \"Granting a vote twice.\"\n");
    }
    course.write("labrpc/lab/Cargo.toml", "[features]\ndefault = [\"instructor\"]\n");
    for of_instructors in ["labrpc/lab/src/instructor/mod.rs", "labrpc/lab/tests/command/main.rs"] {
        course.write(of_instructors, "");
    }
    course.write(".cargo/config.toml", "[alias]\n");
    course.write("labrpc/run.sh", "#!/bin/sh\n");
    fs::set_permissions(course.root().join("labrpc/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let ended = course.lab("handout ../student");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let summary = "../student: 43 files, 6 solutions to write (2A 1, 2B 1, 2C 1, 2D 1, 3A 1, 3B 1)\n";
    assert_eq!(ended.stdout, summary);

    let student = course.beside("student");
    let lib = "\
//! Who leads?
//!
//! See the paper.
#![allow(unused, reason = \"at first, places with a todo!: 1, lines: 8; delete this line with the last todo!\")]

fn vote() -> bool {
    todo!(\"lab 2A: §5.2: vote (lab2a-election/src/lib.rs)\")
}
";
    assert_eq!(read(&student.join("lab2a-election/src/lib.rs")), lib);
    let hints: serde_json::Value = serde_json::from_str(&read(&student.join("labrpc/hints.json"))).unwrap();
    let place = serde_json::json!({
        "file": "lab2a-election/src/lib.rs", "item": "vote", "rule": "§5.2", "hints": ["Once."]
    });
    assert_eq!((hints["places"].as_array().unwrap().len(), &hints["places"][0]), (6, &place));
    assert_eq!(read(&student.join("README.md")), "For students.\n");
    assert_eq!(read(&student.join(".cargo/config.toml")), "[alias]\n");
    assert_eq!(fs::metadata(student.join("labrpc/run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(read(&student.join("labrpc/lab/Cargo.toml")), "[features]\ndefault = []\n");
    for absent in [
        "labrpc/lab/src/instructor",
        "labrpc/lab/tests",
        ".ci",
        "target",
        "elsewhere",
        "docs/handout-readme.md",
        "lab2a-election/bugs.toml",
        "docs/planted-bugs.md",
    ] {
        assert!(!student.join(absent).exists(), "{absent}");
    }
    assert_eq!(fs::read_dir(course.beside("")).unwrap().count(), 3, "only the handout is beside the course");
}

/// A handout works like the course, but no handout can be made from it.
#[test]
fn a_handout_is_a_course() {
    let course = solved_course();
    fs::create_dir(course.beside("student")).unwrap();
    assert_eq!(course.lab("handout ../student").status, Some(0), "an empty folder may be used");
    let student = course.beside("student");
    let tested = course.command("test 2a").current_dir(&student).output().unwrap();
    assert_eq!(tested.status.code(), Some(1));
    let board = String::from_utf8(tested.stdout).unwrap();
    let waiting = "\nThese tests wait for code that you have yet to write:\n\n    one_2a\n    two_2a\n        lab 2A: §5.2: vote (lab2a-election/src/lib.rs)\n";
    assert!(board.contains(waiting), "{board}");
    let again = course.command("handout ../another").current_dir(&student).output().unwrap();
    let refusal = "error: this is a handout already: no lab has a solution between `// BEGIN` and `// END`\n";
    assert_eq!((again.status.code(), String::from_utf8(again.stderr).unwrap().as_str()), (Some(2), refusal));
}

/// A folder that is not empty, or is inside the course, is refused and left unchanged.
#[test]
fn a_folder_in_use_is_refused() {
    let course = solved_course();
    fs::write(course.beside("file"), "mine").unwrap();
    fs::create_dir(course.beside("full")).unwrap();
    fs::write(course.beside("full/file"), "mine").unwrap();
    std::os::unix::fs::symlink(course.root(), course.beside("link")).unwrap();
    let inside = "is inside the course: choose a folder outside of it, for instance ../handout";
    for (folder, reason) in [
        ("../full", "is not empty: choose a folder that does not exist yet"),
        ("../file", "is not a readable folder: choose one that does not exist yet"),
        ("student", inside),
        ("../course/labrpc/student", inside),
        ("../link/student", inside),
        (".", inside),
    ] {
        let ended = course.lab(&format!("handout {folder}"));
        assert_eq!((ended.status, ended.stderr), (Some(2), format!("error: {folder} {reason}\n")));
    }
    assert_eq!(read(&course.beside("full/file")), "mine");
    assert_eq!(read(&course.beside("file")), "mine");
}

/// A wrong marker is reported with file and line, and nothing is written.
#[test]
fn a_wrong_marker_makes_no_handout() {
    let course = solved_course();
    course.write("lab2b-log/src/deep/log.rs", "fn log() {\n    // BEGIN 2A §5.3\n    1\n    // END\n}\n");
    let ended = course.lab("handout ../student");
    let message = "error: lab2b-log/src/deep/log.rs:2: the section is marked for lab 2A, but the file is in lab 2B\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), message));
    assert!(!course.beside("student").exists());
}

/// A link is refused, because its target may not be in a copy.
#[test]
fn a_link_makes_no_handout() {
    let course = solved_course();
    std::os::unix::fs::symlink("README.md", course.root().join("LINK.md")).unwrap();
    let ended = course.lab("handout ../student");
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.ends_with("LINK.md is not a regular file: a copy of the course can hold only regular files\n"),
        "{}",
        ended.stderr
    );
}

/// A good handout passes every check, and the temporary folder is removed.
#[test]
fn a_good_handout_passes_every_check() {
    let course = solved_course();
    let ended = course.lab("handout --check");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), CLAIMS.len());
    for (line, claim) in lines.iter().zip(CLAIMS) {
        assert!(line.starts_with(claim), "{line}");
    }
    assert_eq!(fs::read_dir(course.temporary()).unwrap().count(), 0);
}

/// Each check fails when it should, and its message says why.
#[test]
fn each_check_can_fail() {
    type Fault = fn(&FakeCourse);
    let faults: [(usize, Fault, &str); 10] = [
        (
            2,
            |course| {
                course.write("lab2b-log/bugs.toml", "what = \"Granting a vote twice.\"\n");
                course.write("docs/a.md", "what = \"Granting a vote twice.\"\n");
            },
            "docs/a.md:1: `what = \"Granting a vote twice.\"` is a line of lab2b-log/bugs.toml",
        ),
        (
            2,
            |course| course.write("docs/answers.md", "Say:\n\n    secret_of_lab_2c(self.voted_for)\n"),
            "docs/answers.md:3: `secret_of_lab_2c(self.voted_for)` is a line of a solution in lab2c-persist/src/lib.rs",
        ),
        (
            2,
            |course| course.write("docs/bug.patch", "-    secret_of_lab_2c(self.voted_for)\n"),
            "docs/bug.patch:1: `secret_of_lab_2c(self.voted_for)` is a line of a solution in lab2c-persist/src/lib.rs",
        ),
        (
            3,
            |course| course.write("docs/a.md", "See [the rules](lab2z.md#rules).\n"),
            "docs/a.md links to lab2z.md#rules",
        ),
        (
            3,
            |course| fs::remove_file(course.root().join("docs/lab2c.md")).unwrap(),
            "the command says `Read docs/lab2c.md, then: cargo lab test 2c` and names docs/lab2c.md",
        ),
        (
            4,
            |course| course.write("broken", ""),
            "the handout does not compile without warnings:\nwarning: unused variable",
        ),
        (5, |course| course.behave("lab2d-snapshot", PASSING), "one_2d passes without a solution"),
        (5, |course| course.behave("lab2d-snapshot", "exit 101"), "one_2d: No verdict, 0 of 2 seeds recorded"),
        (
            5,
            |course| {
                course.behave("lab2d-snapshot", "run one_2d 1 failed 'no leader'; run two_2d 1 failed 'no leader'")
            },
            "one_2d fails for another reason: no leader",
        ),
        (
            7,
            |course| course.behave("lab2d-snapshot", &HONEST.replace("passed", "failed 'no leader'")),
            "with the solutions put back, tests fail:\n",
        ),
    ];
    for (number, plant, message) in faults {
        let course = solved_course();
        plant(&course);
        let ended = course.lab("handout --check");
        assert_eq!(ended.status, Some(1), "{message}");
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(lines.len(), number, "{message}");
        let refuted = CLAIMS[number - 1].strip_suffix("ok").unwrap();
        assert!(lines[number - 1].starts_with(&format!("{refuted}NO")), "{}", ended.stdout);
    }
}
