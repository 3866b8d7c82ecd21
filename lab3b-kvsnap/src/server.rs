//! Lab 3A's server around an apply loop that keeps the log short.

use std::sync::Arc;

use lab3a_kv::{KvServer, Store};
use labrpc::channel::Receiver;
use labrpc::{ApplyMsg, Compact, Persister};

use crate::snapshot::{self, SnapshotRule};

/// Starts a server with the store of the snapshot that Raft booted from, or an empty one. It
/// cuts the log whenever `persister` holds more than `raft_state_bytes_max` bytes of Raft's
/// state and [`SnapshotRule`] says that it is worthwhile.
pub fn serve<R: Compact>(
    raft: R,
    apply_ch: Receiver<ApplyMsg>,
    persister: Arc<Persister>,
    raft_state_bytes_max: usize,
) -> Arc<KvServer<R>> {
    let rule = SnapshotRule::new(raft_state_bytes_max);
    KvServer::spawn(raft, move |server| apply_all(server, apply_ch, &persister, rule))
}

/// The apply loop. It owns the store, so no lock is held while a snapshot is encoded, and nothing
/// can be applied between a command and the snapshot that includes it.
fn apply_all<R: Compact>(
    server: &KvServer<R>,
    apply_ch: Receiver<ApplyMsg>,
    persister: &Persister,
    mut rule: SnapshotRule,
) {
    // BEGIN 3B §7: apply, cut at the applied index; replace the store by a snapshot, then answer; tell the rule of each
    let mut store = Store::default();
    for message in apply_ch {
        match message {
            ApplyMsg::Command { at, command } => {
                server.apply(&mut store, &command);
                rule.applied(command.len());
                // Only now does the store include the command. The index is the command's own, since
                // Raft may have committed more than what has come out of the channel.
                if rule.is_due(persister.raft_state_bytes()) {
                    server.raft().snapshot(at.index, snapshot::encode(&store));
                    rule.taken();
                }
            }
            ApplyMsg::Snapshot { snapshot, .. } => {
                store = snapshot::decode(&snapshot);
                rule.taken();
                server.replaced(&store);
            }
        }
    }
    // END
}
