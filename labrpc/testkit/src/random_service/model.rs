//! The store as a program (§8), with all results that each command has had.

use std::collections::BTreeMap;

use labrpc::kv::{ClientId, Command, CommandId, Op};

/// A store that has applied some commands.
#[derive(Default)]
pub(super) struct ModelStore {
    pairs: BTreeMap<String, String>,
    /// The number of each client's latest applied write.
    sessions: BTreeMap<ClientId, u64>,
    /// All values that each key has had, the latest last.
    versions: BTreeMap<String, Vec<String>>,
    /// What each application of a command has returned.
    results: BTreeMap<CommandId, Vec<String>>,
}

impl ModelStore {
    pub(super) fn apply(&mut self, command: &Command) {
        let result = match &command.op {
            Op::Get { key } => self.value(key).to_string(),
            Op::Put { key, value } => {
                if self.admits(command) {
                    self.pairs.insert(key.clone(), value.clone());
                    self.note_version(key);
                }
                String::new()
            }
            Op::Append { key, value } => {
                if self.admits(command) {
                    self.pairs.entry(key.clone()).or_default().push_str(value);
                    self.note_version(key);
                }
                String::new()
            }
        };
        self.results.entry(command.id()).or_default().push(result);
    }

    fn note_version(&mut self, key: &str) {
        let value = self.value(key).to_string();
        self.versions.entry(key.into()).or_default().push(value);
    }

    /// How many values a key has had.
    pub(super) fn versions_count(&self, key: &str) -> usize {
        self.versions.get(key).map_or(0, Vec::len)
    }

    /// Whether a key has had this value since it had had `count` values.
    pub(super) fn had_since(&self, key: &str, count: usize, value: &str) -> bool {
        let versions = self.versions.get(key).map_or(&[][..], Vec::as_slice);
        let at_first = count.checked_sub(1).map_or("", |latest| versions[latest].as_str());
        at_first == value || versions[count..].iter().any(|version| version == value)
    }

    fn admits(&mut self, command: &Command) -> bool {
        let latest = self.sessions.entry(command.client).or_default();
        let is_new = command.sequence > *latest;
        *latest = (*latest).max(command.sequence);
        is_new
    }

    /// Whether this write is its client's latest.
    pub(super) fn has_just_written(&self, command: &Command) -> bool {
        !matches!(command.op, Op::Get { .. }) && self.sessions.get(&command.client) == Some(&command.sequence)
    }

    fn value(&self, key: &str) -> &str {
        self.pairs.get(key).map_or("", String::as_str)
    }

    /// All results that a command has had so far.
    pub(super) fn results(&self, id: CommandId) -> &[String] {
        self.results.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// The key that an operation is about.
pub(super) fn key_of(op: &Op) -> &str {
    match op {
        Op::Get { key } | Op::Put { key, .. } | Op::Append { key, .. } => key,
    }
}
