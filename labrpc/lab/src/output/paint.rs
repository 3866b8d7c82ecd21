//! Coloured text.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal};

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// Whether text is coloured.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    is_coloured: bool,
}

impl Paint {
    /// No colour.
    pub const NONE: Paint = Paint { is_coloured: false };

    /// Colour if standard output is a terminal and the environment allows it.
    pub fn for_stdout() -> Paint {
        Paint { is_coloured: io::stdout().is_terminal() && is_wanted() }
    }

    /// Colour if standard error is a terminal and the environment allows it.
    pub fn for_stderr() -> Paint {
        Paint { is_coloured: io::stderr().is_terminal() && is_wanted() }
    }

    /// Paints bad news.
    pub fn bad(self, text: impl Display) -> String {
        self.painted(RED, text)
    }

    /// Paints good news.
    pub fn good(self, text: impl Display) -> String {
        self.painted(GREEN, text)
    }

    fn painted(self, colour: &str, text: impl Display) -> String {
        if self.is_coloured { format!("{colour}{text}{PLAIN}") } else { text.to_string() }
    }
}

/// `NO_COLOR` is how a user turns colours off, and `TERM=dumb` how a terminal does.
fn is_wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}
