//! Lab 3A under random faults: every oracle on, and every client answered soon after they end.

use kvkit::load::{self, Plan};
use testkit::chaos::{self, Faults};

use crate::lab::{LAB, store};

/// Clients share their keys while faults come and go, so that only the whole history shows a mistake.
#[test]
fn random_faults_3a() {
    LAB.simulated(|world| {
        load::run(&store(world, chaos::any_size(world)), Plan::calm(4).sharing_keys().with_random_faults(Faults::ALL));
    });
}

/// Links fail and servers pause, but none crashes. Each client has a key of its own, so it always knows
/// what that key must hold.
#[test]
fn random_link_faults_3a() {
    LAB.simulated(|world| {
        let store = store(world, 3);
        load::run(&store, Plan::calm(6).with_random_faults(Faults::OF_LINKS));
        let tally = store.cluster().observer().map(|observer| observer.tally()).unwrap_or_default();
        world.assert_covered("messages that are lost", tally.lost > 0);
    });
}
