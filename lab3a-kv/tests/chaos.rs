//! Lab 3A under random faults: every oracle on, and every client answered soon after they end.

use testkit::chaos::Faults;
use testkit::kv::load::{self, Plan};

mod lab;

use lab::{LAB, store};

/// Clients of one to seven servers, even ones too, while faults come and go.
#[test]
fn storm_3a() {
    LAB.simulated("storm_3a", |world| {
        let size = 1 + world.dice("size").roll(0, 7) as usize;
        load::run(&store(world, size), Plan::calm(4).sharing_keys().stormy(Faults::ALL));
    });
}
