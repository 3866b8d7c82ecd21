//! The errors that end the command, and their exit statuses.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit status if a test failed, or the course could not be built or read.
pub const EXIT_FAILED: u8 = 1;
/// The exit status if the command line or the list of known bugs is wrong. Cargo's own commands use
/// it too.
pub const EXIT_MISUSE: u8 = 2;
/// The exit status after Ctrl-C, as in shells: 128 plus the number of SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// An error that ends the command. Shown as one line.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The command line is wrong. The text says what is wrong and what would be right.
    Misuse(String),
    /// A list of known bugs is wrong. Each line has the file and the line number.
    Catalogue(String),
    /// The course or the machine has a problem. The text says where.
    Broken(String),
    /// Ctrl-C, or a request of the system to end.
    Interrupted,
    /// There is a newer reason to work: it begins anew.
    Superseded,
}

impl CommandError {
    /// The exit status.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            CommandError::Misuse(_) | CommandError::Catalogue(_) => EXIT_MISUSE,
            CommandError::Broken(_) | CommandError::Superseded => EXIT_FAILED,
            CommandError::Interrupted => EXIT_INTERRUPTED,
        })
    }

    /// All errors in the lists of known bugs, one per line. Each line begins with `error: `, like
    /// the message of any other error.
    pub fn of_catalogue(problems: &[impl ToString]) -> CommandError {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        CommandError::Catalogue(lines.join("\nerror: "))
    }

    /// Converts an error of the system: `what could not be done: reason`.
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
            CommandError::Superseded => f.write_str("begun anew"),
        }
    }
}

impl std::error::Error for CommandError {}
