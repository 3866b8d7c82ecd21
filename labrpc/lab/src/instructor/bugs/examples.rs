//! Example variants and outcomes, for the tests of the modules that choose and show them.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use super::catalogue::edit::SourceEdit;
use super::catalogue::{Catalogue, ListPlace, Unplantable, Variant, VariantKind};
use super::verdict::{Catch, Findings, TrialOutcome, TriedVariant};
use crate::course::test_kind::TestKind;
use crate::course::{LABS, LabCrate};
use crate::source_item::SourceItem;

fn item(lab: usize, name: &str) -> SourceItem {
    SourceItem { file: format!("{}/src/lib.rs", LABS[lab].package), name: name.to_string() }
}

/// What every variant changes.
fn changed() -> &'static BTreeSet<SourceItem> {
    static CHANGED: LazyLock<BTreeSet<SourceItem>> = LazyLock::new(|| BTreeSet::from([item(0, "good")]));
    &CHANGED
}

/// A bug of a lab that breaks `vote-once`.
pub fn bug(lab: usize, id: &str) -> Variant {
    let nature = VariantKind::Bug { rules: vec!["vote-once".to_string(), "one-leader".to_string()] };
    Variant { nature, what: format!("Server | {id} votes twice."), ..lawful(lab, id) }
}

/// A lawful variant of a lab.
pub fn lawful(lab: usize, id: &str) -> Variant {
    let lab: &'static LabCrate = &LABS[lab];
    let place = |line| ListPlace { file: format!("{}/bugs.toml", lab.package), line };
    let file = format!("{}/src/lib.rs", lab.package);
    Variant {
        lab,
        id: id.to_string(),
        what: format!("Server {id} waits."),
        nature: VariantKind::Lawful { until: None },
        edits: vec![SourceEdit { file, find: "good".to_string(), replace: id.to_string(), place: place(7) }],
        place: place(3),
    }
}

/// The lists of labs 2A and 2B with these variants, and with `Z99` of lab 2B, which cannot be planted.
pub fn catalogue(variants: Vec<Variant>) -> Catalogue {
    let unplantable = Unplantable { lab: &LABS[1], id: "Z99".to_string(), reason: "it is not possible.".to_string() };
    Catalogue { variants, unplantable: vec![unplantable], labs: vec![&LABS[0], &LABS[1]] }
}

/// One variant for each of the [`findings_of_each_outcome`].
pub fn catalogue_of_each_outcome() -> Catalogue {
    let bugs = [bug(0, "A01"), bug(0, "A02"), bug(0, "A03")].into_iter();
    catalogue(bugs.chain([lawful(0, "slow-votes"), bug(1, "B01"), lawful(1, "small-logs")]).collect())
}

/// The findings on the variants of [`catalogue_of_each_outcome`]: caught at once, caught late with
/// another rule, missed, passed, unbuildable, a false alarm.
pub fn findings_of_each_outcome(catalogue: &Catalogue) -> Findings<'_> {
    let caught = |test: &str, seed: Option<u64>, rule: Option<&str>| {
        TrialOutcome::Caught(Catch {
            test: test.to_string(),
            kind: TestKind::Rules,
            seed,
            rule: rule.map(str::to_string),
            places: vec![item(0, if seed == Some(1) { "good" } else { "worse" })],
            failure: "Nobody leads.".to_string(),
            is_at_once: seed == Some(1),
            token: None,
            ran: Vec::new(),
            red: Vec::new(),
            story: None,
        })
    };
    let unbuildable = TrialOutcome::Unbuildable {
        reason: "it does not compile".to_string(),
        compiler_output: "error[E0308]".to_string(),
    };
    let outcomes = [
        caught("votes_once_2a", Some(1), Some("one-leader")),
        caught("many_elections_2a", Some(7), Some("log-matching")),
        TrialOutcome::Passed,
        TrialOutcome::Passed,
        unbuildable,
        caught("basic_agree_2b", None, None),
    ];
    let tried = catalogue.variants.iter().zip(outcomes);
    let real_time = Duration::from_millis(1500);
    let tried = tried.map(|(variant, outcome)| TriedVariant { variant, changed: changed(), outcome, real_time });
    let tried = tried.collect();
    Findings { tried, unplantable: catalogue.unplantable.iter().collect(), has_places: true }
}
