//! The workflow that tests a student's labs on GitHub: its scripts are run as GitHub runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fake::FakeCourse;

const WORKFLOW: &str = include_str!("../../src/instructor/handout/labs.yml");

/// The script of the step with this id.
fn script(id: &str) -> String {
    let (_, step) = WORKFLOW.split_once(&format!("        id: {id}\n")).unwrap();
    let (_, script) = step.split_once("        run: |\n").unwrap();
    let lines = script.lines().take_while(|line| line.is_empty() || line.starts_with("          "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]);
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

fn commit(folder: &Path, files: &[&str]) -> String {
    for file in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{files:?}")).unwrap();
    }
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "work"]);
    git(folder, &["rev-parse", "HEAD"])
}

/// Runs a script as a step, and returns what it has written as its outputs.
fn run(folder: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let file = |name: &str| -> PathBuf { folder.with_file_name(name) };
    let _ = fs::remove_file(file("outputs"));
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(folder);
    command.env("GITHUB_OUTPUT", file("outputs")).env("GITHUB_STEP_SUMMARY", file("summary"));
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(file("outputs")).unwrap()
}

/// Only the labs that have changed are chosen; all that have begun, if the course has, or if there is nothing to compare with.
#[test]
fn changed_labs_are_chosen() {
    let course = FakeCourse::new();
    let folder = course.beside("repository");
    fs::create_dir_all(&folder).unwrap();
    git(&folder, &["init", "--quiet"]);
    let first = commit(&folder, &["lab2a-election/src/lib.rs", "labrpc/src/lib.rs", "README.md"]);
    let choose = |before: &str| run(&folder, &script("labs"), &[("BEFORE", before)]);
    let page = commit(&folder, &["README.md"]);
    assert_eq!(choose(&first), "labs=\n");
    let two = commit(&folder, &["lab2a-election/src/lib.rs", "lab3b-kvsnap/src/a b.rs", "lab2a-election/notes.txt"]);
    assert_eq!(choose(&page), "labs=2a 3b\n");
    assert_eq!(choose(&two), "labs=\n");
    commit(&folder, &["labrpc/src/lib.rs"]);
    assert_eq!(choose(&two), "labs=begun\n");
    assert_eq!(choose("0000000000000000000000000000000000000000"), "labs=begun\n");
    assert_eq!(choose(""), "labs=begun\n");
}

/// The board becomes an output and the summary, whatever is in it; the status is kept for the last step.
#[test]
fn the_board_is_passed_on() {
    let course = FakeCourse::new();
    let folder = course.beside("tested");
    let programs = course.beside("programs");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&programs).unwrap();
    let fake = "#!/bin/sh\necho \"ran: $*\"\necho EOF\necho status=0\nexit 1\n";
    fs::write(programs.join("cargo"), fake).unwrap();
    let set = Command::new("chmod").arg("+x").arg(programs.join("cargo")).status().unwrap();
    assert!(set.success());
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for (labs, arguments) in [("2a 3b", "lab test 2a 3b"), ("begun", "lab test")] {
        let outputs = run(&folder, &script("test"), &[("LABS", labs), ("PATH", &path)]);
        let lines: Vec<&str> = outputs.lines().collect();
        let mark = lines[1].strip_prefix("board<<").unwrap();
        assert_eq!(mark.len(), 32);
        let ran = format!("ran: {arguments}");
        assert_eq!(lines, ["status=1", lines[1], &ran, "EOF", "status=0", "", mark]);
        let summary = fs::read_to_string(folder.with_file_name("summary")).unwrap();
        assert!(summary.ends_with(&format!("~~~~~~~~text\n{ran}\nEOF\nstatus=0\n\n~~~~~~~~\n")), "{summary}");
    }
}

/// Nothing that a pull request can choose stands in a script, and only the job without its code may write.
#[test]
fn a_fork_can_do_no_harm() {
    let scripts = WORKFLOW.split("run: ").skip(1).map(|step| step.split("\n      - ").next().unwrap());
    for script in scripts {
        assert!(!script.contains("${{"), "a value in a script is a program: {script}");
    }
    assert!(!WORKFLOW.contains("pull_request_target") && !WORKFLOW.contains("secrets."));
    let (tests, comment) = WORKFLOW.split_once("\n  comment:\n").unwrap();
    assert!(tests.contains("permissions: {}\n") && !tests.contains("write\n"));
    assert!(!comment.contains("checkout") && comment.contains("head.repo.full_name == github.repository"));
}
