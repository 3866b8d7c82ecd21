//! All rules of the service at once: a random Raft does anything that a correct Raft could do.

use lab3a_kv::Clerk;
use testkit::ServiceUnderTest;

use super::setup::service;
use crate::lab::LAB;

/// Whatever clients ask and Raft commits, loses or replaces, each client is told what the paper allows, and soon.
#[test]
fn random_service_3a() {
    LAB.random_peers(|world, plan| {
        service().play(world, plan, ServiceUnderTest { patience: Clerk::PATIENCE, snapshots: None });
    });
}
