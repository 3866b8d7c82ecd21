//! The labs' files, as the hints name them.

/// Terms and votes.
pub const ELECTION: &str = "lab2a-election/src/election.rs";
/// The threads around a protocol.
pub const RAFT: &str = "lab2a-election/src/raft.rs";
/// Lab 2A's server.
pub const ELECTION_SERVER: &str = "lab2a-election/src/server.rs";
/// How long servers wait.
pub const TIMING: &str = "lab2a-election/src/timing.rs";
/// Lab 2B's log.
pub const LOG: &str = "lab2b-log/src/log.rs";
/// What a leader knows about a follower.
pub const PROGRESS: &str = "lab2b-log/src/progress.rs";
/// Replication and commitment.
pub const REPLICA: &str = "lab2b-log/src/replica.rs";
/// The applier.
pub const LOG_SERVER: &str = "lab2b-log/src/server.rs";
/// What is saved.
pub const DISK: &str = "lab2c-persist/src/disk.rs";
/// A log that begins after a snapshot.
pub const COMPACT_LOG: &str = "lab2d-snapshot/src/compact_log.rs";
/// Snapshots around a replica.
pub const COMPACTING: &str = "lab2d-snapshot/src/compacting.rs";
/// The key-value server.
pub const KV_SERVER: &str = "lab3a-kv/src/server.rs";
/// The replicated state.
pub const STORE: &str = "lab3a-kv/src/store.rs";
/// The client.
pub const CLERK: &str = "lab3a-kv/src/clerk.rs";
/// The apply loop that takes snapshots.
pub const SNAP_SERVER: &str = "lab3b-kvsnap/src/server.rs";
/// What a snapshot holds.
pub const SNAPSHOT: &str = "lab3b-kvsnap/src/snapshot.rs";
