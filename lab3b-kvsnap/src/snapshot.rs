//! What a snapshot holds, and when one is worth taking.

use lab3a_kv::Store;
use labrpc::{Bytes, wire};

/// A store as bytes, from which [`decode`] makes an equal one: it answers each later command alike, also a write
/// whose retry is still on its way.
pub fn encode(store: &Store) -> Bytes {
    // BEGIN 3B §7 and §8
    // HINT Which parts of the store does a later command depend on? All of its fields can be serialized.
    // HINT `wire` encodes a store as a whole.
    wire::encode(store).into()
    // END
}

/// Returns the store that a snapshot was made from.
///
/// # Panics
///
/// When the bytes are not a store. The log no longer holds the commands that the snapshot covers,
/// so a server that continued without them would serve a wrong store.
pub fn decode(snapshot: &[u8]) -> Store {
    // BEGIN 3B §7
    // HINT What can a server do whose log no longer begins at the beginning, and which has no snapshot?
    // HINT Decode by `wire`; if that fails, panic, and say what is wrong.
    wire::decode(snapshot).unwrap_or_else(|error| {
        panic!(
            "this server cannot continue without its snapshot ({error}); Raft must return the bytes of `encode` unchanged"
        )
    })
    // END
}

/// Decides when to cut the log.
///
/// Raft's state may exceed its limit by what is not yet applied, and by little else.
///
/// A snapshot costs as much as the store is large, so none is taken that hardly helps. Commands that are
/// not applied yet cannot be cut, and with many clients they may exceed the limit by themselves: even
/// then, there is not a snapshot after every command.
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
    /// The bytes of the commands applied since the last snapshot. A new snapshot removes at least
    /// these from the log.
    removable_bytes: usize,
}

impl SnapshotRule {
    /// A rule that keeps Raft's state near the given size. With `usize::MAX` the log is never cut.
    pub fn new(raft_state_bytes_max: usize) -> SnapshotRule {
        SnapshotRule { raft_state_bytes_max, removable_bytes: 0 }
    }

    /// A command of `command_bytes` bytes was applied.
    pub fn applied(&mut self, command_bytes: usize) {
        self.removable_bytes += command_bytes;
    }

    /// Whether to take a snapshot now, if Raft's state has `raft_state_bytes` bytes.
    pub fn is_due(&self, raft_state_bytes: usize) -> bool {
        // BEGIN 3B §7
        // HINT What if the limit is passed, but only by entries that cannot be removed yet?
        // HINT Two conditions: Raft's state is over its limit, and a good part of the limit can be removed.
        // HINT Half the limit is a good part. Neither condition may be met when the limit is usize::MAX.
        // Half the limit: less would mean more snapshots, more would mean a longer log.
        let worthwhile_bytes = self.raft_state_bytes_max / 2;
        raft_state_bytes > self.raft_state_bytes_max && self.removable_bytes > worthwhile_bytes
        // END
    }

    /// The log was cut, or a snapshot has replaced it.
    pub fn taken(&mut self) {
        self.removable_bytes = 0;
    }
}
