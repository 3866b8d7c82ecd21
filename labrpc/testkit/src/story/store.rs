//! What a service holds, as far as the commands that it has received tell.

use std::collections::BTreeMap;

use labrpc::ApplyMsg;
use labrpc::kv::{ClientId, Command, Op};
use rustc_hash::FxHashMap;

use super::words::short;
use crate::contract::Contract;

/// The pairs of a service, from the commands that it has received.
#[derive(Default)]
pub(super) struct ShownStore {
    pairs: BTreeMap<String, String>,
    latest: FxHashMap<ClientId, u64>,
    /// A snapshot hides what the pairs are.
    is_hidden: bool,
}

impl ShownStore {
    /// The pairs after a message, in short, as far as they can be known.
    pub(super) fn applies(&mut self, message: &ApplyMsg, contract: &Contract) -> BTreeMap<String, String> {
        let command = match message {
            ApplyMsg::Snapshot { .. } => {
                self.is_hidden = true;
                return BTreeMap::new();
            }
            ApplyMsg::Command { command, .. } if contract.has_clerks => contract.codec().read_logged(command).ok(),
            ApplyMsg::Command { .. } => None,
        };
        let Some(Command { client, sequence, op }) = command.filter(|_| !self.is_hidden) else {
            return BTreeMap::new();
        };
        let latest = self.latest.entry(client).or_default();
        if sequence <= *latest {
            return BTreeMap::new(); // A retry that was in the log twice.
        }
        *latest = sequence;
        let (key, value) = match op {
            Op::Get { .. } => return BTreeMap::new(),
            Op::Put { key, value } => (key, value),
            Op::Append { key, value } => {
                let value = self.pairs.get(&key).cloned().unwrap_or_default() + &value;
                (key, value)
            }
        };
        let pair = BTreeMap::from([(short(&key), short(&value))]);
        self.pairs.insert(key, value);
        pair
    }
}
