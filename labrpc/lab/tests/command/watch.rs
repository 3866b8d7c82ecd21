//! `cargo lab watch`, in a pipe: plain lines, one round for each save.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::fake::{FakeCourse, is_gone};
use rustix::process::{Pid, Signal, kill_process};

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A watching command, and the lines that it prints.
struct Watch {
    child: Child,
    keys: ChildStdin,
    lines: Receiver<String>,
}

impl Watch {
    fn start(course: &FakeCourse, arguments: &str) -> Watch {
        let mut command = course.command(arguments);
        // One pipe for both, as in `cargo lab watch 2>&1 | less`.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::piped()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap();
        let keys = child.stdin.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Watch { child, keys, lines }
    }

    /// The lines until the round is over.
    fn round(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no end of the round: {lines:#?}"));
            if line.starts_with("Waiting for the next save") {
                return lines;
            }
            lines.push(line);
        }
    }

    fn status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn assert_has(lines: &[String], part: &str) {
    assert!(lines.iter().any(|line| line.contains(part)), "no `{part}` in {lines:#?}");
}

/// A course whose lab 2A has source files, and tests that follow the word in one of them.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    course.write("lab2a-election/src/lib.rs", "good\n");
    course.write("lab2b-log/src/lib.rs", "good\n");
    course.behave(
        "lab2a-election",
        "echo \"$*\" >> seen; for test in $*; do test=${test##*::}; [ $test = --exact ] || for seed in 1 2; do\n\
         if [ $test = two_2a ] && grep -q bad src/lib.rs; then run $test $seed failed 'Two leaders.' one-leader one-leader rule\n\
         else run $test $seed passed; fi; done; done",
    );
    course
}

/// Each save is a round: what failed last runs first, and what has changed is said.
#[test]
fn a_save_is_a_round() {
    let course = course();
    let mut watch = Watch::start(&course, "watch 2a");
    let lines = watch.round();
    assert_eq!(lines[0], "2A  testing it");
    assert_has(&lines, "2A  ok  2/2 tests, 30/30 points; ");
    assert_has(&lines, "Lab 2A is done.");
    assert_has(&lines, "Read docs/lab2b.md, then press q, and: cargo lab watch 2b");

    course.write("lab2a-election/src/lib.rs", "bad bad\n");
    let lines = watch.round();
    assert_eq!(lines[0], "2A  saved lab2a-election/src/lib.rs");
    assert_has(&lines, "2A  FAILED  1/2 tests, 10/30 points; ");
    assert_has(&lines, "    fails now: two_2a");
    assert_has(&lines, "Two leaders.");

    let seen = course.root().join("lab2a-election/seen");
    fs::remove_file(&seen).unwrap();
    // As editors save: a new file takes the name of the old one.
    course.write("lab2a-election/src/.lib.rs.new", "good and new\n");
    fs::rename(course.root().join("lab2a-election/src/.lib.rs.new"), course.root().join("lab2a-election/src/lib.rs"))
        .unwrap();
    let lines = watch.round();
    assert_has(&lines, "    the test that failed last: all pass now");
    assert_has(&lines, "    passes now: two_2a");
    let expected = "system::cluster::two_2a --exact\nsystem::cluster::one_2a --exact\n";
    assert_eq!(fs::read_to_string(&seen).unwrap(), expected);

    kill_process(Pid::from_child(&watch.child), Signal::INT).unwrap();
    assert_eq!(watch.status(), Some(0));
    assert_eq!(fs::read_dir(course.temporary()).unwrap().count(), 0);
}

/// Errors of the compiler are shown once, and the next save is tested.
#[test]
fn an_error_is_shown_once() {
    let course = course();
    let mut watch = Watch::start(&course, "watch 2a");
    watch.round();
    course.write("lab2a-election/src/lib.rs", "BROKEN\n");
    let lines = watch.round();
    let errors: Vec<&String> = lines.iter().filter(|line| line.contains("mismatched types")).collect();
    assert_eq!(errors.len(), 1, "{lines:#?}");
    assert_has(&lines, "2A  does not compile: see the compiler's errors above");
    course.write("lab2a-election/src/lib.rs", "good again\n");
    assert_has(&watch.round(), "2A  ok  2/2 tests");
    writeln!(watch.keys).unwrap();
    assert_eq!(watch.round()[0], "2A  testing it");
    write!(watch.keys, "q").unwrap();
    assert_eq!(watch.status(), Some(0));
}

/// Without a lab on the command line, the lab of the saved file is tested. The files of editors are no saves.
#[test]
fn the_lab_of_the_saved_file_is_tested() {
    let course = course();
    let watch = Watch::start(&course, "watch");
    assert_eq!(watch.round()[0], "2A  testing it", "no lab has passed yet");
    course.write("lab2a-election/src/.lib.rs.swp", "");
    course.write("lab2b-log/src/deep/new.rs", "");
    let lines = watch.round();
    assert_eq!(lines[0], "2B  saved lab2b-log/src/deep/new.rs");
    assert_has(&lines, "2B  ok  2/2 tests, 30/30 points; ");
    assert_has(&lines, "Read docs/lab2c.md, then save a file of that lab, and it is tested");
}

/// A save while tests run ends them, and begins anew.
#[test]
fn a_save_begins_anew() {
    let course = course();
    let process = course.beside("process");
    course.behave(
        "lab2a-election",
        &format!("grep -q slow src/lib.rs && {{ echo $$ > {}; sleep 1000; }}; run one_2a 1 passed; run one_2a 2 passed; run two_2a 1 passed; run two_2a 2 passed", process.display()),
    );
    let watch = Watch::start(&course, "watch 2a");
    watch.round();
    course.write("lab2a-election/src/lib.rs", "slow\n");
    let slow = crate::fake::wait_for("the slow test", || {
        fs::read_to_string(&process).ok().filter(|text| text.ends_with('\n'))
    });
    course.write("lab2a-election/src/lib.rs", "quick again\n");
    let lines = watch.round();
    assert_eq!(lines[0], "2A  saved lab2a-election/src/lib.rs");
    assert_has(&lines, "2A  ok  2/2 tests");
    assert!(is_gone(slow.trim()));
}
