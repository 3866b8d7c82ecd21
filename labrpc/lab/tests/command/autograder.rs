//! `cargo lab gradescope`: what is in the zip, and what its program does, as Gradescope would run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fake::{Ended, FakeCourse};

/// The text of a file in the zip, and whether it can be run.
fn in_zip(zip: &[u8], wanted: &str) -> Option<(String, bool)> {
    use std::io::Read;

    let archive = rawzip::ZipArchive::from_slice(zip).unwrap();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().unwrap() {
        if entry.file_path().as_bytes() == wanted.as_bytes() {
            let is_program = entry.mode().permissions() & 0o111 != 0;
            let packed = archive.get_entry(entry.wayfinder()).unwrap();
            let mut text = String::new();
            let unpacked = flate2::read::DeflateDecoder::new(packed.data());
            packed.verifying_reader(unpacked).read_to_string(&mut text).unwrap();
            return Some((text, is_program));
        }
    }
    None
}

/// The zip has both programs and the course, and says how to set the assignment up.
#[test]
fn the_zip_is_whole() {
    let course = FakeCourse::new();
    course.write("docs/stories/run.html", "large");
    course.write(".github/workflows/ci.yml", "");
    course.write(".cargo/config.toml", "[alias]");
    let ended = course.lab("gradescope ../grader.zip --lab 2a --lab 3b --seeds 9 --minutes 20");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let told = "grades 2A, 3B\nIn Gradescope: 60 points, a time limit of 20 minutes, and at least one processor.\n";
    assert!(ended.stdout.starts_with("../grader.zip: ") && ended.stdout.ends_with(told), "{}", ended.stdout);
    let zip = fs::read(course.beside("grader.zip")).unwrap();
    let (setup, is_program) = in_zip(&zip, "setup.sh").unwrap();
    assert!(is_program && setup.contains("cargo fetch --locked"));
    let (program, is_program) = in_zip(&zip, "run_autograder").unwrap();
    assert!(
        is_program
            && program.contains(
                "timeout --kill-after=10 1140 cargo lab grade --format gradescope --lab 2a --lab 3b --seeds 9"
            )
    );
    assert_eq!(in_zip(&zip, "course/.cargo/config.toml"), Some(("[alias]".to_string(), false)));
    assert!(in_zip(&zip, "course/lab2a-election/tests/points.txt").is_some());
    assert_eq!(
        (in_zip(&zip, "course/docs/stories/run.html"), in_zip(&zip, "course/.github/workflows/ci.yml")),
        (None, None)
    );
    course.lab("gradescope ../again.zip --lab 2a --lab 3b --seeds 9 --minutes 20");
    assert!(zip == fs::read(course.beside("again.zip")).unwrap(), "equal courses make equal zips");
}

/// Gradescope's folder in a temporary one, with a program in the place of cargo.
struct Container {
    folder: PathBuf,
    program: String,
}

impl Container {
    fn new(course: &FakeCourse, cargo: &str) -> Container {
        course.lab("gradescope ../grader.zip");
        let folder = course.beside("autograder");
        for part in ["source/course", "submission", "bin"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        fs::write(folder.join("bin/cargo"), format!("#!/bin/sh\n{cargo}\n")).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(folder.join("bin/cargo")).status().unwrap().success());
        let (program, _) = in_zip(&fs::read(course.beside("grader.zip")).unwrap(), "run_autograder").unwrap();
        let program = program.replace("/autograder", &folder.display().to_string());
        let home = format!("CARGO_HOME={}", folder.display());
        Container { program: program.replace("CARGO_HOME=/usr/local/cargo", &home), folder }
    }

    fn submit(&self, files: &[&str]) {
        files.iter().for_each(|file| fs::write(self.folder.join("submission").join(file), "").unwrap());
    }

    fn run(&self) -> Ended {
        Ended::of(Command::new("bash").args(["-c", &self.program]).output().unwrap())
    }

    fn results(&self) -> Option<String> {
        let results: &Path = &self.folder.join("results");
        assert!(!results.join("new.json").exists());
        fs::read_to_string(results.join("results.json")).ok()
    }
}

/// What the grader prints is the result, also for a submission that it refuses. An archive is graded itself.
#[test]
fn what_is_printed_is_the_result() {
    let course = FakeCourse::new();
    let container = Container::new(&course, "for last; do :; done; echo \"{$last}\"; exit 1");
    container.submit(&["work.tar.gz"]);
    let ended = container.run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let submission = container.folder.join("submission");
    assert_eq!(container.results(), Some(format!("{{{}/work.tar.gz}}\n", submission.display())));
    container.submit(&[".hidden"]);
    container.run();
    assert_eq!(container.results(), Some(format!("{{{}}}\n", submission.display())));
}

/// Where the grader fails, there is no grade.
#[test]
fn a_failure_is_no_grade() {
    let course = FakeCourse::new();
    let container = Container::new(&course, "echo 'error: the grader failed' >&2; exit 1");
    let ended = container.run();
    assert_eq!((ended.status, container.results()), (Some(1), None));
    assert!(ended.stdout.ends_with("The grader failed with status 1. Run the autograder again.\n"), "{}", ended.stdout);
    let container = Container::new(&course, "exit 124");
    assert!(container.run().stdout.starts_with("The grader did not finish within 2340 seconds: "));
}
