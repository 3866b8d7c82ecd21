//! `cargo lab carry`.

use lexopt::{Arg, Parser};

use super::{Audience, Invocation, lab_called, misuse, unknown_option};
use crate::course::{LABS, LabCrate};
use crate::error::CommandError;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--restart", "--help"];

/// Parses the arguments after `cargo lab carry`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut labs: Vec<&'static LabCrate> = Vec::new();
    let mut restart = false;
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) => {
                labs.push(lab_called(&value.to_string_lossy())?);
                continue;
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("carry"))),
            "--restart" => restart = true,
            _ => return Err(unknown_option("carry", &option, OPTIONS)),
        }
    }
    let [from, to] = labs[..] else {
        let text = "`cargo lab carry` takes two labs: write `cargo lab carry 2a 2b` to start lab 2B from your lab 2A";
        return Err(CommandError::Misuse(text.to_string()));
    };
    let place = |lab: &LabCrate| LABS.iter().position(|other| other == lab);
    if place(from) >= place(to) {
        return Err(CommandError::Misuse(format!(
            "lab {} does not come before lab {}: the earlier lab is named first",
            from.title(),
            to.title()
        )));
    }
    Ok(Invocation::Carry { from, to, restart })
}
