//! `cargo lab grade --out`: what is kept, what is graded again, and what an interruption leaves.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::fake::{FakeCourse, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The tests pass, unless the submission waits; the judge's runs are those of the tapes.
const BEHAVIOUR: &str = "\
case \"$LAB_TAPES\" in play:*) ;; *)
    if grep -q WAIT src/lib.rs; then touch \"${LAB_REPORT%/*}/waiting\"; sleep 1000; fi ;;
esac
for seed in 1 2; do run one_$lab $seed passed; run two_$lab $seed passed; done";

fn course() -> FakeCourse {
    let course = FakeCourse::new();
    course.write("lab2a-election/src/lib.rs", "// BEGIN 2A §5: vote\nsecret();\n// END\n");
    course.behave("lab2a-election", BEHAVIOUR);
    for name in ["alice", "bob"] {
        submit(&course, name, name);
    }
    course
}

fn submit(course: &FakeCourse, name: &str, text: &str) {
    let folder = course.beside("in").join(name).join("lab2a-election/src");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lib.rs"), format!("// {text}\n")).unwrap();
}

const GRADE: &str = "grade --unsandboxed --lab 2a --seeds 2 --out ../out ../in/alice ../in/bob";

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// The judge can be built in advance, and stays in the target folder. Nothing is graded then, and no submission is needed.
#[test]
fn the_judge_is_built_in_advance() {
    let course = course();
    let ended = course.lab("grade --prepare --lab 2a");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", "building the judge\n"));
    let calls = course.root().join("target/cargo-lab/judge-guided/target/calls");
    assert_eq!(fs::read_dir(calls).unwrap().count(), 2, "a call for the lab's crate and one for its tests");
    assert_eq!(course.lab(GRADE).status, Some(0));
}

/// What was graded is not graded again; what has changed is; other conditions are refused.
#[test]
fn the_same_command_goes_on() {
    let course = course();
    let ended = course.lab(GRADE);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let steps = "building the judge\ngrading alice (1 of 2)\ngrading bob (2 of 2)\n";
    assert_eq!(ended.stderr, steps);
    assert!(ended.stdout.contains("\nalice: 30/30 points\n  2A   30/30\n"), "{}", ended.stdout);
    let grading = read(&course.beside("out/grading.json"));
    let first_seed = grading["conditions"]["first_seed"].as_u64().unwrap();
    assert!(first_seed > 1, "the seeds are hidden ones");
    for file in ["grades.csv", "grades.html", "submissions/alice.json", "submissions/bob.json"] {
        assert!(course.beside("out").join(file).exists(), "{file}");
    }
    let again = course.lab(GRADE);
    assert_eq!((again.status, again.stderr.as_str()), (Some(0), "all 2 submissions were graded before\n"));
    assert_eq!(again.stdout, ended.stdout);
    submit(&course, "bob", "better");
    let steps = "1 of 2 submissions were graded before\nbuilding the judge\ngrading bob (2 of 2)\n";
    assert_eq!(course.lab(GRADE).stderr, steps);
    assert_eq!(read(&course.beside("out/grading.json")), grading, "with the same seeds");
    for (options, how) in [
        ("--first-seed 7", format!("first seed: {first_seed} there, and 7 here")),
        ("--lab 2b", "labs: 2a there, and 2a, 2b here".to_string()),
    ] {
        let ended = course.lab(&format!("{GRADE} {options}"));
        let message = format!("error: ../out has results of another grading, {how}. Name a new folder\n");
        assert_eq!((ended.status, ended.stderr), (Some(2), message));
    }
}

/// Ctrl-C keeps what is graded, and says how to go on.
#[test]
fn an_interruption_keeps_results() {
    let course = course();
    submit(&course, "bob", "WAIT");
    let mut command = course.command(GRADE);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_waiting = |folder: fs::DirEntry| folder.path().join("run/waiting").exists();
    let waits = || fs::read_dir(course.temporary()).unwrap().any(|folder| is_waiting(folder.unwrap()));
    wait_for("bob's tests to start", || waits().then_some(()));
    wait_for("alice's grade", || course.beside("out/submissions/alice.json").exists().then_some(()));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130));
    let last = "1 of 2 submissions are graded and kept in ../out: run the same command again to go on\n";
    assert!(told.ends_with(last), "{told}");
    let results = fs::read_dir(course.beside("out/submissions")).unwrap();
    let results: Vec<_> = results.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(results, ["alice.json"]);
    assert_eq!(fs::read_dir(course.temporary()).unwrap().count(), 0, "no temporary file is left");
    submit(&course, "bob", "done");
    let ended = course.lab(GRADE);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "1 of 2 submissions were graded before\nbuilding the judge\ngrading bob (2 of 2)\n");
}

/// Parts that were graded apart make the whole that one grading would have made.
#[test]
fn parts_are_graded_apart() {
    let course = course();
    let grade = |options: &str| {
        let ended = course
            .lab(&format!("grade --unsandboxed --lab 2a --seeds 2 --first-seed 9 {options} ../in/alice ../in/bob"));
        assert_eq!(ended.status, Some(0), "{ended:?}");
    };
    grade("--out ../one --shard 1/2");
    grade("--out ../two --shard 2/2");
    grade("--out ../all");
    assert_eq!(course.lab("merge ../one ../two --out ../whole").status, Some(0));
    for file in ["alice", "bob"] {
        let result = |folder: &str| {
            let mut result = read(&course.beside(folder).join("submissions").join(format!("{file}.json")));
            result["milliseconds"] = Value::Null;
            result
        };
        assert_eq!(result("whole"), result("all"));
    }
    assert_eq!(read(&course.beside("whole/grading.json")), read(&course.beside("all/grading.json")));
}

/// What cannot be graded has a line, and the others have their grades.
#[test]
fn bad_submissions_do_not_stop_the_others() {
    let course = course();
    fs::write(course.beside("in/carol.zip"), "").unwrap();
    fs::create_dir(course.beside("in/dave")).unwrap();
    let ended = course.lab(&format!("{GRADE} ../in/carol.zip ../in/dave"));
    assert_eq!(ended.status, Some(1), "{ended:?}");
    for line in [
        "alice: 30/30 points",
        "bob: 30/30 points",
        "carol: not graded: it is an empty file",
        "dave: not graded: it is empty",
    ] {
        assert!(ended.stdout.contains(&format!("\n{line}\n")), "{line} is not in {}", ended.stdout);
    }
}
