//! The open track: its workspace, and carrying the code of one lab to the next.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fake::{Ended, FakeCourse, LABS, assert_row};

/// The tests of a lab: they fail at the `todo!` if there is one, and pass otherwise.
const HONEST: &str = "\
missing=$(sed -n 's/.*todo!(\"\\(.*\\)\")/\\1/p' src/lib.rs)
for test in one_$lab two_$lab; do for seed in 1 2; do
    if [ \"$missing\" ]; then run $test $seed failed \"panic: not yet implemented: $missing\"
    else run $test $seed passed; fi
done; done";

/// A course with a solution in each track.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    let solution = |id: &str, what: &str| {
        let lab = id.to_uppercase();
        format!("fn boot() -> bool {{\n    // BEGIN {lab} {what}\n    {what}_secret_of_lab_{id}()\n    // END\n}}\n")
    };
    for (id, package) in LABS {
        course.behave(package, HONEST);
        course.write(
            &format!("{package}/src/lib.rs"),
            &format!("//! Guided.\n\nmod election;\n\n{}", solution(id, "guided")),
        );
        course.write(&format!("{package}/src/election.rs"), "fn a_line_of_the_guided_design() {}\n");
        course.write(&format!("{package}/tests/core.rs"), "");
        course.write(&format!("{package}/tests/graded/lab.rs"), "static SERVERS: Contract = Contract::new(TIMING);\n");
        course.write(&format!("docs/lab{id}.md"), "");
        course.write(&format!("labrpc/open/src/lab{id}.rs"), &format!("//! Open.\n\n{}", solution(id, "open")));
        let crate_name = format!("open::lab{id}");
        let points = format!("include_str!(\"../../../../{package}/tests/points.txt\")");
        let tests = format!(
            "use {crate_name}::TIMING;\nstatic SERVERS: Contract = Contract::new(TIMING).open(CODEC);\n{points}\n"
        );
        course.write(&format!("labrpc/open/tests/lab{id}/lab.rs"), &tests);
    }
    course.write("labrpc/open/src/lib.rs", "pub mod lab2a;\npub mod raft;\nmod codec;\n");
    course.write("labrpc/open/src/raft/mod.rs", "fn a_line_of_the_open_reference() {}\n");
    course.write("labrpc/open/src/codec.rs", "fn a_codec_of_its_own() {}\n");
    course.write("labrpc/open/given/codec.rs", "struct Plain;\n");
    course.write("labrpc/solved/src/lib.rs", "");
    for name in ["Cargo.toml", "Cargo.lock", "docs/ARCHITECTURE.md"] {
        course.write(name, "");
    }
    for page in ["docs/getting-started.md", "docs/world.md"] {
        course.write(page, "");
    }
    course.write("docs/open-readme.md", "Design it yourself.\n");
    course.write("docs/open-track.md", "What is free.\n");
    course
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn student(course: &FakeCourse, options: &str) -> PathBuf {
    let ended = course.lab(&format!("handout {options} ../student"));
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    course.beside("student")
}

/// Runs the command in a student's workspace.
fn lab_in(course: &FakeCourse, folder: &Path, arguments: &str) -> Ended {
    Ended::of(course.command(arguments).current_dir(folder).output().unwrap())
}

/// A workspace of the open track has nothing of any design: what the tests need, and a `todo!`.
#[test]
fn an_open_handout_is_made() {
    let course = course();
    let student = student(&course, "--open");
    let lib = "\
//! Open.
#![allow(unused, reason = \"at first, places with a todo!: 1, lines: 9; delete this line with the last todo!\")]

mod codec;

fn boot() -> bool {
    todo!(\"lab 2A: open: boot (lab2a-election/src/lib.rs)\")
}
";
    assert_eq!(read(&student.join("lab2a-election/src/lib.rs")), lib);
    assert_eq!(read(&student.join("lab2b-log/src/codec.rs")), "struct Plain;\n");
    let tests = "use lab2b_log::TIMING;\nstatic SERVERS: Contract = Contract::new(TIMING).open(CODEC);\n\
                 include_str!(\"../points.txt\")\n";
    assert_eq!(read(&student.join("lab2b-log/tests/graded/lab.rs")), tests);
    assert_eq!(read(&student.join("README.md")), "Design it yourself.\n");
    for absent in [
        "labrpc/open",
        "labrpc/solved",
        "lab2a-election/src/election.rs",
        "lab2a-election/tests/core.rs",
        "docs/lab2a.md",
        "docs/ARCHITECTURE.md",
        "docs/getting-started.md",
        "docs/open-readme.md",
        "docs/handout-readme.md",
    ] {
        assert!(!student.join(absent).exists(), "{absent}");
    }
    for shared in ["docs/open-track.md", "docs/world.md"] {
        assert!(student.join(shared).exists(), "{shared}");
    }
}

/// A workspace of the guided track has nothing of the open one.
#[test]
fn a_guided_handout_has_nothing_of_the_open_track() {
    let course = course();
    let student = student(&course, "");
    for absent in ["labrpc/open", "docs/open-readme.md", "docs/open-track.md"] {
        assert!(!student.join(absent).exists(), "{absent}");
    }
    assert!(student.join("lab2a-election/src/election.rs").exists());
}

/// Labs that are handed out with their solutions have those of the guided track, without markers.
#[test]
fn solved_labs_are_whole() {
    for options in ["--open --solved 2a", "--solved 2a,2c"] {
        let course = course();
        let student = student(&course, options);
        let lib = "//! Guided.\n\nmod election;\n\nfn boot() -> bool {\n    guided_secret_of_lab_2a()\n}\n";
        assert_eq!(read(&student.join("lab2a-election/src/lib.rs")), lib, "{options}");
        assert!(read(&student.join("lab2b-log/src/lib.rs")).contains("todo!"), "{options}");
        assert_eq!(lab_in(&course, &student, "test 2a").status, Some(0), "{options}");
    }
}

/// A good handout of the open track passes every check.
#[test]
fn a_good_open_handout_passes_every_check() {
    let course = course();
    let ended = course.lab("handout --open --check");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.contains("6. the course's server of free design fits into it … ok"), "{}", ended.stdout);
}

/// A line of either reference is found.
#[test]
fn no_reference_is_given_away() {
    for secret in ["a_line_of_the_guided_design", "a_line_of_the_open_reference", "open_secret_of_lab_2c"] {
        let course = course();
        let line = if secret.starts_with("open") { format!("{secret}()") } else { format!("fn {secret}() {{}}") };
        course.write("docs/a.md", &format!("{line}\n"));
        let ended = course.lab("handout --open --check");
        assert_eq!(ended.status, Some(1), "{secret}: {}", ended.stdout);
        assert!(ended.stderr.contains("docs/a.md:1:"), "{}", ended.stderr);
    }
}

/// A lab's code starts the next lab, and what was there is not lost.
#[test]
fn code_is_carried() {
    let course = course();
    let student = student(&course, "--open");
    let refused = |arguments: &str, reason: &str| {
        let ended = lab_in(&course, &student, arguments);
        assert_eq!((ended.status, ended.stderr), (Some(2), format!("error: {reason}\n")));
    };
    refused("carry 2a 2b", "lab 2A has no code yet: write it first, in lab2a-election/src");
    let mine = student.join("lab2a-election/src");
    write_2a(&student);
    let ended = lab_in(&course, &student, "carry 2a 2b");
    let told = "lab2b-log/src has your code of lab 2A: codec.rs, lib_of_lab2a.rs, server.rs\n\nNext: take `boot` over from \
                lib_of_lab2a.rs into lib.rs, which says what is new, and delete that file. Then run `cargo lab test 2b`.\n";
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), told, ""));
    let carried = student.join("lab2b-log/src");
    assert_eq!(read(&carried.join("server.rs")), "use lab2b_log::x;\n");
    assert!(read(&carried.join("lib.rs")).contains("mod codec;\nmod server;\n\nfn boot() -> bool {\n    todo!("));
    assert!(read(&carried.join("lib_of_lab2a.rs")).ends_with("//! Mine.\n\nmod codec;\nmod server;\n\nfn boot() {}\n"));
    let again = "lab 2B has work of yours in lab2b-log/src, and nothing was changed: to start it again, run `cargo lab carry \
                 2a 2b --restart`, which keeps that folder as src-before-1";
    refused("carry 2a 2b", again);
    assert_eq!(read(&mine.join("server.rs")), "use lab2a_election::x;\n");
}

/// A lab is started again with one option, and the work in it is kept.
#[test]
fn a_lab_is_started_again() {
    let course = course();
    let student = student(&course, "--open");
    write_2a(&student);
    assert_eq!(lab_in(&course, &student, "carry 2a 2b").status, Some(0));
    let carried = student.join("lab2b-log/src");
    fs::write(carried.join("lib.rs"), "//! A bad idea.\n").unwrap();
    for name in ["src-before-1", "src-before-2"] {
        let ended = lab_in(&course, &student, "carry 2a 2b --restart");
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains(&format!("\nWhat was there is in lab2b-log/{name}.\n")), "{}", ended.stdout);
    }
    assert_eq!(read(&student.join("lab2b-log/src-before-1/lib.rs")), "//! A bad idea.\n");
    assert!(read(&carried.join("lib.rs")).contains("mod codec;\nmod server;\n\nfn boot() -> bool {\n    todo!("));
    assert_eq!(read(&carried.join("server.rs")), "use lab2b_log::x;\n");
}

/// A lab that was begun without a carry is brought back by git.
#[test]
fn a_lab_that_was_never_carried_is_brought_back_by_git() {
    let course = course();
    let student = student(&course, "--open");
    write_2a(&student);
    fs::write(student.join("lab2b-log/src/lib.rs"), "//! Mine.\n").unwrap();
    for arguments in ["carry 2a 2b", "carry 2a 2b --restart"] {
        let ended = lab_in(&course, &student, arguments);
        assert_eq!(ended.status, Some(2), "{}", ended.stdout);
        let command = "`mv lab2b-log/src lab2b-log/src-before-1 && git checkout $(git rev-list --max-parents=0 HEAD) -- \
                       lab2b-log/src`";
        assert!(ended.stderr.contains(command), "{}", ended.stderr);
    }
    assert_eq!(read(&student.join("lab2b-log/src/lib.rs")), "//! Mine.\n");
}

/// Only what is written is carried, and no lab is left out on the way.
#[test]
fn only_written_labs_are_carried() {
    let course = course();
    let student = student(&course, "--open");
    write_2a(&student);
    let refused = |arguments: &str, reason: &str| {
        let ended = lab_in(&course, &student, arguments);
        assert_eq!((ended.status, ended.stderr), (Some(2), format!("error: {reason}\n")));
    };
    let skipped = "lab 2B comes before lab 2C and has no code yet: first run `cargo lab carry 2a 2b`";
    refused("carry 2a 2c", skipped);
    assert_eq!(lab_in(&course, &student, "carry 2a 2b").status, Some(0));
    refused("carry 2b 2c", "lab 2B still has a `todo!`: write it first, in lab2b-log/src");
    fs::write(student.join("lab2b-log/src/lib.rs"), "//! Mine.\n\nmod codec;\nmod server;\n").unwrap();
    assert_eq!(lab_in(&course, &student, "carry 2b 2c").status, Some(0));
    let files = fs::read_dir(student.join("lab2c-persist/src")).unwrap();
    let mut files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["codec.rs", "lib.rs", "lib_of_lab2b.rs", "server.rs"], "and no lib.rs of lab 2A");
}

/// Writes lab 2A of the open track.
fn write_2a(student: &Path) {
    let mine = student.join("lab2a-election/src");
    fs::write(mine.join("lib.rs"), "//! Mine.\n\nmod codec;\nmod server;\n\nfn boot() {}\n").unwrap();
    fs::write(mine.join("server.rs"), "use lab2a_election::x;\n").unwrap();
}

/// A lab that was handed out with its solution is a crate to use, and not one to copy.
#[test]
fn a_solved_lab_is_not_carried() {
    let course = course();
    let student = student(&course, "--open --solved 2a");
    let ended = lab_in(&course, &student, "carry 2a 2b");
    let reason = "error: lab 2A was handed out with its solution, in the guided track's design: use its crate, \
                  lab2a-election, in lab 2B\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(2), reason));
}

/// A lab to which nothing is carried yet is not run: all of its tests would wait for `boot`.
#[test]
fn the_next_lab_is_not_run_before_it_is_carried() {
    let course = course();
    let student = student(&course, "--open");
    assert_eq!(lab_in(&course, &student, "test").status, Some(1), "lab 2A is the first");
    write_2a(&student);
    let ended = lab_in(&course, &student, "test");
    assert_row(&ended.stdout, "2A Who leads? 30/30 2/2");
    assert_row(&ended.stdout, "2B What was agreed?");
    assert!(!ended.stdout.contains("wait for code"), "{}", ended.stdout);
    let next = "Next: lab 2B, What was agreed? Run cargo lab carry 2a 2b, then read lab2b-log/src/lib.rs\n";
    assert!(ended.stdout.ends_with(next), "{}", ended.stdout);
    assert_eq!(lab_in(&course, &student, "carry 2a 2b").status, Some(0));
    assert_eq!(lab_in(&course, &student, "test").status, Some(1), "now it waits for code");
}

/// No page of the open track may name one that only the guided track has.
#[test]
fn a_page_of_the_other_track_is_found() {
    let course = course();
    course.write("docs/world.md", "As in docs/lab2a.md.\n");
    let ended = course.lab("handout --open --check");
    assert_eq!(ended.status, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("docs/world.md names docs/lab2a.md"), "{}", ended.stderr);
}
