//! All rules of the service at once: a random Raft does anything that a correct Raft could do.

use labrpc::kv::ClientId;
use testkit::ServiceUnderTest;
use testkit::script::ScriptedServers;

use super::setup::service;
use crate::lab::{LAB, PATIENCE, clerk};

/// Whatever clients ask and Raft commits, loses or replaces, each client is told what the paper allows, and soon.
#[test]
fn random_service_3a() {
    LAB.random_peers(|world, plan| {
        service().play(world, plan, ServiceUnderTest { patience: PATIENCE, snapshots: None });
    });
}

/// Whatever servers answer, a clerk finds the one that leads, keeps its number, and asks no more than it needs to.
#[test]
fn random_servers_3a() {
    LAB.random_peers(|world, plan| {
        let script = ScriptedServers::new(world, plan.size);
        script.play(plan, clerk(ClientId(7), script.links(0)));
    });
}
