//! `cargo lab completions`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, unknown_option};
use crate::error::CommandError;
use crate::nearest::suggestion;
use crate::student::completions::Shell;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--help"];

/// Parses the arguments after `cargo lab completions`.
pub fn parse(mut parser: Parser, audience: Audience) -> Result<Invocation, CommandError> {
    let mut shell = None;
    while let Some(argument) = parser.next().map_err(misuse)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Help(Some("completions"))),
            Arg::Long(name) => return Err(unknown_option("completions", &format!("--{name}"), OPTIONS)),
            Arg::Short(letter) => return Err(unknown_option("completions", &format!("-{letter}"), OPTIONS)),
            Arg::Value(value) if shell.is_none() => shell = Some(parse_shell(&value.to_string_lossy())?),
            Arg::Value(value) => {
                let value = value.to_string_lossy();
                return Err(CommandError::Misuse(format!("`{value}` is one shell too many: name one of {}", names())));
            }
        }
    }
    let missing = || format!("the shell is missing: write `cargo lab completions bash` (shells: {})", names());
    let shell = shell.ok_or_else(|| CommandError::Misuse(missing()))?;
    Ok(Invocation::Completions { shell, audience })
}

fn parse_shell(name: &str) -> Result<Shell, CommandError> {
    Shell::ALL.into_iter().find(|shell| shell.name() == name).ok_or_else(|| {
        let suggestion = suggestion(name, Shell::ALL.map(Shell::name));
        CommandError::Misuse(format!("there are no completions for `{name}`{suggestion} (shells: {})", names()))
    })
}

fn names() -> String {
    Shell::ALL.map(Shell::name).join(", ")
}
