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

    /// Colour if standard output is a terminal and the environment allows it, or if the environment asks for it.
    pub fn for_stdout() -> Paint {
        Paint { is_coloured: is_wanted(io::stdout().is_terminal()) }
    }

    /// Colour if standard error is a terminal and the environment allows it, or if the environment asks for it.
    pub fn for_stderr() -> Paint {
        Paint { is_coloured: is_wanted(io::stderr().is_terminal()) }
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

/// `NO_COLOR` is how a user turns colours off, `CLICOLOR_FORCE` how one turns them on in a pipe, and `TERM=dumb` how a terminal
/// turns them off.
fn is_wanted(is_terminal: bool) -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_forced = is_set("CLICOLOR_FORCE") && env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let is_able = is_terminal && env::var_os("TERM").is_none_or(|term| term != "dumb");
    !is_set("NO_COLOR") && (is_forced || is_able)
}
