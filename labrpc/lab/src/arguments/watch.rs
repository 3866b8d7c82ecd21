//! `cargo lab watch`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, lab_called, misuse, unknown_option};
use crate::error::CommandError;
use crate::request::Profile;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--release", "--help"];

/// Parses the arguments after `cargo lab watch`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let (mut lab, mut profile) = (None, Profile::Dev);
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) if lab.is_none() => {
                lab = Some(lab_called(&value.to_string_lossy())?);
                continue;
            }
            Arg::Value(value) => {
                let value = value.to_string_lossy();
                return Err(CommandError::Misuse(format!(
                    "`{value}` is one lab too many: `cargo lab watch` takes one, or none to follow what you save"
                )));
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("watch"))),
            "--release" => profile = Profile::Release,
            _ => return Err(unknown_option("watch", &option, OPTIONS)),
        }
    }
    Ok(Invocation::Watch { lab, profile })
}
