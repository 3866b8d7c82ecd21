//! Lab 2A under random faults: every oracle on, and a leader soon after they end.

use testkit::chaos::{self, Faults};

mod lab;

use lab::{LAB, cluster};

/// Clusters of one to seven servers, even ones too, whose links suffer all that links can suffer.
#[test]
fn storm_2a() {
    LAB.simulated("storm_2a", |world| {
        let size = 1 + world.dice("size").roll(0, 7) as usize;
        chaos::elections(&cluster(world, size), Faults::OF_LINKS);
    });
}
