//! The replicated state: what each key holds, and how far each client has written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A client's name. No two clients ever share one, not even one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

/// What a client wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Reads a key. One that was never written holds the empty string.
    Get {
        /// The key to read.
        key: String,
    },
    /// Replaces what a key holds.
    Put {
        /// The key to write.
        key: String,
        /// What it holds from now on.
        value: String,
    },
    /// Extends what a key holds.
    Append {
        /// The key to write.
        key: String,
        /// What is added at its end.
        value: String,
    },
}

/// An operation as it stands in the log: what is to be done, and who asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Who asks.
    pub client: ClientId,
    /// Which of the client's operations this is, counted from 1. A retry keeps its number.
    pub sequence: u64,
    /// What is asked for.
    pub op: Op,
}

/// Tells one command from all others: its client and that client's sequence number.
///
/// Both are needed. By the client alone, an append that was retried and is only now applied
/// could be taken for the get that the same client waits for.
pub type CommandId = (ClientId, u64);

impl Command {
    /// Which command this is. Copies and retries of it have the same id.
    pub fn id(&self) -> CommandId {
        (self.client, self.sequence)
    }
}

/// The state machine (§8): the same commands in the same order make the same store.
///
/// A session is the number of the latest write that a client got through. It needs no answer
/// beside it: a write has none to repeat, and a get changes nothing, so one that stands in the
/// log twice is simply read twice. Whichever answer its client takes was true while it waited.
///
/// The sessions are as much a part of the state as the pairs: whoever copies one without the
/// other, in a snapshot say, forgets which writes are done. Serialized as a whole, a store
/// cannot be taken apart, nor can its two halves be read in another order than they were
/// written. Both are sorted, so that equal stores make equal bytes on every server.
///
/// ```
/// use lab3a_kv::{ClientId, Command, Op, Store};
///
/// let append = Op::Append { key: "k".to_string(), value: "v".to_string() };
/// let command = Command { client: ClientId(7), sequence: 1, op: append };
///
/// let mut store = Store::default();
/// store.apply(command.clone());
/// store.apply(command); // a retry that also got into the log
/// let get = Op::Get { key: "k".to_string() };
/// assert_eq!(store.apply(Command { client: ClientId(7), sequence: 2, op: get }), "v");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    pairs: BTreeMap<String, String>,
    /// The sequence number of each client's latest applied write.
    sessions: BTreeMap<ClientId, u64>,
}

impl Store {
    /// Applies a committed command, and returns what its client is to be told: the value for a
    /// get, the empty string for a write.
    ///
    /// The answer is borrowed, since on most servers nobody waits for it.
    pub fn apply(&mut self, command: Command) -> &str {
        // BEGIN 3A §8, exactly once: a write changes the pairs only if its session admits it
        let Command { client, sequence, op } = command;
        match op {
            Op::Get { key } => return self.pairs.get(&key).map_or("", String::as_str),
            Op::Put { key, value } => {
                if self.admit(client, sequence) {
                    self.pairs.insert(key, value);
                }
            }
            Op::Append { key, value } => {
                if self.admit(client, sequence) {
                    self.pairs.entry(key).or_default().push_str(&value);
                }
            }
        }
        ""
        // END
    }

    /// Whether this very write is the latest that its client got through.
    pub fn has_just_written(&self, (client, sequence): CommandId) -> bool {
        self.sessions.get(&client) == Some(&sequence)
    }

    /// Whether a write is still to be done. From here on it counts as done.
    ///
    /// This is asked when a command is applied, and nowhere else. When its request arrives it
    /// is too early to tell: the first copy may be in the log without being applied, or in the
    /// log of a leader that is about to lose it.
    fn admit(&mut self, client: ClientId, sequence: u64) -> bool {
        // BEGIN 3A §8, sessions: a client's writes are numbered upwards, and a late copy may follow a newer write
        let latest = self.sessions.entry(client).or_default();
        if sequence <= *latest {
            return false;
        }
        *latest = sequence;
        true
        // END
    }
}
