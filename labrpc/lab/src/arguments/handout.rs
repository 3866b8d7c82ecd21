//! `cargo lab handout`.

use std::path::PathBuf;

use lexopt::{Arg, Parser};

use super::{Invocation, Topic, misuse, unknown_option};
use crate::error::CommandError;

const OPTIONS: [&str; 2] = ["--check", "--help"];

/// Parses the arguments after `cargo lab handout`.
pub fn parse(mut parser: Parser) -> Result<Invocation, CommandError> {
    let mut folder: Option<PathBuf> = None;
    let mut is_check = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) if folder.is_none() => {
                folder = Some(value.into());
                continue;
            }
            Arg::Value(value) => {
                let value = value.to_string_lossy().into_owned();
                return Err(CommandError::Misuse(format!(
                    "`{value}` is one folder too many: `cargo lab handout` takes one"
                )));
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Topic::Handout)),
            "--check" => is_check = true,
            _ => return Err(unknown_option("handout", &option, &OPTIONS)),
        }
    }
    match (folder, is_check) {
        (Some(folder), false) => Ok(Invocation::Handout(folder)),
        (None, true) => Ok(Invocation::HandoutCheck),
        (Some(_), true) => {
            Err(CommandError::Misuse("--check makes a temporary folder of its own: leave out the folder".to_string()))
        }
        (None, false) => Err(CommandError::Misuse(
            "the folder is missing: run `cargo lab handout DIR` or `cargo lab handout --check`".to_string(),
        )),
    }
}
