//! All rules at once: random peers send anything that correct servers could send.

use testkit::script::ScriptedCluster;

use crate::lab::{LAB, boot};

/// Whatever correct servers and clients send, in whatever order it arrives, your server does what the paper says.
#[test]
fn random_peers_2b() {
    LAB.random_peers(|world, plan| ScriptedCluster::replicating(world, plan.size, boot).play_replicating(plan));
}
