//! `cargo lab doctor`, with scripts in place of the compiler, `df` and `ps`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fake::{Ended, FakeCourse, LABS};
use serde_json::{Value, json};

const CLIPPY: &str =
    "disallowed-types = [\n    { path = \"std::sync::Mutex\", reason = \"use labrpc::sync::Mutex\" },\n]\n";

/// A course of which a handout can be made.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    for (id, package) in LABS {
        let lab = id.to_uppercase();
        course.write(&format!("{package}/src/lib.rs"), &format!("// BEGIN {lab} §5\nsecret();\n// END\n"));
    }
    course.write("Cargo.toml", "rust-version = \"1.88\"\n");
    course.write("Cargo.lock", "");
    course.write("clippy.toml", CLIPPY);
    course.write("labrpc/src/lib.rs", "");
    assert_eq!(course.lab("handout ../student").status, Some(0));
    let tools = [
        ("rustc", "echo 'rustc 1.90.0 (abc 2026-01-01)'"),
        ("df", "echo head; echo /dev/sda1 9 9 20480000 1% /"),
        ("ps", "echo '  7     1 /sbin/init'"),
    ];
    tools.iter().for_each(|(name, script)| tool(&course, name, script));
    course
}

/// Puts a script in the place of a program.
fn tool(course: &FakeCourse, name: &str, script: &str) {
    fs::create_dir_all(course.beside("tools")).unwrap();
    let path = course.beside("tools").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the command in the handout.
fn doctor(course: &FakeCourse, options: &str) -> Ended {
    let path = format!("{}:{}", course.beside("tools").display(), env::var("PATH").unwrap());
    let mut command = course.command(&format!("doctor {options}"));
    Ended::of(command.env("PATH", path).env_remove("RUSTC").current_dir(course.beside("student")).output().unwrap())
}

/// In a good workspace on a good machine nothing stands in the way.
#[test]
fn a_good_workspace_is_well() {
    let course = course();
    let ended = doctor(&course, "");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert_eq!(lines[0], "ok     toolchain   Rust 1.90.0; the course needs 1.88 or later");
    assert!(
        lines[3].starts_with("ok     build       the first build takes half a minute to two minutes, "),
        "{}",
        lines[3]
    );
    assert_eq!(lines[4], "ok     files       labrpc, the tests and the manifests are as they were handed out");
    assert_eq!(lines[7..], ["", "Nothing stands in the way."]);
    // A student's own files may be as they like.
    let student = course.beside("student");
    fs::write(student.join("lab2a-election/src/lib.rs"), "fn vote() {}\n").unwrap();
    fs::write(student.join("lab2a-election/tests/mine.rs"), "").unwrap();
    assert_eq!(doctor(&course, "").status, Some(0));
}

/// Each thing that is wrong has a line that says what to do.
#[test]
fn what_is_wrong_is_said() {
    let course = course();
    let student = course.beside("student");
    let target = fs::canonicalize(&student).unwrap().join("target");
    tool(&course, "rustc", "echo 'rustc 1.87.2 (abc 2025-01-01)'");
    tool(&course, "df", "echo head; echo /dev/sda1 9 9 10240 1% /");
    tool(&course, "ps", &format!("echo '  71     1 {}/debug/deps/graded-1 vote'", target.display()));
    fs::create_dir(&target).unwrap();
    fs::write(student.join("labrpc/src/lib.rs"), "// better\n").unwrap();
    fs::remove_file(student.join("lab2b-log/tests/points.txt")).unwrap();
    fs::write(student.join("Cargo.lock"), "# more\n").unwrap();
    fs::write(student.join("lab2a-election/src/lib.rs"), "\nuse std::sync::{Arc, Mutex};\n").unwrap();
    let ended = doctor(&course, "");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""), "{}", ended.stdout);
    let indented = "                   ";
    for lines in [
        format!(
            "WRONG  toolchain   Rust 1.87.2; the course needs 1.88 or later\n{indented}update it: rustup update stable\n"
        ),
        format!(
            "WRONG  disk        10 MB are free for the target folder; all labs need about 1000 MB\n{indented}free some"
        ),
        format!(
            "WRONG  files       lab2b-log/tests/points.txt, labrpc/src/lib.rs are not as handed out: you are graded with the \
             originals\n{indented}bring back what was handed out: git checkout $(git rev-list --max-parents=0 HEAD) -- \
             lab2b-log/tests/points.txt labrpc/src/lib.rs\n"
        ),
        format!("note   files       Cargo.lock is not as handed out\n{indented}"),
        format!(
            "WRONG  std         lab2a-election/src/lib.rs:2 uses std::sync::Mutex\n{indented}use labrpc::sync::Mutex\n"
        ),
        format!("WRONG  processes   test processes are left over: 71\n{indented}end them: kill 71\n"),
        "\nDo what the lines with WRONG say, then run `cargo lab doctor` again.\n".to_string(),
    ] {
        assert!(ended.stdout.contains(&lines), "no `{lines}` in\n{}", ended.stdout);
    }
    let document: Value = serde_json::from_str(&doctor(&course, "--json").stdout).unwrap();
    assert_eq!((&document["version"], &document["ok"]), (&json!(1), &json!(false)));
    let toolchain = json!({
        "about": "toolchain", "state": "wrong", "found": "Rust 1.87.2; the course needs 1.88 or later",
        "to_do": "update it: rustup update stable",
    });
    assert_eq!(document["findings"][0], toolchain);
}

/// A list of files that is damaged is an error in the workspace.
#[test]
fn a_damaged_list_is_an_error() {
    let course = course();
    fs::write(course.beside("student/labrpc/handout.sha256"), "x").unwrap();
    let ended = doctor(&course, "");
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.stderr, "error: labrpc/handout.sha256 is damaged: take it from your first commit\n");
}
