//! `cargo lab submit`.

use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, misuse, unknown_option};
use crate::error::CommandError;
use crate::student::submit::SubmitRequest;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--list", "--help"];

/// How the name of an archive ends.
const ENDINGS: [&str; 2] = [".tar.gz", ".tgz"];

/// Parses the arguments after `cargo lab submit`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let (mut file, mut is_list): (Option<PathBuf>, bool) = (None, false);
    while let Some(argument) = parser.next().map_err(misuse)? {
        match argument {
            Arg::Long("list") => is_list = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Help(Some("submit"))),
            Arg::Long(name) => return Err(unknown_option("submit", &format!("--{name}"), OPTIONS)),
            Arg::Short(letter) => return Err(unknown_option("submit", &format!("-{letter}"), OPTIONS)),
            Arg::Value(value) if file.is_none() => file = Some(value.into()),
            Arg::Value(value) => {
                let value = value.to_string_lossy();
                return Err(CommandError::Misuse(format!(
                    "`{value}` is one file too many: `cargo lab submit` writes one archive"
                )));
            }
        }
    }
    if let Some(file) = &file {
        check_name(file)?;
    }
    Ok(Invocation::Submit(SubmitRequest { file, is_list }))
}

/// An archive of another name could take the place of a source file.
fn check_name(file: &Path) -> Result<(), CommandError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if ENDINGS.iter().any(|ending| name.ends_with(ending) && name.len() > ending.len()) {
        return Ok(());
    }
    Err(CommandError::Misuse(format!(
        "`{}` is no name for an archive: let it end in .tar.gz, for instance ../alice.tar.gz",
        file.display()
    )))
}
