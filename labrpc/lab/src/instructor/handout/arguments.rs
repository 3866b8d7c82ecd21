//! `cargo lab handout`.

use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::arguments::{Audience, Invocation, lab_called, misuse, unknown_option, value_of};
use crate::course::LabCrate;
use crate::course::track::Track;
use crate::error::CommandError;
use crate::instructor::Request;
use crate::instructor::handout::HandoutPlan;

/// The options of the command.
pub const OPTIONS: &[&str] = &["--open", "--through", "--solved", "--check", "--help"];

/// Parses the arguments after `cargo lab handout`.
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let mut folder: Option<PathBuf> = None;
    let mut is_check = false;
    let mut plan = HandoutPlan::default();
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
            "-h" | "--help" => return Ok(Invocation::Help(Some("handout"))),
            "--check" => is_check = true,
            "--open" => plan.track = Track::Open,
            "--solved" => plan.solved = solved(&mut parser, &option)?,
            "--through" => {
                let lab = value_of(&mut parser, &option, "the last lab of the workspace, for instance 2c")?;
                plan.through = Some(lab_called(&lab)?);
            }
            _ => return Err(unknown_option("handout", &option, OPTIONS)),
        }
    }
    check_labs(&plan)?;
    match (folder, is_check) {
        (Some(folder), false) => Ok(Invocation::Instructor(Request::Handout(folder, plan))),
        (None, true) if plan.solved.is_empty() => Ok(Invocation::Instructor(Request::HandoutCheck(plan))),
        (None, true) => Err(CommandError::Misuse("--check checks all labs: leave out --solved".to_string())),
        (Some(_), true) => {
            Err(CommandError::Misuse("--check makes a temporary folder of its own: leave out the folder".to_string()))
        }
        (None, false) => Err(CommandError::Misuse(
            "the folder is missing: run `cargo lab handout DIR` or `cargo lab handout --check`".to_string(),
        )),
    }
}

/// The value of `--solved`: labs, with commas between them.
fn solved(parser: &mut Parser, option: &str) -> Result<Vec<&'static LabCrate>, CommandError> {
    let value = value_of(parser, option, "labs with commas between them, for instance 2a,2b")?;
    let mut labs = value.split(',').map(|name| lab_called(name.trim())).collect::<Result<Vec<_>, _>>()?;
    labs.sort_by_key(|lab| lab.id);
    labs.dedup();
    Ok(labs)
}

/// Checks that the workspace has all labs that are named, and that one of them is left to write.
fn check_labs(plan: &HandoutPlan) -> Result<(), CommandError> {
    if let (Some(lab), Some(last)) = (plan.solved.iter().find(|lab| !plan.has(lab)), plan.through) {
        return Err(CommandError::Misuse(format!(
            "--solved names lab {}, which comes after lab {}, the last one of --through: leave it out",
            lab.title(),
            last.title()
        )));
    }
    match plan.labs().all(|lab| plan.solved.contains(&lab)) {
        true => Err(CommandError::Misuse("--solved names every lab: there is nothing left to write".to_string())),
        false => Ok(()),
    }
}
