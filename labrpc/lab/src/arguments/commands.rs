//! The commands: what each is for, which options and values it takes, and who explains it.
//!
//! Parsing, help and completions are made from this one list.

use lexopt::Parser;

use super::{Invocation, carry, completions, doctor, hint, parse_help, status, story, submit, test, watch};
use crate::error::CommandError;

/// One command of `cargo lab`.
pub struct Command {
    /// The word on the command line.
    pub name: &'static str,
    /// What it does, for the list of commands.
    pub what: &'static str,
    /// Its options, as they are typed.
    pub options: &'static [&'static str],
    /// What its values are.
    pub values: Values,
    /// What `--help` prints.
    pub help: &'static str,
    /// Parses what comes after the command.
    pub parse: fn(Parser, Audience) -> Result<Invocation, CommandError>,
}

/// What a command's values are, for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// It takes none.
    Nothing,
    /// Labs.
    Labs,
    /// Labs, kinds of tests and tests.
    Tests,
    /// The commands themselves.
    Commands,
    /// Shells.
    Shells,
    /// A file or a folder.
    Paths,
}

/// For whom help and messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// In the course: everything.
    Instructor,
    /// In a handout: what a student needs.
    Student,
}

impl Audience {
    /// The commands that help and messages name.
    pub fn commands(self) -> impl Iterator<Item = &'static Command> {
        let own = if self == Audience::Instructor { OF_INSTRUCTORS } else { &[] };
        let (help, others) = (&OF_STUDENTS[OF_STUDENTS.len() - 1..], &OF_STUDENTS[..OF_STUDENTS.len() - 1]);
        others.iter().chain(own).chain(help)
    }

    /// Their names, with commas between them.
    pub fn command_names(self) -> String {
        let names: Vec<&str> = self.commands().map(|command| command.name).collect();
        names.join(", ")
    }
}

/// The command of this name, for students or instructors.
pub fn command_called(name: &str) -> Option<&'static Command> {
    Audience::Instructor.commands().find(|command| command.name == name)
}

/// The commands that only the course has. A handout is built without them.
#[cfg(feature = "instructor")]
const OF_INSTRUCTORS: &[Command] = &crate::instructor::COMMANDS;
#[cfg(not(feature = "instructor"))]
const OF_INSTRUCTORS: &[Command] = &[];

/// The commands that every workspace has. The last one explains the others.
static OF_STUDENTS: [Command; 11] = [
    Command {
        name: "status",
        what: "Show where you are and what to do next; the default",
        options: status::OPTIONS,
        values: Values::Nothing,
        help: include_str!("../help/status.txt"),
        parse: status::parse,
    },
    Command {
        name: "test",
        what: "Run graded tests and show the scoreboard",
        options: test::OPTIONS,
        values: Values::Tests,
        help: include_str!("../help/test.txt"),
        parse: test::parse,
    },
    Command {
        name: "watch",
        what: "Run a lab's tests again at each save, what failed first",
        options: watch::OPTIONS,
        values: Values::Labs,
        help: include_str!("../help/watch.txt"),
        parse: watch::parse,
    },
    Command {
        name: "hint",
        what: "Give a hint about what failed, a clearer one with each call",
        options: hint::OPTIONS,
        values: Values::Tests,
        help: include_str!("../help/hint.txt"),
        parse: hint::parse,
    },
    Command {
        name: "replay",
        what: "Run a failed test again and show the run, event by event",
        options: story::OPTIONS_OF_REPLAY,
        values: Values::Nothing,
        help: include_str!("../help/replay.txt"),
        parse: story::parse_replay,
    },
    Command {
        name: "story",
        what: "Show a run of any test, event by event",
        options: story::OPTIONS_OF_STORY,
        values: Values::Tests,
        help: include_str!("../help/story.txt"),
        parse: story::parse_story,
    },
    Command {
        name: "carry",
        what: "Start a lab of the open track from your code for an earlier one",
        options: carry::OPTIONS,
        values: Values::Labs,
        help: include_str!("../help/carry.txt"),
        parse: carry::parse,
    },
    Command {
        name: "doctor",
        what: "Check the machine and the workspace, and say what to do",
        options: doctor::OPTIONS,
        values: Values::Nothing,
        help: include_str!("../help/doctor.txt"),
        parse: doctor::parse,
    },
    Command {
        name: "submit",
        what: "Pack what you have written into one file, to be handed in",
        options: submit::OPTIONS,
        values: Values::Paths,
        help: include_str!("../help/submit.txt"),
        parse: submit::parse,
    },
    Command {
        name: "completions",
        what: "Print what completes these commands in your shell",
        options: completions::OPTIONS,
        values: Values::Shells,
        help: include_str!("../help/completions.txt"),
        parse: completions::parse,
    },
    Command {
        name: "help",
        what: "Explain a command",
        options: &["--help"],
        values: Values::Commands,
        help: "",
        parse: parse_help,
    },
];
