//! `cargo lab completions`: the scripts are tried in those shells that the machine has.

use std::fs;
use std::process::{Command, Output};

use crate::fake::FakeCourse;

/// Writes the script of a shell beside the course, and runs `code` in the course by that shell after it. `None` if there is no
/// such shell.
fn run(course: &FakeCourse, shell: &str, code: &str) -> Option<Output> {
    let printed = course.lab(&format!("completions {shell}"));
    assert_eq!((printed.status, printed.stderr.as_str()), (Some(0), ""));
    assert!(!["{commands}", "{options}", "{values}", "{tests}"].iter().any(|part| printed.stdout.contains(part)));
    let script = course.beside(&format!("script.{shell}"));
    fs::write(&script, printed.stdout + code).unwrap();
    let no_config = match shell {
        "bash" => "--norc",
        "zsh" => "-f",
        _ => "--no-config",
    };
    Command::new(shell).arg(no_config).arg(script).current_dir(course.root()).output().ok()
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<&str>>().join(" ");
    String::from_utf8_lossy(&output.stdout).lines().map(words).collect()
}

/// Commands, options, labs and tests are completed in bash, and other words after `cargo` as before.
#[test]
fn bash_completes() {
    let course = FakeCourse::new();
    let code = "\nt() { COMP_WORDS=(cargo \"$@\"); COMP_CWORD=$#; _cargo_and_lab; echo \"${COMPREPLY[*]}\"; }\n\
                t lab st; t lab test --see; t lab test two_2; t lab watch 3; t lab completions ''; t lab help hando; t clip\n";
    let Some(output) = run(&course, "bash", code) else { return };
    let expected = [
        "status story",
        "--seeds --seed",
        "two_2a two_2b two_2c two_2d",
        "3a 3b",
        "bash zsh fish",
        "handout",
        "clippy",
    ];
    let mut found = lines(&output);
    let mut tests: Vec<&str> = found[2].split(' ').collect();
    tests.sort_unstable();
    found[2] = tests.join(" ");
    assert_eq!(found, expected);
}

/// The same in zsh, whose own functions are replaced by ones that print.
#[test]
fn zsh_completes() {
    let course = FakeCourse::new();
    let code = "\ncompadd() { print -r -- ${@[2,-1]} }\n_describe() { print -r -- ${#described} }\n\
                t() { words=(\"$@\"); CURRENT=$#; PREFIX=${@[-1]}; _cargo-lab }\n\
                t lab ''; t lab watch ''; t lab doctor --\n";
    let Some(output) = run(&course, "zsh", code) else { return };
    assert_eq!(lines(&output), ["16", "--json --help", "2a 2b 2c 2d 3a 3b", "--json --help"]);
}

/// The same in fish, which can be asked what it would offer.
#[test]
fn fish_completes() {
    let course = FakeCourse::new();
    let code = "\ncomplete -C 'cargo lab st'\ncomplete -C 'cargo lab test two_3'\ncomplete -C 'cargo lab doctor --j'\n";
    let Some(output) = run(&course, "fish", code) else { return };
    let expected = [
        "status Show where you are and what to do next; the default",
        "story Show a run of any test, event by event",
        "two_3a",
        "two_3b",
        "--json",
    ];
    assert_eq!(lines(&output), expected);
}
