//! Lab 2B under random faults: every oracle on, and everything applied everywhere soon after they end.

use testkit::chaos::{self, Faults};

use crate::lab::{LAB, cluster};

/// Clusters of one to seven servers are offered commands while faults come and go.
#[test]
fn random_faults_2b() {
    LAB.simulated(|world| {
        chaos::replication(&cluster(world, chaos::any_size(world)), Faults::OF_LINKS);
    });
}
