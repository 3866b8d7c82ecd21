//! The services that most scripts begin with, and the stores that they should have.

use std::sync::Arc;
use std::time::Duration;

use labrpc::kv::Command;
use labrpc::{Bytes, Persister, ServiceState, thread};
use testkit::script::{AT_ONCE, ScriptedCluster, ScriptedRaft, get};

use crate::lab::{SERVERS, Server, Service, serve, state};

/// The client that reads what the others have written.
pub const READER: u64 = 99;

/// The state of a service that has applied these commands and nothing else.
fn state_after(commands: impl IntoIterator<Item = Command>) -> Box<dyn ServiceState> {
    let mut state = state(None);
    for command in commands {
        state.apply(&SERVERS.codec().write_logged(&command));
    }
    state
}

/// The snapshot of a service that has applied these commands and nothing else.
pub fn snapshot_of(commands: impl IntoIterator<Item = Command>) -> Bytes {
    state_after(commands).snapshot()
}

/// What a service that begins with this snapshot reads at a key, after a copy of a client's command has come again.
pub fn read_after_copy(snapshot: &[u8], copy: &Command, key: &str) -> String {
    let mut restored = state(Some(snapshot));
    restored.apply(&SERVERS.codec().write_logged(copy));
    restored.apply(&SERVERS.codec().write_logged(&get(READER, 1, key)))
}

/// Lets the real server lead. The others agree to everything.
pub fn lead(script: &ScriptedCluster<Server>) {
    script.agree_to_everything();
    script.elect();
    thread::sleep(AT_ONCE);
    script.discard_requests();
}

/// A service over a scripted Raft with a disk, and that disk. Each snapshot takes `snapshot_time` to
/// save.
pub fn service_with_disk(snapshot_time: Duration) -> (Service, Arc<Persister>) {
    let persister = Arc::new(Persister::new(0));
    let raft = ScriptedRaft::with_disk(&SERVERS, persister.clone(), snapshot_time);
    (serve(raft, persister.clone()), persister)
}

/// A service over a scripted Raft, whose disk takes no time.
pub fn service() -> Service {
    service_with_disk(Duration::ZERO).0
}
