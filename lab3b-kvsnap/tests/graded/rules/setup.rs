//! The services that most scripts begin with, and the stores that they should have.

use std::sync::Arc;
use std::time::Duration;

use lab3a_kv::{KvServer, Store};
use lab3b_kvsnap::serve;
use labrpc::kv::Command;
use labrpc::{Persister, thread};
use testkit::script::{AT_ONCE, ScriptedCluster, ScriptedRaft, ScriptedService};

use crate::lab::{RAFT_STATE_BYTES_MAX, Server};

/// The client that reads what the others have written.
pub const READER: u64 = 99;

/// The store of a server that has applied these commands and nothing else.
pub fn store_of(commands: impl IntoIterator<Item = Command>) -> Store {
    let mut store = Store::default();
    for command in commands {
        store.apply(command);
    }
    store
}

/// Lets the real server lead. The others agree to everything.
pub fn lead(script: &ScriptedCluster<Server>) {
    script.agree_to_everything();
    script.elect();
    thread::sleep(AT_ONCE);
    script.discard_requests();
}

/// A service over a scripted Raft.
pub type Service = ScriptedService<KvServer<ScriptedRaft>>;

/// A service over a scripted Raft with a disk, and that disk. Each snapshot takes `snapshot_time` to
/// save.
pub fn service_with_disk(snapshot_time: Duration) -> (Service, Arc<Persister>) {
    let persister = Arc::new(Persister::new(0));
    let raft = ScriptedRaft::with_disk(persister.clone(), snapshot_time);
    let server = serve(raft.clone(), raft.apply_rx(), persister.clone(), RAFT_STATE_BYTES_MAX);
    (ScriptedService::new(raft, server, |server, command| server.submit(command)), persister)
}

/// A service over a scripted Raft, whose disk takes no time.
pub fn service() -> Service {
    service_with_disk(Duration::ZERO).0
}
