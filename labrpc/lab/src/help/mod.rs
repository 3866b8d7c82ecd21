//! What `--help` says, in the manner of cargo's own commands. Each command has a text beside this file.

use crate::arguments::{Audience, command_called};

/// The help about a command, or about all of them.
pub fn text(command: Option<&str>, audience: Audience) -> String {
    match command.and_then(command_called) {
        Some(command) => command.help.to_string(),
        None => overview(audience),
    }
}

fn overview(audience: Audience) -> String {
    let width = audience.commands().map(|command| command.name.len()).max().unwrap_or_default();
    let lines = audience.commands().map(|command| format!("  {:width$}  {}\n", command.name, command.what));
    let title = match audience {
        Audience::Instructor => "Work on, grade and hand out the labs",
        Audience::Student => "Work on the labs",
    };
    include_str!("overview.txt").replace("{title}", title).replace("{commands}", &lines.collect::<String>())
}
