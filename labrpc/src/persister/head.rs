//! The persistent state of Figure 2, except for the log.

use serde::{Deserialize, Serialize};

use crate::api::{LogPosition, PeerId, Term};

/// A server's term, and its vote in that term. Both must survive a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The latest term that this server knows of.
    pub term: Term,
    /// The candidate that it voted for in that term.
    pub voted_for: Option<PeerId>,
}

/// The persistent state except for entries and snapshot (lab 2C). Each save writes it anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Term and vote.
    pub ballot: Ballot,
    /// The position right before the first entry on disk. Before lab 2D it is
    /// [`LogPosition::ZERO`].
    pub base: LogPosition,
}
