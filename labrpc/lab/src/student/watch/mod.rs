//! Running a lab's tests again at each save: what failed last first.

mod files;
mod keys;
mod round;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use super::results::LastResults;
use super::status::Status;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::interrupt;
use crate::request::Profile;
use keys::Keys;
use round::Round;

/// How often Ctrl-C is looked for between two rounds.
const WAIT_INTERVAL: Duration = Duration::from_millis(50);

/// Clears a terminal, so that a round begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// A reason to run the tests.
pub enum Event {
    /// Source files were saved.
    Saved {
        /// Their paths in the workspace.
        files: Vec<String>,
        /// When the last of them was written.
        saved_at: Option<SystemTime>,
    },
    /// A key asks for it.
    Again,
}

/// Tests a lab at each save, until Ctrl-C or q. Without `lab`, it is the one of the file that was saved last.
///
/// # Errors
///
/// If the course cannot be read, or if the system fails.
pub fn watch(course: &Course, lab: Option<&'static LabCrate>, profile: Profile) -> Result<ExitCode, CommandError> {
    let (sender, events) = mpsc::channel();
    files::watch(course, sender.clone());
    let keys = Keys::read(sender);
    match watch_until_quit(course, lab, profile, &events, &keys) {
        Err(CommandError::Interrupted) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

fn watch_until_quit(
    course: &Course,
    named: Option<&'static LabCrate>,
    profile: Profile,
    events: &Receiver<Event>,
    keys: &Keys,
) -> Result<(), CommandError> {
    let mut lab = match named {
        Some(lab) => lab,
        None => lab_at_hand(course)?,
    };
    let is_named = named.is_some();
    let mut round = Round { course, lab, is_named, profile, files: Vec::new(), saved_at: None };
    loop {
        match round.run() {
            Err(CommandError::Superseded) => {}
            Err(error) => return Err(error),
            Ok(is_read) if !is_read => return Ok(()),
            Ok(_) => say(&waiting_line(keys)).ok_or(CommandError::Interrupted)?,
        }
        let (files, saved_at) = next_reason(events)?;
        // The last lab of several: a later lab is tested with the earlier ones.
        let saved = course.labs().rfind(|lab| files.iter().any(|file| file.starts_with(&format!("{}/", lab.package))));
        lab = named.or(saved).unwrap_or(lab);
        round = Round { course, lab, is_named, profile, files, saved_at };
        if io::stdout().is_terminal() {
            say(CLEAR);
        }
    }
}

/// The lab that a student is at.
fn lab_at_hand(course: &Course) -> Result<&'static LabCrate, CommandError> {
    let lab = Status::of(course, &LastResults::read(course))?.lab_at_hand();
    lab.ok_or_else(|| CommandError::Broken("the course has no lab".to_string()))
}

fn waiting_line(keys: &Keys) -> String {
    let keys = if keys.are_there() { format!(" ({})", keys::EXPLANATION) } else { String::new() };
    format!("\nWaiting for the next save{keys}\n")
}

/// Waits for a reason to begin anew. Several at once are one.
fn next_reason(events: &Receiver<Event>) -> Result<(Vec<String>, Option<SystemTime>), CommandError> {
    let mut all = Vec::new();
    let mut last = None;
    let mut add = |event| {
        if let Event::Saved { files, saved_at } = event {
            all.extend(files);
            last = last.max(saved_at);
        }
    };
    loop {
        match events.recv_timeout(WAIT_INTERVAL) {
            Ok(event) => break add(event),
            Err(RecvTimeoutError::Timeout) => match interrupt::check() {
                // The event that belongs to it is on its way.
                Err(CommandError::Superseded) | Ok(()) => {}
                Err(error) => return Err(error),
            },
            Err(RecvTimeoutError::Disconnected) => return Err(CommandError::Interrupted),
        }
    }
    events.try_iter().for_each(add);
    interrupt::begin_anew();
    Ok((all, last))
}

/// Writes to standard output. `None` if nobody reads it any more.
fn say(text: &str) -> Option<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).ok()
}
