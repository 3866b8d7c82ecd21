//! What stands in a student's way: the machine, the files that should be as they were handed out, std in a server.

mod files;
mod machine;
mod processes;
pub mod std_use;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::course::Course;
use crate::error::{CommandError, EXIT_FAILED};
use crate::interrupt;
use crate::output::paint::Paint;

/// The version of the JSON document.
const VERSION: u64 = 1;

/// The width of the first two columns.
const STATE_CHARACTERS: usize = 5;
const ABOUT_CHARACTERS: usize = 10;

/// What was looked at, and what was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, in a word.
    about: &'static str,
    /// Whether it stands in the way.
    state: State,
    /// What was found.
    found: String,
    /// What to do, if there is something to do.
    to_do: Option<String>,
}

/// Whether a finding stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All is well.
    Ok,
    /// A student may want to know.
    Note,
    /// Something is to be done.
    Wrong,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Finding {
        Finding { about, state: State::Ok, found: found.into(), to_do: None }
    }

    fn note(about: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { about, state: State::Note, found: found.into(), to_do: Some(to_do.into()) }
    }

    fn wrong(about: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { about, state: State::Wrong, found: found.into(), to_do: Some(to_do.into()) }
    }
}

/// Looks at everything, and prints a line for each finding.
///
/// # Errors
///
/// If the course cannot be read.
pub fn examine(course: &Course, is_json: bool, print: fn(&str)) -> Result<ExitCode, CommandError> {
    type Look = fn(&Course) -> Result<Vec<Finding>, CommandError>;
    let looks: [Look; 7] = [
        machine::toolchain,
        machine::components,
        machine::disk,
        machine::build,
        files::as_handed_out,
        std_use::in_servers,
        processes::left_over,
    ];
    let mut findings = Vec::new();
    for look in looks {
        interrupt::check()?;
        let found = look(course)?;
        if !is_json {
            found.iter().for_each(|finding| print(&line(finding, Paint::for_stdout())));
        }
        findings.extend(found);
    }
    let is_well = findings.iter().all(|finding| finding.state != State::Wrong);
    print(&match (is_json, is_well) {
        (true, _) => format!("{:#}\n", document(&findings, is_well)),
        (false, true) => "\nNothing stands in the way.\n".to_string(),
        (false, false) => "\nDo what the lines with WRONG say, then run `cargo lab doctor` again.\n".to_string(),
    });
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn line(finding: &Finding, paint: Paint) -> String {
    let word = finding.state.word();
    let padding = " ".repeat(STATE_CHARACTERS.saturating_sub(word.len()));
    let word = match finding.state {
        State::Ok => paint.good(word),
        State::Note => word.to_string(),
        State::Wrong => paint.bad(word),
    };
    let indentation = " ".repeat(STATE_CHARACTERS + 2 + ABOUT_CHARACTERS + 2);
    let to_do = finding.to_do.as_ref().map(|to_do| format!("{indentation}{to_do}\n")).unwrap_or_default();
    format!("{word}{padding}  {:ABOUT_CHARACTERS$}  {}\n{to_do}", finding.about, finding.found)
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Note => "note",
            State::Wrong => "WRONG",
        }
    }
}

fn document(findings: &[Finding], is_well: bool) -> Value {
    let finding = |finding: &Finding| {
        let Finding { about, state, found, to_do } = finding;
        json!({ "about": about, "state": state.word().to_lowercase(), "found": found, "to_do": to_do })
    };
    json!({ "version": VERSION, "ok": is_well, "findings": findings.iter().map(finding).collect::<Vec<Value>>() })
}
