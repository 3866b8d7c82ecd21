//! The order in which a student writes the places of the labs: that of the rules on the labs' pages. `hints.json` has its
//! places in this order, so that the tools can name the next one.

use crate::student::hint::place::PlaceToWrite;

/// The places as `folder/file: function`, without the `src` between them.
const ORDER: [&str; 59] = [
    "lab2a-election/election.rs: restart_timer",
    "lab2a-election/election.rs: majority",
    "lab2a-election/election.rs: observe_term",
    "lab2a-election/election.rs: campaign",
    "lab2a-election/election.rs: lead",
    "lab2a-election/election.rs: tick",
    "lab2a-election/election.rs: request_vote",
    "lab2a-election/election.rs: count_vote",
    "lab2a-election/election.rs: hear_leader",
    "lab2a-election/server.rs: tick",
    "lab2a-election/server.rs: handle_reply",
    "lab2a-election/raft.rs: step",
    "lab2b-log/log.rs: push",
    "lab2b-log/log.rs: suffix",
    "lab2b-log/log.rs: fit",
    "lab2b-log/log.rs: splice",
    "lab2b-log/replica.rs: append_entries",
    "lab2b-log/replica.rs: take_committed",
    "lab2b-log/replica.rs: become_leader",
    "lab2b-log/replica.rs: append_to",
    "lab2b-log/replica.rs: propose",
    "lab2b-log/progress.rs: agree",
    "lab2b-log/progress.rs: back_up",
    "lab2b-log/replica.rs: handle_append_reply",
    "lab2b-log/replica.rs: advance_commit",
    "lab2b-log/replica.rs: tick",
    "lab2b-log/server.rs: apply_committed",
    "lab2c-persist/disk.rs: of",
    "lab2c-persist/disk.rs: catch_up",
    "lab2c-persist/disk.rs: changes",
    "lab2c-persist/disk.rs: save",
    "lab2c-persist/disk.rs: restore",
    "lab2d-snapshot/compact_log.rs: lift",
    "lab2d-snapshot/compact_log.rs: lower",
    "lab2d-snapshot/compact_log.rs: get",
    "lab2d-snapshot/compact_log.rs: suffix",
    "lab2d-snapshot/compact_log.rs: compact",
    "lab2d-snapshot/compact_log.rs: install",
    "lab2d-snapshot/compact_log.rs: splice",
    "lab2d-snapshot/compacting.rs: compact",
    "lab2d-snapshot/compacting.rs: take_committed",
    "lab2d-snapshot/compacting.rs: save",
    "lab2d-snapshot/compacting.rs: restore",
    "lab2d-snapshot/compacting.rs: install",
    "lab2d-snapshot/compacting.rs: is_on_its_way",
    "lab2d-snapshot/compacting.rs: send_snapshot",
    "lab3a-kv/store.rs: admit",
    "lab3a-kv/store.rs: apply",
    "lab3a-kv/server.rs: applied",
    "lab3a-kv/server.rs: reached",
    "lab3a-kv/server.rs: started",
    "lab3a-kv/server.rs: apply",
    "lab3a-kv/server.rs: watch_terms",
    "lab3a-kv/server.rs: submit",
    "lab3a-kv/clerk.rs: run",
    "lab3b-kvsnap/snapshot.rs: encode",
    "lab3b-kvsnap/snapshot.rs: decode",
    "lab3b-kvsnap/snapshot.rs: is_due",
    "lab3b-kvsnap/server.rs: apply_all",
];

/// Where a place is in the order. One that is not in the list comes after all others.
pub fn position(place: &PlaceToWrite) -> usize {
    let name = format!("{}: {}", place.file.replacen("/src/", "/", 1), place.item);
    ORDER.iter().position(|listed| *listed == name).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::course::Course;
    use crate::instructor::handout::{Handout, HandoutPlan};

    /// The list has each place of the course, and no other.
    #[test]
    fn the_order_has_every_place() {
        let course = Course::around(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let handout = Handout::of(&course, &HandoutPlan::default()).unwrap();
        let places = handout.sections.values().flatten().map(|section| &section.place);
        let mut positions: Vec<usize> = places.map(position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (0..ORDER.len()).collect::<Vec<usize>>());
    }
}
