//! Where the work stands, and what to do next. Nothing is built and nothing runs.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::next::{self, NextStep};
use super::results::{LastLab, LastResults, seconds_now};
use crate::course::begun::{self, Written};
use crate::course::points::{self, GradedLab};
use crate::course::track::{self, Track};
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::output::paint::Paint;

/// The version of the JSON document.
const VERSION: u64 = 1;

/// How many changed files of a lab are named.
const CHANGED_MAX: usize = 3;

/// Where the work on a course stands.
#[derive(Debug)]
pub struct Status {
    /// Whose design the first lab's servers follow.
    pub track: Track,
    /// Whether it is a student's workspace.
    pub is_handout: bool,
    /// The labs that the workspace has, in course order.
    pub labs: Vec<LabStatus>,
}

/// Where the work on one lab stands.
#[derive(Debug)]
pub struct LabStatus {
    /// The lab.
    pub lab: &'static LabCrate,
    /// Whether its servers are of the student's own design.
    pub is_open: bool,
    /// How much of it is written.
    pub written: Written,
    /// The points that can be earned.
    pub points: u64,
    /// The points that its tests earned last.
    pub score: u64,
    /// How many graded tests it has.
    pub tests: usize,
    /// How many of them passed last.
    pub tests_passed: usize,
    /// What its tests said last.
    pub last: Option<LastLab>,
    /// The source files that were changed since.
    pub changed: Vec<String>,
}

impl LabStatus {
    /// Whether every graded test passed last.
    pub fn is_green(&self) -> bool {
        self.tests > 0 && self.tests_passed == self.tests
    }

    /// Whether the student has begun to write it.
    pub fn is_begun(&self) -> bool {
        self.written.is_begun
    }
}

/// Shows the status.
///
/// # Errors
///
/// If the course cannot be read.
pub fn show(course: &Course, is_json: bool, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let status = Status::of(course, &LastResults::read(course))?;
    let next = next::step(course, &status)?;
    print(&if is_json {
        format!("{:#}\n", document(&status, &next))
    } else {
        text(&status, &next, Paint::for_stdout())
    });
    Ok(ExitCode::SUCCESS)
}

impl Status {
    /// Looks at the course's files, and at what is remembered of the last runs.
    ///
    /// # Errors
    ///
    /// If the course cannot be read.
    pub fn of(course: &Course, results: &LastResults) -> Result<Status, CommandError> {
        let labs = points::read_all(course)?;
        let labs = labs.iter().map(|lab| lab_status(course, lab, results)).collect::<Result<Vec<LabStatus>, _>>()?;
        let track = if labs.iter().any(|lab| lab.is_open) { Track::Open } else { Track::Guided };
        Ok(Status { track, is_handout: track::is_handout(course), labs })
    }

    /// The lab that a student is at: the first begun one whose tests do not all pass, or else the next one, or the last.
    pub fn lab_at_hand(&self) -> Option<&'static LabCrate> {
        let red = self.labs.iter().find(|lab| lab.is_begun() && !lab.written.is_given && !lab.is_green());
        let next = || self.labs.iter().find(|lab| !lab.is_begun());
        red.or_else(next).or(self.labs.last()).map(|lab| lab.lab)
    }

    /// The points that all labs earned last.
    pub fn score(&self) -> u64 {
        self.labs.iter().map(|lab| lab.score).sum()
    }

    /// The points that can be earned.
    pub fn points(&self) -> u64 {
        self.labs.iter().map(|lab| lab.points).sum()
    }
}

fn lab_status(course: &Course, graded: &GradedLab, results: &LastResults) -> Result<LabStatus, CommandError> {
    let lab = graded.lab;
    let last = results.of(lab).cloned();
    let tests = graded.tests.as_deref().unwrap_or_default();
    let is_passed = |name: &str| last.as_ref().and_then(|last| last.tests.get(name)).is_some_and(|test| test.is_passed);
    let passed = || tests.iter().filter(|test| is_passed(&test.name));
    Ok(LabStatus {
        lab,
        is_open: track::is_open(course, lab),
        written: begun::written(course, lab)?,
        points: tests.iter().map(|test| test.points).sum(),
        score: passed().map(|test| test.points).sum(),
        tests: tests.len(),
        tests_passed: passed().count(),
        changed: last.as_ref().map_or(Ok(Vec::new()), |last| last.changed_since(course, lab))?,
        last,
    })
}

fn text(status: &Status, next: &NextStep, paint: Paint) -> String {
    let place = match (status.is_handout, status.track) {
        (false, _) => "the course itself".to_string(),
        (true, track) => format!("{} track", track.name()),
    };
    if next.is_fresh {
        return format!("Raft Labs, {place}\n\n{}", next.text);
    }
    let so_far = match status.labs.iter().any(|lab| lab.last.is_some()) {
        true => format!("{} of {} points when the tests ran last", status.score(), status.points()),
        false => "the tests have not run yet".to_string(),
    };
    let mut text = format!("Raft Labs, {place}: {so_far}\n\n");
    let question = status.labs.iter().map(|lab| lab.lab.question.chars().count()).max().unwrap_or_default();
    for lab in &status.labs {
        let (points, tests) = (format!("{}/{}", lab.score, lab.points), format!("{}/{}", lab.tests_passed, lab.tests));
        let state = state(lab, paint);
        text += &format!(
            "{}  {:question$}  {points:>9} points  {tests:>7} tests  {state}\n",
            lab.lab.title(),
            lab.lab.question
        );
    }
    format!("{text}\n{}", next.text)
}

/// What there is to say of a lab besides its points.
fn state(lab: &LabStatus, paint: Paint) -> String {
    let left = match lab.written.todos {
        0 => String::new(),
        todos => format!(", {todos} to write"),
    };
    let Some(last) = &lab.last else {
        return if lab.is_begun() { format!("not run yet{left}") } else { "not begun".to_string() };
    };
    let word = if lab.is_green() { paint.good("ok") } else { paint.bad("FAILED") };
    format!("{word} {}{left}{}", ago(seconds_now().saturating_sub(last.at_seconds)), changed(&lab.changed))
}

/// The files that were changed since, without their folders, which the row says.
fn changed(files: &[String]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let short = |file: &String| {
        file.replacen("/src/", "/", 1).split_once('-').map_or(file.clone(), |(lab, rest)| {
            format!("{lab}/{}", rest.split_once('/').map_or(rest, |(_, file)| file))
        })
    };
    let mut names: Vec<String> = files.iter().take(CHANGED_MAX).map(short).collect();
    if files.len() > CHANGED_MAX {
        names.push(format!("{} more", files.len() - CHANGED_MAX));
    }
    format!("; changed since: {}", names.join(", "))
}

/// How long ago, in words.
pub fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_string(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s} ago")
}

fn document(status: &Status, next: &NextStep) -> Value {
    let lab = |lab: &LabStatus| {
        json!({
            "lab": lab.lab.id,
            "package": lab.lab.package,
            "begun": lab.is_begun(),
            "places_to_write": lab.written.todos,
            "score": lab.score,
            "points": lab.points,
            "tests_passed": lab.tests_passed,
            "tests_total": lab.tests,
            "ran_at_seconds": lab.last.as_ref().map(|last| last.at_seconds),
            "changed_since": lab.changed,
        })
    };
    json!({
        "version": VERSION,
        "track": status.track.name(),
        "handout": status.is_handout,
        "score": status.score(),
        "points": status.points(),
        "labs": status.labs.iter().map(lab).collect::<Vec<Value>>(),
        "next": next.text.trim_end(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time is told in the largest unit that fits, and files by their lab and name.
    #[test]
    fn times_and_files_are_short() {
        let told: Vec<String> = [0, 59, 60, 150, 3_600, 90_000, 864_000].into_iter().map(ago).collect();
        let expected =
            ["just now", "just now", "1 minute ago", "2 minutes ago", "1 hour ago", "1 day ago", "10 days ago"];
        assert_eq!(told, expected);
        let files: Vec<String> = ["a", "b", "c", "d/e"].map(|name| format!("lab2a-election/src/{name}.rs")).to_vec();
        assert_eq!(changed(&files), "; changed since: lab2a/a.rs, lab2a/b.rs, lab2a/c.rs, 1 more");
        assert_eq!(changed(&files[3..]), "; changed since: lab2a/d/e.rs");
    }
}
