//! The rules' hints send students to places that exist.

use std::fs;
use std::path::Path;

use testkit::rule::{self, PLACES_MAX};

/// The labs, in order.
const LABS: [&str; 6] = ["2a", "2b", "2c", "2d", "3a", "3b"];

/// The course's root.
fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a file defines an item: a function, a constant or a type.
fn defines(text: &str, item: &str) -> bool {
    let is_definition = |line: &str| {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        words.windows(2).any(|pair| ["fn", "const", "struct", "enum"].contains(&pair[0]) && pair[1] == item)
    };
    text.lines().any(is_definition)
}

/// Each place that a hint names is a function, a constant or a type of that file. The file belongs to
/// the lab or to an earlier one, and there are few places for each lab.
#[test]
fn hints_name_places_that_exist() {
    for hint in rule::hints() {
        let look_for = hint.look_for;
        for (lab, places) in hint.places {
            assert!(LABS.contains(lab), "{look_for}: there is no lab {lab}");
            assert!((1..=PLACES_MAX).contains(&places.len()), "{look_for}: {} places in {lab}", places.len());
            for (nth, place) in places.iter().enumerate() {
                let text = fs::read_to_string(root().join(place.file));
                let text = text.unwrap_or_else(|error| panic!("{look_for}: {}: {error}", place.file));
                assert!(defines(&text, place.item), "{look_for}: {} has no {}", place.file, place.item);
                assert!(!places[..nth].contains(place), "{look_for}: {lab} names {} twice", place.item);
                assert!(&place.file[3..5] <= *lab, "{look_for}: {lab} does not know {}", place.file);
            }
        }
        assert!(hint.places.is_sorted_by_key(|(lab, _)| lab), "{look_for}: name the labs in order");
        assert!(!look_for.contains(".rs"), "{look_for}: places are named as such");
    }
}

/// Mistakes that readers of the pages made, and the functions that held them: the hint of the rule that is named then
/// has them among its places.
#[test]
fn hints_name_places_where_mistakes_were_made() {
    use rule::election::{LEADER_STAYS, STATUS, VOTE_GIVEN};
    use rule::persistence::{DISK_DIFFERS, REFUSES_TO_BOOT};
    use rule::replication::{APPLY_AT_ONCE, FILLS_A_REQUEST, FOLLOWS};
    for (hint, lab, item) in [
        (&LEADER_STAYS.hint, "2a", "tick"),
        (&LEADER_STAYS.hint, "2b", "tick"),
        (&STATUS.hint, "2a", "step"),
        (&STATUS.hint, "2a", "status"),
        (&VOTE_GIVEN.hint, "2a", "request_vote"),
        (&APPLY_AT_ONCE.hint, "2b", "step"),
        (&FILLS_A_REQUEST, "2b", "fit"),
        (&FOLLOWS.hint, "2c", "save"),
        (&DISK_DIFFERS, "2c", "save"),
        (&REFUSES_TO_BOOT, "2c", "restore"),
    ] {
        let items: Vec<&str> = hint.places_in(lab).iter().map(|place| place.item).collect();
        assert!(items.contains(&item), "{}: {items:?} in lab {lab}, without {item}", hint.look_for);
    }
}
