//! The requests of a key-value service's clients, and their answers (§8, labs 3A and 3B).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A client's name. No two clients ever have the same name, even at different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An operation on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Reads a key. A key that was never written holds the empty string.
    Get {
        /// The key to read.
        key: String,
    },
    /// Replaces a key's value.
    Put {
        /// The key to write.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Adds to the end of a key's value.
    Append {
        /// The key to write.
        key: String,
        /// The text to add.
        value: String,
    },
}

/// A client's operation, as the client sends it and as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The client that asks.
    pub client: ClientId,
    /// The operation's number among the client's operations, from 1. A retry keeps its number.
    pub sequence: u64,
    /// What the client asks for.
    pub op: Op,
}

/// Identifies a command: its client and that client's sequence number.
///
/// Both are needed. With the client alone, a copy of an earlier append that is applied late could be
/// taken for the get that the same client waits for.
pub type CommandId = (ClientId, u64);

impl Command {
    /// The command's identity. Copies and retries of it have the same id.
    pub fn id(&self) -> CommandId {
        (self.client, self.sequence)
    }
}

/// What a server tells a client: the value that a get has read (the empty string for a write), or
/// why the client should ask again.
pub type Answer = Result<String, Refusal>;

/// Why a server has no result. The client asks the next server, with the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This server does not lead. It has not taken the command.
    NotLeader,
    /// It took the command and then lost its leadership. The command may still take effect.
    LeadershipLost,
    /// It took the command and does not know what became of it. The command may still take effect.
    Undecided,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotLeader => "this server does not lead, and has not taken the command; ask another one",
            Refusal::LeadershipLost => "this server no longer leads; ask another one, with the same sequence number",
            Refusal::Undecided => "the command was not applied in time; ask again, with the same sequence number",
        })
    }
}

impl std::error::Error for Refusal {}
