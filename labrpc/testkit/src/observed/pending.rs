//! Requests that a server has received and not answered yet.

use std::sync::Arc;

use labrpc::{AppendEntries, InstallSnapshot, LogPosition, RaftRequest};

use super::disk::DiskState;
use crate::event::{Envelope, EventId};

/// A request that a server has received and not answered yet.
#[derive(Clone)]
pub struct PendingRequest {
    /// The request.
    pub envelope: Arc<Envelope>,
    /// When it arrived.
    pub arrived: EventId,
    /// Whether the disk, at any moment since, held everything that an agreement would claim.
    pub is_held: bool,
    /// Whether the disk, at any moment since, held the position that the entries follow.
    pub is_prev_held: bool,
    /// The least position at which the log on disk has ended since.
    pub tail_min: LogPosition,
    /// The greatest position at which the log on disk has ended since.
    pub tail_max: LogPosition,
}

impl PendingRequest {
    pub(super) fn new(envelope: Arc<Envelope>, arrived: EventId, disk: &DiskState) -> PendingRequest {
        let tail = disk.last();
        let mut pending =
            PendingRequest { envelope, arrived, is_held: false, is_prev_held: false, tail_min: tail, tail_max: tail };
        pending.look_at(disk);
        pending
    }

    /// Takes in the disk's state after the arrival, or after a save.
    pub(super) fn look_at(&mut self, disk: &DiskState) {
        (self.tail_min, self.tail_max) = (self.tail_min.min(disk.last()), self.tail_max.max(disk.last()));
        match self.envelope.request() {
            Some(RaftRequest::AppendEntries(AppendEntries { prev, entries, .. })) => {
                self.is_prev_held |= disk.covers(*prev);
                self.is_held |= disk.covers(*prev) && disk.holds_all(prev.index + 1, entries);
            }
            Some(RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, .. })) => {
                self.is_held |= disk.covers(*through);
            }
            _ => {}
        }
    }
}
