//! All rules of the service at once: a random Raft does anything that a correct Raft could do, and sends snapshots.

use std::time::Duration;

use testkit::{ServiceUnderTest, SnapshotsUnderTest};

use super::setup::{service_with_disk, snapshot_of};
use crate::lab::{LAB, PATIENCE, RAFT_STATE_BYTES_MAX};

/// Whatever clients ask and Raft commits, loses or replaces by a snapshot, each client is told what the paper
/// allows, and soon.
#[test]
fn random_service_3b() {
    LAB.random_peers(|world, plan| {
        let (service, persister) = service_with_disk(Duration::ZERO);
        let snapshots = SnapshotsUnderTest {
            of: &|commands| snapshot_of(commands.iter().cloned()),
            persister: &persister,
            raft_state_bytes_max: RAFT_STATE_BYTES_MAX,
        };
        service.play(world, plan, ServiceUnderTest { patience: PATIENCE, snapshots: Some(snapshots) });
    });
}
