//! Lab 2C under random faults: every oracle on, and everything applied everywhere soon after they end.

use testkit::chaos::{self, Faults};

mod lab;

use lab::{LAB, cluster};

/// Clusters of one to seven servers, even ones too, that are offered commands while faults come and go.
#[test]
fn storm_2c() {
    LAB.simulated("storm_2c", |world| {
        let size = 1 + world.dice("size").roll(0, 7) as usize;
        chaos::replication(&cluster(world, size), Faults::ALL);
    });
}
