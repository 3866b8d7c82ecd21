//! How submitted code can be kept in.

/// What keeps submitted code in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// bubblewrap, with all of the others that there are.
    Bubblewrap,
    /// Landlock, seccomp, and a user of its own if the grader is root.
    Landlock,
    /// A user of its own, and seccomp.
    OwnUser,
    /// Nothing but limits.
    Nothing,
}

/// The levels that keep something in, the best first.
pub const LADDER: [Level; 3] = [Level::Bubblewrap, Level::Landlock, Level::OwnUser];

impl Level {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Bubblewrap => "bwrap",
            Level::Landlock => "landlock",
            Level::OwnUser => "uid",
            Level::Nothing => "none",
        }
    }

    /// The level that has this name on the command line.
    pub fn called(name: &str) -> Option<Level> {
        LADDER.into_iter().find(|level| level.name() == name)
    }
}
