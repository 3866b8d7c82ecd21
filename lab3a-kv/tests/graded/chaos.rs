//! Lab 3A under random faults: every oracle on, and every client answered soon after they end.

use testkit::chaos::{self, Faults};
use testkit::kv::load::{self, Plan};

use crate::lab::{LAB, store};

/// Clients who share their keys, while faults come and go: only the whole history can tell.
#[test]
fn storm_3a() {
    LAB.simulated("storm_3a", |world| {
        load::run(&store(world, chaos::any_size(world)), Plan::calm(4).sharing_keys().with_random_faults(Faults::ALL));
    });
}

/// Clients with a key each, over links that fail and servers that stop for a while, but never
/// forget: each knows at any time what its key must hold.
#[test]
fn storm_of_links_3a() {
    LAB.simulated("storm_of_links_3a", |world| {
        let store = store(world, 3);
        load::run(&store, Plan::calm(6).with_random_faults(Faults::OF_LINKS));
        let tally = store.cluster().observer().map(|watch| watch.tally()).unwrap_or_default();
        world.assert_covered("messages that are lost", tally.lost > 0);
    });
}
