//! Why the command stops early, and with which exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::bugs::catalogue::CatalogueError;

/// The exit status when some test failed, or the course could not be built or read.
pub const EXIT_FAILED: u8 = 1;
/// The exit status when the command line makes no sense, as with cargo's own commands' parsers, or
/// the list of known bugs.
pub const EXIT_MISUSE: u8 = 2;
/// The exit status after Ctrl-C, as shells have it: 128 and the number of SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// Why the command stops early. Shown as one line.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The command line is wrong: the text says in what, and what would be right.
    Misuse(String),
    /// A list of known bugs cannot be followed: each line names file and line.
    Catalogue(String),
    /// The course or the machine is not as it should be: the text says where.
    Broken(String),
    /// Ctrl-C, or a polite request of the system to end.
    Interrupted,
}

impl CommandError {
    /// What the shell learns.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            CommandError::Misuse(_) | CommandError::Catalogue(_) => EXIT_MISUSE,
            CommandError::Broken(_) => EXIT_FAILED,
            CommandError::Interrupted => EXIT_INTERRUPTED,
        })
    }

    /// All that is wrong in the lists of known bugs, each on a line of its own that begins like a
    /// failure's only line.
    pub fn of_catalogue(problems: &[CatalogueError]) -> CommandError {
        let lines: Vec<String> = problems.iter().map(CatalogueError::to_string).collect();
        CommandError::Catalogue(lines.join("\nerror: "))
    }

    /// What an error of the system becomes: `what could not be done: reason`.
    pub fn of_system(what: impl fmt::Display) -> impl FnOnce(io::Error) -> CommandError {
        move |error| CommandError::Broken(format!("{what}: {error}"))
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Misuse(text) | CommandError::Catalogue(text) | CommandError::Broken(text) => {
                f.write_str(text)
            }
            CommandError::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for CommandError {}
