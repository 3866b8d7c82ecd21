//! A service that takes snapshots (lab 2D).

use labrpc::channel::Receiver;
use labrpc::{ApplyMsg, Bytes, Compact, Index, wire};

use super::Cluster;
use super::applied_logs::AppliedLog;
use super::boot::{Boot, Booted};
use crate::world::World;

/// The service takes a snapshot after this many entries, as MIT's does.
pub const SNAPSHOT_INTERVAL: Index = 10;

impl<R: Compact> Cluster<R> {
    /// Starts `size` servers, each with a service that keeps what it applies, and takes a snapshot at
    /// every tenth entry, in the loop that applies.
    pub fn compacting(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        Cluster::with_service(world, size, boot, serve)
    }
}

fn serve<R: Compact>(raft: &R, apply_rx: &Receiver<ApplyMsg>, applied_log: &AppliedLog) {
    let mut state: Vec<Bytes> = Vec::new();
    for message in apply_rx.iter() {
        match message {
            ApplyMsg::Command { at, command } => {
                state.push(command);
                if at.index.is_multiple_of(SNAPSHOT_INTERVAL) {
                    raft.snapshot(at.index, wire::encode(&state).into());
                    applied_log.compacted(at.index);
                }
            }
            ApplyMsg::Snapshot { through, snapshot } => {
                state = wire::decode(&snapshot).unwrap_or_else(|error| panic!("the service received {error}"));
                applied_log.read_back(through, &state);
            }
        }
    }
}
