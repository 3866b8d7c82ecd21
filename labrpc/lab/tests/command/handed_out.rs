//! What a student has after `cargo lab handout`: a repository, the labs up to one, and a command with help of its own.

use std::fs;
use std::process::Command;

use crate::fake::assert_row;
use crate::handout::{read, solved_course};

/// A handout is a repository with one commit, the same each time, and lists its files.
#[test]
fn a_handout_is_one_commit() {
    let course = solved_course();
    let git = |folder: &str, arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(course.beside(folder)).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (folder, author) in [("one", "A"), ("two", "B")] {
        let made = course.command(&format!("handout ../{folder}")).env("GIT_AUTHOR_NAME", author).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        assert_eq!(git(folder, &["status", "--porcelain", "--ignored"]), "");
    }
    let described = git("one", &["log", "--format=%an %ae %aI%n%B"]);
    let expected = "Raft Labs raft-labs@localhost 2000-01-01T00:00:00Z\nRaft Labs 0.1.0, guided track\n\nLabs: 2A, 2B, 2C, 2D, 3A, 3B\n";
    assert_eq!(described.replace("+00:00", "Z").trim_end(), expected.trim_end());
    assert_eq!(git("one", &["rev-parse", "HEAD"]), git("two", &["rev-parse", "HEAD"]));
    let list = read(&course.beside("one/labrpc/handout.sha256"));
    assert!(list.starts_with("# Raft Labs 0.1.0\n# track: guided\n"), "{list}");
    let tracked = git("one", &["ls-files"]);
    assert_eq!(list.lines().filter(|line| !line.starts_with('#')).count() + 1, tracked.lines().count());
}

/// A workspace may end with an earlier lab: nothing is left of the later ones, and every check passes.
#[test]
fn a_handout_may_end_early() {
    let course = solved_course();
    let members = "members = [\n    \"labrpc\",\n    \"lab2b-log\",\n    \"lab2c-persist\",\n]\nlab2c-persist = { path = \"lab2c-persist\" }\n";
    course.write("Cargo.toml", members);
    course.write("docs/handout-readme.md", "Six labs.\n\n| [2B](docs/lab2b.md) | b |\n| [2C](docs/lab2c.md) | c |\n");
    let ended = course.lab("handout ../student --through 2b --solved 2a");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.ends_with(" 1 solutions to write (2A 0, 2B 1)\n"), "{}", ended.stdout);
    let student = course.beside("student");
    assert_eq!(read(&student.join("README.md")), "Two labs.\n\n| [2B](docs/lab2b.md) | b |\n");
    assert_eq!(read(&student.join("Cargo.toml")), "members = [\n    \"labrpc\",\n    \"lab2b-log\",\n]\n");
    assert!(!student.join("lab2c-persist").exists() && !student.join("docs/lab2c.md").exists());
    let lab = |arguments: &str| course.command(arguments).current_dir(&student).output().unwrap();
    assert!(String::from_utf8(lab("").stdout).unwrap().contains("Begin with lab 2B, What was agreed?"));
    let refused = String::from_utf8(lab("test 2z").stderr).unwrap();
    assert!(refused.contains("(labs: 2a, 2b; kinds:"), "{refused}");
    let ended = course.lab("handout --check --through 2b");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
}

/// In a handout, only the labs that are begun are built, and the next one; the board has a row for each.
#[test]
fn labs_that_are_not_begun_are_not_built() {
    let course = solved_course();
    assert_eq!(course.lab("handout ../student").status, Some(0));
    let student = course.beside("student");
    let lab = |arguments: &str| {
        let _ = fs::remove_file(student.join("calls.txt"));
        let output = course.command(arguments).current_dir(&student).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), read(&student.join("calls.txt")))
    };
    let (board, calls) = lab("test");
    assert!(calls.ends_with("--package lab2a-election\n"), "{calls}");
    assert_row(&board, "2A Who leads? 0/30 0/2");
    for row in ["2B What was agreed? 0/30 0/2 0 0.000 s 0.000 s not begun", "total 0/180 0/12"] {
        assert_row(&board, row);
    }
    // Lab 2A is written: 2B is the next.
    fs::copy(course.root().join("lab2a-election/src/lib.rs"), student.join("lab2a-election/src/lib.rs")).unwrap();
    let (board, calls) = lab("test --seeds 2");
    assert!(calls.ends_with("--package lab2a-election --package lab2b-log\n"), "{calls}");
    assert_row(&board, "2A Who leads? 30/30 2/2");
    // Lab 2B is begun, but not written: the next one waits.
    let begun = read(&student.join("lab2b-log/src/lib.rs")).replacen("fn vote", "fn mine() {}\n\nfn vote", 1);
    fs::write(student.join("lab2b-log/src/lib.rs"), begun).unwrap();
    assert!(lab("test").1.ends_with("--package lab2a-election --package lab2b-log\n"));
    // A file more is a beginning, too.
    fs::write(student.join("lab3a-kv/src/mine.rs"), "// mine\n").unwrap();
    assert!(lab("test").1.ends_with("--package lab2b-log --package lab3a-kv\n"));
    // A name is always obeyed.
    assert!(lab("test 3b").1.ends_with("--package lab3b-kvsnap\n"));
}

/// A handout's lints do not ask for docs of a student's own functions.
#[test]
fn students_need_not_document() {
    let course = solved_course();
    course.write("Cargo.toml", "[workspace.lints.rust]\nmissing_docs = \"warn\"\nunsafe_code = \"forbid\"\n");
    assert_eq!(course.lab("handout ../student").status, Some(0));
    assert_eq!(read(&course.beside("student/Cargo.toml")), "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
}

/// Help and suggestions in a handout name only what a student needs.
#[test]
fn a_handout_has_its_own_help() {
    let course = solved_course();
    assert_eq!(course.lab("handout ../student").status, Some(0));
    let run = |arguments: &str| course.command(arguments).current_dir(course.beside("student")).output().unwrap();
    let help = String::from_utf8(run("--help").stdout).unwrap();
    assert!(help.starts_with("Work on the labs\n") && !help.contains("bugs") && !help.contains("handout"), "{help}");
    let refused = String::from_utf8(run("tset").stderr).unwrap();
    assert_eq!(
        refused,
        "error: there is no command `tset`: did you mean `test`? (commands: status, test, watch, hint, replay, story, carry, doctor, submit, completions, help)\n"
    );
    assert!(course.lab("--help").stdout.contains("Plant known bugs"));
}
