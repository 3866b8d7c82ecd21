//! The replicated state: each key's value, and how far each client has written.

use std::collections::BTreeMap;

use labrpc::kv::{ClientId, Command, CommandId, Op};
use serde::{Deserialize, Serialize};

/// The state machine (§8): the same commands in the same order make the same store.
///
/// A session is the number of a client's latest applied write. It stores no answer: a write has
/// no answer to repeat, and a get changes nothing, so a get that is in the log twice is simply
/// read twice. Both results are values that the key had while the client waited.
///
/// The sessions are as much a part of the state as the pairs: a copy of the pairs alone, in a
/// snapshot for example, forgets which writes are done. So a store is serialized as a whole.
/// Both maps are sorted, so that equal stores have equal bytes on every server.
///
/// ```
/// use lab3a_kv::Store;
/// use labrpc::kv::{ClientId, Command, Op};
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
    /// Applies a committed command, and returns the answer for its client: the value for a get, the
    /// empty string for a write.
    ///
    /// The answer is borrowed, since on most servers no request waits for it.
    pub fn apply(&mut self, command: Command) -> &str {
        // BEGIN 3A §8
        // HINT Which of the three operations does it matter for that a command may be in the log twice?
        // HINT Ask `admit` for each write, and not for a get. A key that is not there reads as the empty string.
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

    /// Whether this write is its client's latest applied write.
    pub fn has_just_written(&self, (client, sequence): CommandId) -> bool {
        self.sessions.get(&client) == Some(&sequence)
    }

    /// Returns whether a write still has to be done, and records it as done. True once for each write of a client,
    /// however often and however late its copies come.
    ///
    /// This is asked when a command is applied, and nowhere else. When its request arrives it
    /// is too early to tell: the first copy may be in the log without being applied, or in the
    /// log of a leader that is about to lose it.
    fn admit(&mut self, client: ClientId, sequence: u64) -> bool {
        // BEGIN 3A §8
        // HINT A client has one operation at a time, numbered upwards. What does the latest tell about the others?
        // HINT A late copy may come after a newer write: equal is not the only case. A new client has written nothing.
        let latest = self.sessions.entry(client).or_default();
        if sequence <= *latest {
            return false;
        }
        *latest = sequence;
        true
        // END
    }
}
