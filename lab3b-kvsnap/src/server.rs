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

/// The apply loop, from the boot of the server until Raft closes the channel. It owns the store, so no lock is held
/// while a snapshot is encoded. Each request that waits gets its answer, whether its command came by itself or in a
/// snapshot. A snapshot that this server takes is the state at the index that it names, and `rule` says when.
fn apply_all<R: Compact>(
    server: &KvServer<R>,
    apply_ch: Receiver<ApplyMsg>,
    persister: &Persister,
    mut rule: SnapshotRule,
) {
    // BEGIN 3B §7
    // HINT What does the store include at each moment, and which index says so?
    // HINT After a command: tell the rule; if it is due, `snapshot` at that command's index, and tell the rule again.
    // HINT A snapshot is the whole new store: replace the old one, tell the rule, and then answer by `replaced`.
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
