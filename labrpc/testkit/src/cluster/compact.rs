//! A service that takes snapshots (lab 2D).

use labrpc::channel::Receiver;
use labrpc::{ApplyMsg, Bytes, Compact, Index, wire};

use super::applied_logs::AppliedLog;
use super::{Boot, Booted, Cluster};
use crate::world::World;

/// The service takes a snapshot whenever so many more entries are applied, as MIT's does.
pub const SNAPSHOT_INTERVAL: Index = 10;

impl<R: Compact> Cluster<R> {
    /// Boots so many servers, each with a service that notes what it is given to apply, and takes
    /// a snapshot at every tenth entry, from within the loop that applies.
    pub fn compacting(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        Cluster::with_service(world, size, boot, serve)
    }
}

fn serve<R: Compact>(raft: &R, to_apply: &Receiver<ApplyMsg>, applied_log: &AppliedLog) {
    let mut state: Vec<Bytes> = Vec::new();
    for message in to_apply.iter() {
        match message {
            ApplyMsg::Command { at, command } => {
                state.push(command);
                if at.index.is_multiple_of(SNAPSHOT_INTERVAL) {
                    raft.snapshot(at.index, wire::encode(&state).into());
                    applied_log.compacted(at.index);
                }
            }
            ApplyMsg::Snapshot { through, snapshot } => {
                state = wire::decode(&snapshot).unwrap_or_else(|error| panic!("the service was given {error}"));
                applied_log.read_back(through, &state);
            }
        }
    }
}
