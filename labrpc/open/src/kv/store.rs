//! The state of the service.

use std::collections::BTreeMap;

use labrpc::kv::{ClientId, Command, Op};
use labrpc::{Bytes, ServiceState, wire};
use serde::{Deserialize, Serialize};

/// The pairs, and for each client the number of its latest write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    values: BTreeMap<String, String>,
    latest_writes: BTreeMap<ClientId, u64>,
}

impl Store {
    /// Applies a command, and returns what its client is told. A write that was applied before changes nothing.
    pub fn apply(&mut self, command: Command) -> String {
        let Command { client, sequence, op } = command;
        if let Op::Get { key } = op {
            return self.values.get(&key).cloned().unwrap_or_default();
        }
        if !self.is_done(client, sequence) {
            self.latest_writes.insert(client, sequence);
            match op {
                Op::Put { key, value } => drop(self.values.insert(key, value)),
                Op::Append { key, value } => self.values.entry(key).or_default().push_str(&value),
                Op::Get { .. } => {}
            }
        }
        String::new()
    }

    /// Whether this write of a client, or a later one, was applied.
    pub fn is_done(&self, client: ClientId, sequence: u64) -> bool {
        self.latest_writes.get(&client).is_some_and(|&latest| sequence <= latest)
    }
}

impl ServiceState for Store {
    fn apply(&mut self, command: &[u8]) -> String {
        Store::apply(self, wire::decode(command).expect("only the service writes to its log"))
    }

    fn snapshot(&self) -> Bytes {
        self.to_bytes()
    }
}
