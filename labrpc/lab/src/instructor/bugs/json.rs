//! The findings for programs: one JSON document on standard output.
//!
//! The document. `version` rises when a field is removed or changes its meaning.
//!
//! | field | meaning |
//! |---|---|
//! | `version` | 1 |
//! | `passed` | whether every bug was caught and every lawful variant passed; the exit status is then 0 |
//! | `command` | the command line that gives the same verdicts |
//! | `bugs`, `caught`, `caught_at_once`, `rule_right` | counts of the bugs that were tried; that were caught; caught with one seed of each test; caught by a test that named one of `rules` |
//! | `place_right` | how many bugs were caught by a test that sent the student to something that the bug changes |
//! | `lawful`, `lawful_passed` | counts of the lawful variants that were tried, and that passed |
//! | `unbuildable` | how many of both could not be built; if any, the exit status is 2 |
//! | `tried` | the variants that were tried, in the order of the lists |
//! | `unplantable` | the listed bugs that cannot be planted: `lab`, `id`, `reason` |
//!
//! An element of `tried`:
//!
//! | field | meaning |
//! |---|---|
//! | `lab`, `id`, `what` | `2a`, its name, and what it does |
//! | `file`, `line` | where it is listed |
//! | `lawful` | whether every test must pass |
//! | `rules` | the rules that a test may name, the expected one first; empty if it is lawful |
//! | `verdict` | `caught` or `missed` for a bug, `passed` or `false-alarm` for a lawful variant, `unbuildable` for both |
//! | `test`, `kind` | the test that failed and its kind, or null |
//! | `seed` | the seed with which it failed; null also if the test gave no verdict |
//! | `rule`, `rule_right` | the rule that it named or null, and whether that is one of `rules` |
//! | `places`, `place_right` | the items that it sent the student to, as `file: item`, and whether one of them is in `changed` |
//! | `changed` | the functions, constants and types that the edits change |
//! | `failure` | the report for the student, or what is wrong with the list, or null |
//! | `real_ns` | how long it took to build and try it |

use serde_json::{Value, json};

use super::request::BugsRequest;
use super::verdict::{Findings, TrialOutcome, TriedVariant, VariantVerdict};
use crate::course::test_kind::TestKind;
use crate::output::json::nanoseconds;
use crate::source_item::SourceItem;

/// The version of the document.
const VERSION: u64 = 1;

/// The document, with a line break at the end.
pub fn render(findings: &Findings<'_>, request: &BugsRequest) -> String {
    let is_caught = |tried: &TriedVariant<'_>| tried.verdict() == VariantVerdict::Caught;
    let is_at_once = |tried: &TriedVariant<'_>| is_caught(tried) && tried.catch().is_some_and(|catch| catch.is_at_once);
    let unplantable = findings.unplantable.iter();
    let document = json!({
        "version": VERSION,
        "passed": findings.is_good(),
        "command": request.to_string(),
        "bugs": findings.count_if(|tried| !tried.variant.is_lawful()),
        "caught": findings.count(VariantVerdict::Caught),
        "caught_at_once": findings.count_if(is_at_once),
        "rule_right": findings.count_if(|tried| is_caught(tried) && tried.is_rule_right()),
        "place_right": findings.count_if(|tried| is_caught(tried) && tried.is_place_right()),
        "lawful": findings.count_if(|tried| tried.variant.is_lawful()),
        "lawful_passed": findings.count(VariantVerdict::Passed),
        "unbuildable": findings.count(VariantVerdict::Unbuildable),
        "tried": findings.tried.iter().map(tried_value).collect::<Vec<Value>>(),
        "unplantable": unplantable
            .map(|bug| json!({ "lab": bug.lab.id, "id": bug.id, "reason": bug.reason }))
            .collect::<Vec<Value>>(),
    });
    format!("{document:#}\n")
}

fn tried_value(tried: &TriedVariant<'_>) -> Value {
    let (variant, catch) = (tried.variant, tried.catch());
    json!({
        "lab": variant.lab.id,
        "id": variant.id,
        "what": variant.what,
        "file": variant.place.file,
        "line": variant.place.line,
        "lawful": variant.is_lawful(),
        "rules": variant.rules(),
        "verdict": match tried.verdict() {
            VariantVerdict::Caught => "caught",
            VariantVerdict::Missed => "missed",
            VariantVerdict::Passed => "passed",
            VariantVerdict::FalseAlarm => "false-alarm",
            VariantVerdict::Unbuildable => "unbuildable",
        },
        "test": catch.map(|catch| &catch.test),
        "kind": catch.map(|catch| TestKind::name(catch.kind)),
        "seed": catch.and_then(|catch| catch.seed),
        "rule": catch.and_then(|catch| catch.rule.as_ref()),
        "rule_right": tried.is_rule_right(),
        "places": catch.map(|catch| catch.places.iter().map(SourceItem::to_string).collect::<Vec<String>>()),
        "place_right": tried.is_place_right(),
        "changed": tried.changed.iter().map(SourceItem::to_string).collect::<Vec<String>>(),
        "failure": match &tried.outcome {
            TrialOutcome::Caught(catch) => Some(&catch.failure),
            TrialOutcome::Passed => None,
            TrialOutcome::Unbuildable { reason, .. } => Some(reason),
        },
        "real_ns": nanoseconds(tried.real_time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructor::bugs::examples;

    /// The document has the counts, and everything that the table shows of each variant.
    #[test]
    fn a_script_finds_all_it_needs() {
        let catalogue = examples::catalogue_of_each_outcome();
        let text = render(&examples::findings_of_each_outcome(&catalogue), &BugsRequest::default());
        let document: Value = serde_json::from_str(&text).unwrap();
        let counts = ["bugs", "caught", "caught_at_once", "rule_right", "place_right", "lawful", "lawful_passed"];
        assert_eq!(counts.map(|count| document[count].as_u64().unwrap()), [4, 2, 1, 1, 1, 2, 1]);
        assert_eq!(document["unbuildable"], 1);
        assert_eq!((&document["passed"], &document["command"]), (&json!(false), &json!("cargo lab bugs")));
        let verdicts: Vec<&str> =
            document["tried"].as_array().unwrap().iter().map(|tried| tried["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["caught", "caught", "missed", "passed", "unbuildable", "false-alarm"]);
        let expected = json!({
            "lab": "2a", "id": "A02", "what": "Server | A02 votes twice.", "file": "lab2a-election/bugs.toml",
            "line": 3, "lawful": false, "rules": ["vote-once", "one-leader"], "verdict": "caught",
            "test": "many_elections_2a", "kind": "rules", "seed": 7, "rule": "log-matching", "rule_right": false,
            "places": ["lab2a-election/src/lib.rs: worse"], "place_right": false,
            "changed": ["lab2a-election/src/lib.rs: good"], "failure": "Nobody leads.", "real_ns": 1_500_000_000,
        });
        assert_eq!(document["tried"][1], expected);
        assert_eq!(document["tried"][4]["failure"], "it does not compile");
        assert_eq!(document["unplantable"], json!([{ "lab": "2b", "id": "Z99", "reason": "it is not possible." }]));
    }
}
