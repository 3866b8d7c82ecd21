//! The state as bytes, and when the log is cut (§7).

use labrpc::{Bytes, wire};

use super::store::Store;

impl Store {
    /// The whole state.
    pub fn to_bytes(&self) -> Bytes {
        wire::encode(self).into()
    }

    /// The state that these bytes hold.
    ///
    /// # Panics
    ///
    /// When they hold none. Nothing can replace a snapshot, so the server must end.
    pub fn from_bytes(bytes: &[u8]) -> Store {
        wire::decode(bytes).unwrap_or_else(|error| panic!("the snapshot cannot be read: {error}"))
    }
}

/// Decides when a snapshot is taken.
pub(super) struct SnapshotRule {
    raft_state_bytes_max: usize,
    /// The bytes of the commands that were applied since the log was cut: what the next cut removes, about.
    applied_bytes: usize,
}

impl SnapshotRule {
    pub(super) fn new(raft_state_bytes_max: usize) -> SnapshotRule {
        SnapshotRule { raft_state_bytes_max, applied_bytes: 0 }
    }

    pub(super) fn applied(&mut self, command: &[u8]) {
        self.applied_bytes += command.len();
    }

    /// Whether the log is too long, and a good part of it can go. Commands that are not applied yet stay in any case.
    pub(super) fn is_due(&self, raft_state_bytes: usize) -> bool {
        raft_state_bytes > self.raft_state_bytes_max && self.applied_bytes > self.raft_state_bytes_max / 2
    }

    pub(super) fn cut(&mut self) {
        self.applied_bytes = 0;
    }
}
