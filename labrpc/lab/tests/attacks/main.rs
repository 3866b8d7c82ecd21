//! Does grading withstand submissions that are made to deceive it, to harm it, or to earn points for nothing?
//!
//! `.ci/attacks` runs this. Each file of the folder `list` is an attack with what must come of it; `attack` reads it and makes
//! the submission, `grader` has all of them graded by the command itself, `outside` watches what must not be touched, and `table`
//! shows what came of it. The variable `ATTACKS` chooses attacks by their names.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests run real processes")]

mod attack;
mod grader;
mod outside;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use attack::{Attack, Bases};
use grader::{Graded, Grader};
use outside::Outside;

/// The course's root.
fn course() -> PathBuf {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the command is two folders below the root");
    root.to_path_buf()
}

/// The command that is tested, in this course.
fn command_in(course: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.current_dir(course);
    command
}

/// The attacks that are asked for, or all.
fn chosen(is_meant: impl Fn(&Attack) -> bool) -> Vec<Attack> {
    let names: Option<Vec<String>> =
        env::var("ATTACKS").ok().map(|names| names.split_whitespace().map(str::to_string).collect());
    let mut attacks = attack::all();
    for name in names.iter().flatten() {
        assert!(attacks.iter().any(|attack| attack.name == *name), "ATTACKS: there is no attack `{name}`");
    }
    attacks.retain(|attack| names.as_ref().is_none_or(|names| names.contains(&attack.name)) && is_meant(attack));
    attacks
}

/// Has the attacks graded with these options, shows the table, and returns what went wrong.
fn withstand(title: &str, options: &[&str], attacks: &[Attack], is_sandboxed: bool) -> Vec<String> {
    let outside = Outside::new(&course());
    let command = || command_in(outside.course());
    let bases = Bases::new(outside.course(), outside.scratch(), &mut command());
    let labs: BTreeSet<&str> = attacks.iter().map(|attack| attack.lab.as_str()).collect();
    let mut graded: BTreeMap<String, Graded> = BTreeMap::new();
    for lab in labs {
        let of_lab: Vec<&Attack> = attacks.iter().filter(|attack| attack.lab == lab).collect();
        let submissions: Vec<PathBuf> = of_lab
            .iter()
            .map(|attack| {
                let folder = outside.scratch().join("submissions").join(&attack.name);
                attack.write(&bases, &outside.places(), &folder);
                folder
            })
            .collect();
        graded.extend(Grader { options, lab, command: &command, secret: outside.secret() }.grade(&submissions));
    }
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for attack in attacks {
        let graded = &graded[&attack.name];
        let mut of_attack = graded.problems(attack, is_sandboxed);
        // Without a sandbox nothing but the points is protected.
        if is_sandboxed {
            of_attack.extend(outside.traces_of(attack));
        }
        rows.push((attack, graded, of_attack.clone()));
        problems.extend(of_attack.into_iter().map(|problem| format!("{}: {problem}", attack.name)));
    }
    if is_sandboxed {
        problems.extend(outside.changes());
    }
    outside.clear(attacks);
    println!("\n{title}\n{}", table::show(&rows));
    problems
}

/// Each attack still fits the course: its edits find their places, and all of it is known.
#[test]
fn every_attack_can_be_made() {
    let outside = Outside::new(&course());
    let bases = Bases::new(outside.course(), outside.scratch(), &mut command_in(outside.course()));
    let attacks = attack::all();
    for attack in &attacks {
        let is_honest = attack.points_min > 0;
        assert!(is_honest || attack.points_max == 0, "{}: it may gain {} points", attack.name, attack.points_max);
        assert!(
            !attack.tries.is_empty() && !attack.endings.is_empty(),
            "{}: it does not say what must come of it",
            attack.name
        );
        attack.write(&bases, &outside.places(), &outside.scratch().join("submissions").join(&attack.name));
    }
    assert!(outside.changes().is_empty(), "{:?}", outside.changes());
    outside.clear(&attacks);
}

fn assert_withstood(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// No attack that is made for points gets one, although nothing but the judge stands against it.
#[test]
#[ignore = "it compiles every attack: run .ci/attacks"]
fn nothing_is_gained_without_a_sandbox() {
    let attacks = chosen(|attack| attack.is_for_points && !attack.is_slow);
    assert_withstood(&withstand("without a sandbox", &["--unsandboxed"], &attacks, false));
}

/// In the best sandbox that this machine has, no attack gains a point, ends or hangs the grader, leaves a process, or touches what
/// is outside.
#[test]
#[ignore = "it compiles every attack: run .ci/attacks"]
fn nothing_happens_in_the_sandbox() {
    let attacks = chosen(|attack| !attack.is_slow);
    assert_withstood(&withstand("in the sandbox", &[], &attacks, true));
}

/// The other sandboxes hold, too, each where it works.
#[test]
#[ignore = "it compiles every attack: run .ci/attacks --slow"]
fn nothing_happens_in_the_other_sandboxes_which_is_slow() {
    let attacks = chosen(|_| true);
    for level in ["landlock", "uid"] {
        assert_withstood(&withstand(level, &["--sandbox", level], &attacks, true));
    }
}

/// The same as in the best sandbox, for attacks that need several labs, or a limit of time.
#[test]
#[ignore = "it compiles every attack: run .ci/attacks --slow"]
fn nothing_happens_in_the_sandbox_in_slow_attacks() {
    let attacks = chosen(|attack| attack.is_slow);
    assert_withstood(&withstand("slow attacks in the sandbox", &[], &attacks, true));
}

/// Neither does one that needs several labs, or a limit of time.
#[test]
#[ignore = "it compiles every attack: run .ci/attacks --slow"]
fn nothing_is_gained_without_a_sandbox_in_slow_attacks() {
    let attacks = chosen(|attack| attack.is_for_points && attack.is_slow);
    assert_withstood(&withstand("slow attacks without a sandbox", &["--unsandboxed"], &attacks, false));
}
