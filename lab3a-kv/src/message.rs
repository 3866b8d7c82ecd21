//! What a server answers. What it is asked is a [`Command`](crate::store::Command).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a server tells a clerk: the value that a get has read (nothing for a write), or why
/// the clerk should ask again.
pub type Answer = Result<String, Refusal>;

/// Why a server has no result. The clerk asks the next one, under the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This server does not lead. It has not taken the command.
    NotLeader,
    /// It took the command and then lost its leadership. The command may yet take effect.
    LeadershipLost,
    /// It took the command, and does not know what became of it. It may yet take effect.
    Undecided,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotLeader => "this server does not lead, and has not taken the command; ask another one",
            Refusal::LeadershipLost => "this server no longer leads; ask another one, under the same number",
            Refusal::Undecided => "the command was not applied in time; ask again, under the same number",
        })
    }
}

impl std::error::Error for Refusal {}
