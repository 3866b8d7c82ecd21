//! Scripts that complete the command in a shell. They are made from the list of commands, and read the names of tests from
//! the workspace.

use crate::arguments::{Audience, Command, Values};
use crate::course::labs_here;
use crate::course::test_kind::TestKind;

/// Prints the names of all graded tests, in the root of a workspace.
const TESTS: &str =
    "find . -maxdepth 3 -path './lab*/tests/points.txt' -exec sed -n 's/^\\([a-z0-9_]*\\) .*/\\1/p' {} + 2>/dev/null";

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

impl Shell {
    /// All shells that have completions.
    pub const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }
    }
}

/// The script for a shell, with the commands for these people.
pub fn script(shell: Shell, audience: Audience) -> String {
    let commands: Vec<&Command> = audience.commands().collect();
    let names = commands.iter().map(|command| command.name).collect::<Vec<&str>>().join(" ");
    let (template, options, values) = match shell {
        Shell::Bash => (include_str!("bash.sh"), of_each(&commands, sh_options), of_each(&commands, bash_values)),
        Shell::Zsh => (include_str!("zsh.sh"), of_each(&commands, sh_options), of_each(&commands, zsh_values)),
        Shell::Fish => (include_str!("fish.fish"), of_each(&commands, fish_options), of_each(&commands, fish_values)),
    };
    let described = commands.iter().map(|command| match shell {
        Shell::Zsh => format!("        {}\n", single_quoted(&format!("{}:{}", command.name, command.what))),
        _ => format!(
            "complete -c cargo -n __cargo_lab_has_no_command -f -a {} -d {}\n",
            command.name,
            single_quoted(command.what)
        ),
    });
    template
        .replace("{described}\n", &described.collect::<String>())
        .replace("{options}\n", &options)
        .replace("{values}\n", &values)
        .replace("{commands}", &names)
        .replace("{tests}", TESTS)
}

fn of_each(commands: &[&Command], lines: fn(&Command) -> String) -> String {
    commands.iter().map(|command| lines(command)).collect()
}

fn sh_options(command: &Command) -> String {
    format!("        {}) words=\"{}\" ;;\n", command.name, command.options.join(" "))
}

/// The words that a command's values may be, and whether the names of tests belong to them.
fn words(values: Values) -> (String, bool) {
    let labs = labs_here().iter().map(|lab| lab.id).collect::<Vec<&str>>().join(" ");
    match values {
        Values::Labs => (labs, false),
        Values::Tests => (format!("{labs} {}", TestKind::ALL.map(TestKind::name).join(" ")), true),
        Values::Shells => (Shell::ALL.map(Shell::name).join(" "), false),
        Values::Commands => ("{commands}".to_string(), false),
        Values::Nothing | Values::Paths => (String::new(), false),
    }
}

fn sh_values(command: &Command, of_paths: &str) -> String {
    let name = command.name;
    match (command.values, words(command.values)) {
        (Values::Nothing, _) => String::new(),
        (Values::Paths, _) => format!("        {name}) {of_paths} ;;\n"),
        (_, (words, true)) => format!("        {name}) words=\"{words} $({{tests}})\" ;;\n"),
        (_, (words, false)) => format!("        {name}) words=\"{words}\" ;;\n"),
    }
}

fn bash_values(command: &Command) -> String {
    sh_values(command, "COMPREPLY=($(compgen -f -- \"$word\")); return")
}

fn zsh_values(command: &Command) -> String {
    sh_values(command, "_files; return")
}

fn fish_options(command: &Command) -> String {
    let name = command.name;
    let line = |option: &&str| {
        let option = option.trim_start_matches('-');
        format!("complete -c cargo -n '__cargo_lab_has {name}' -f -l {option}\n")
    };
    command.options.iter().map(line).collect()
}

fn fish_values(command: &Command) -> String {
    let name = command.name;
    match (command.values, words(command.values)) {
        (Values::Nothing, _) => String::new(),
        (Values::Paths, _) => format!("complete -c cargo -n '__cargo_lab_has {name}' -F\n"),
        (_, (words, true)) => {
            format!("complete -c cargo -n '__cargo_lab_has {name}' -f -a '{words} (__cargo_lab_tests)'\n")
        }
        (_, (words, false)) => format!("complete -c cargo -n '__cargo_lab_has {name}' -f -a '{words}'\n"),
    }
}

/// A text in single quotes, in which no shell replaces anything.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "’"))
}
