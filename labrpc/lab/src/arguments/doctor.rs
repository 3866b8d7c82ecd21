//! `cargo lab doctor`.

use lexopt::Parser;

use super::{Audience, Invocation, is_json};
use crate::error::CommandError;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--json", "--help"];

/// Parses the arguments after `cargo lab doctor`.
pub fn parse(parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let is_json = is_json(parser, "doctor", OPTIONS, |_| "it looks at the whole workspace".to_string())?;
    Ok(is_json.map_or(Invocation::Help(Some("doctor")), |is_json| Invocation::Doctor { is_json }))
}
