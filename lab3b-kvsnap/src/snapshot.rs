//! What a snapshot holds, and when one is worth taking.

use lab3a_kv::Store;
use labrpc::{Bytes, wire};

/// A store as bytes: its pairs and its sessions. Without the sessions, a server that boots from
/// the snapshot would do a write again whose retry is still on its way.
pub fn encode(store: &Store) -> Bytes {
    // BEGIN 3B §7, §8: the whole state of the service, which is more than its pairs
    wire::encode(store).into()
    // END
}

/// The store that a snapshot was made of.
///
/// # Panics
///
/// When the bytes are anything else. The log no longer holds what they stand for, so a server
/// that went on regardless would serve a store with a hole in it.
pub fn decode(snapshot: &[u8]) -> Store {
    // BEGIN 3B §7: the store, or an end of this server; there is nothing to go on with
    wire::decode(snapshot).unwrap_or_else(|error| {
        panic!(
            "there is no going on without this snapshot ({error}); Raft must return what `encode` has made, unchanged"
        )
    })
    // END
}

/// Says when to cut the log.
///
/// A snapshot costs as much as the store is large, so one is due only if it helps: once Raft's
/// state is over its limit *and* a good part of it can go. The commands in flight of many
/// clients may be over the limit alone, and none of them can go before it is applied; whoever
/// looks at the limit only would then take a snapshot after every single command.
///
/// So Raft's state may exceed the limit by what is not yet applied, and by little else.
///
/// ```
/// use lab3b_kvsnap::SnapshotRule;
///
/// let mut rule = SnapshotRule::new(1000);
/// rule.applied(600);
/// assert!(!rule.is_due(900), "below the limit");
/// assert!(rule.is_due(1100));
/// rule.taken();
/// assert!(!rule.is_due(1100), "nothing that can go");
/// ```
#[derive(Clone, Debug)]
pub struct SnapshotRule {
    raft_state_bytes_max: usize,
    /// The commands that were applied since the last snapshot. With a new one, at least so much
    /// leaves the log.
    removable_bytes: usize,
}

impl SnapshotRule {
    /// A rule that keeps Raft's state near the given size. `usize::MAX` never cuts.
    pub fn new(raft_state_bytes_max: usize) -> SnapshotRule {
        SnapshotRule { raft_state_bytes_max, removable_bytes: 0 }
    }

    /// A command of so many bytes was applied.
    pub fn applied(&mut self, command_bytes: usize) {
        self.removable_bytes += command_bytes;
    }

    /// Whether to take a snapshot now, Raft's state being so large.
    pub fn is_due(&self, raft_state_bytes: usize) -> bool {
        // BEGIN 3B §7, when to snapshot: over the limit, and with enough to gain
        // Half the limit: less would mean more snapshots, and more a longer log.
        let worthwhile_bytes = self.raft_state_bytes_max / 2;
        raft_state_bytes > self.raft_state_bytes_max && self.removable_bytes > worthwhile_bytes
        // END
    }

    /// The log was cut, or a snapshot has replaced it.
    pub fn taken(&mut self) {
        self.removable_bytes = 0;
    }
}
