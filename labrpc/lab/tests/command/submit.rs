//! `cargo lab submit`: what is packed, what is refused, and that equal files make equal archives.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::fake::{Ended, FakeCourse, LABS};
use serde_json::{Value, json};

/// The date of every submission here: 2026-01-31.
const DATE: &str = "1769850300";

/// A course of which handouts of both tracks can be made.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    for (id, package) in LABS {
        let lab = id.to_uppercase();
        let solution = |what: &str| format!("// BEGIN {lab} §5\n{what}_secret();\n// END\n");
        course.write(&format!("{package}/src/lib.rs"), &solution("guided"));
        course.write(&format!("{package}/Cargo.toml"), "[package]\n\n[dependencies]\n");
        course.write(&format!("labrpc/open/src/lab{id}.rs"), &solution("open"));
        course.write(&format!("labrpc/open/tests/lab{id}/lab.rs"), "Contract::new(TIMING).open(CODEC)\n");
    }
    course.write("labrpc/open/src/lib.rs", "");
    course.write("labrpc/open/given/codec.rs", "");
    for name in ["Cargo.toml", "Cargo.lock", "docs/open-readme.md"] {
        course.write(name, "");
    }
    course
}

/// A handout in which lab 2A has begun.
fn student(course: &FakeCourse, options: &str) -> PathBuf {
    assert_eq!(course.lab(&format!("handout {options} ../student")).status, Some(0));
    let student = course.beside("student");
    fs::write(student.join("lab2a-election/src/lib.rs"), "mod deep;\n").unwrap();
    fs::create_dir(student.join("lab2a-election/src/deep")).unwrap();
    fs::write(student.join("lab2a-election/src/deep/mod.rs"), "fn vote() {}\n").unwrap();
    fs::write(student.join("lab2a-election/src/.lib.rs.swp"), "").unwrap();
    student
}

fn submit(course: &FakeCourse, arguments: &str) -> Ended {
    let mut command = course.command(&format!("submit {arguments}"));
    command.env("SOURCE_DATE_EPOCH", DATE).current_dir(course.beside("student"));
    Ended::of(command.output().unwrap())
}

/// What tar finds in an archive.
fn tar(course: &FakeCourse, options: &[&str], archive: &str) -> String {
    let output = Command::new("tar").args(options).arg(archive).current_dir(course.beside("student")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The files of the labs that have begun are packed, with a list that has their hashes. Any tar can unpack them.
#[test]
fn what_counts_is_packed() {
    let course = course();
    let student = student(&course, "");
    course.command("test 2a").current_dir(&student).output().unwrap();
    let ended = submit(&course, "");
    let name = "raft-labs-submission.tar.gz";
    let told = format!(
        "{}: 2 files, and submission.json, the list of them\n2A  2 files, 23 bytes; 30/30 points when its tests ran last\n",
        fs::canonicalize(&student).unwrap().join(name).display()
    );
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), told.as_str(), ""));
    let names = "submission.json\nlab2a-election/src/deep/mod.rs\nlab2a-election/src/lib.rs\n";
    assert_eq!(tar(&course, &["-tzf"], name), names);
    let list: Value = serde_json::from_str(&tar(&course, &["-xzOf", name], "submission.json")).unwrap();
    let file = json!({
        "path": "lab2a-election/src/lib.rs", "bytes": 10,
        "sha256": "99025ed2daf89504901eeeec9b0903c3695e4959ac7d643a2aa6cfa7861f9d16",
    });
    assert_eq!(list["files"][1], file);
    assert_eq!((&list["version"], &list["track"], &list["labs"]), (&json!(1), &json!("guided"), &json!(["2a"])));
    assert_eq!((&list["date"], &list["course"]["version"]), (&json!("2026-01-31T09:05:00Z"), &json!("0.1.0")));
    assert_eq!(list["course"]["handout"].as_str().map(str::len), Some(64));

    let first = fs::read(student.join(name)).unwrap();
    fs::write(student.join("lab2a-election/src/lib.rs"), "mod deep;\n").unwrap();
    assert_eq!(submit(&course, "../again.tar.gz").status, Some(0));
    assert!(fs::read(course.beside("again.tar.gz")).unwrap() == first, "equal files make equal archives");
}

/// In the open track the manifests of the begun labs count as well, and the lock file.
#[test]
fn a_free_design_has_its_crates() {
    let course = course();
    student(&course, "--open");
    let ended = submit(&course, "--list");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let told = "2A  4 files, 115 bytes; its tests have not run\nnote: the tests have not run with this code: cargo lab test 2a\n";
    assert_eq!(ended.stdout, told);
    assert_eq!(submit(&course, "mine.tgz").status, Some(0));
    let names = "submission.json\nCargo.lock\nlab2a-election/Cargo.toml\nlab2a-election/src/codec.rs\n\
                 lab2a-election/src/deep/mod.rs\nlab2a-election/src/lib.rs\n";
    assert_eq!(tar(&course, &["-tzf"], "mine.tgz"), names);
}

/// What cannot be packed has a line that says why, and no archive is written.
#[test]
fn what_cannot_be_packed_is_refused() {
    let course = course();
    let student = student(&course, "");
    let source = student.join("lab2a-election/src");
    let refused = |reason: &str| {
        let ended = submit(&course, "x.tar.gz");
        assert_eq!((ended.status, ended.stderr), (Some(1), format!("error: {reason}\n")));
        assert!(!student.join("x.tar.gz").exists());
    };
    symlink("/etc/passwd", source.join("link.rs")).unwrap();
    refused(
        "lab2a-election/src/link.rs is a symbolic link, and its target would be missing: put the file itself there",
    );
    fs::remove_file(source.join("link.rs")).unwrap();
    fs::write(source.join("large.rs"), vec![b' '; (1 << 20) + 1]).unwrap();
    refused("lab2a-election/src/large.rs has 1048577 bytes, and at most 1048576 are handed in: is it source code?");
    fs::remove_file(source.join("large.rs")).unwrap();
    let strange = source.join(OsStr::from_bytes(b"\xff.rs"));
    // Not every file system can have such a name.
    if fs::write(&strange, "").is_ok() {
        refused("lab2a-election/src/\u{fffd}.rs has a name that is not UTF-8: rename it");
        fs::remove_file(strange).unwrap();
    }
    let output = course.command("submit").env("SOURCE_DATE_EPOCH", "soon").current_dir(&student).output().unwrap();
    let message = "error: SOURCE_DATE_EPOCH=soon is no date: use whole seconds since 1970, or unset it\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(2), message));
}

/// Before anything is written, there is nothing to hand in.
#[test]
fn nothing_is_handed_in_before_it_is_begun() {
    let course = course();
    assert_eq!(course.lab("handout ../student --solved 2a").status, Some(0));
    let ended = submit(&course, "");
    let message = "error: nothing is written yet, so there is nothing to hand in: `cargo lab` says where to begin\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(2), message));
}
