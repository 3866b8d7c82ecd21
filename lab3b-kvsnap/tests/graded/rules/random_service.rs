//! All rules of the service at once: a random Raft does anything that a correct Raft could do, and sends snapshots.

use lab3a_kv::Clerk;
use lab3b_kvsnap::snapshot;
use labrpc::kv::Command;
use testkit::ServiceUnderTest;

use super::setup::{service, store_of};
use crate::lab::LAB;

/// Whatever clients ask and Raft commits, loses or replaces by a snapshot, each client is told what the paper
/// allows, and soon.
#[test]
fn random_service_3b() {
    LAB.random_peers(|world, plan| {
        let snapshot_of = |commands: &[Command]| snapshot::encode(&store_of(commands.iter().cloned()));
        let under_test = ServiceUnderTest { patience: Clerk::PATIENCE, snapshot_of: Some(&snapshot_of) };
        service().play(world, plan, under_test);
    });
}
