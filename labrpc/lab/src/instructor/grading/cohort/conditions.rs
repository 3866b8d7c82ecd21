//! What must be equal for results to be comparable.

use crate::fingerprint::sha256;
use crate::instructor::grading::GradingRequest;
use crate::instructor::grading::result::Conditions;
use crate::instructor::handout::Handout;

/// The source of the command: what it does to a submission decides about results, too.
const COMMAND_SOURCE: &str = "labrpc/lab/src/";

/// The digits of the fingerprint: enough to tell two courses apart.
const DIGITS: usize = 16;

/// The fingerprint of the course that grades: its tests, the simulator, and the grader.
pub fn fingerprint(handout: &Handout) -> String {
    let command = handout.reference.iter().filter(|(name, _)| name.starts_with(COMMAND_SOURCE));
    let lines = command.map(|(name, file)| format!("{name} {}\n", sha256(&file.bytes)));
    let text: String = std::iter::once(format!("{}\n", handout.list.hash())).chain(lines).collect();
    format!("{} {}", env!("CARGO_PKG_VERSION"), &sha256(text.as_bytes())[..DIGITS])
}

/// What differs between two gradings.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The condition that differs.
    pub what: &'static str,
    /// What it was.
    pub before: String,
    /// What it is.
    pub now: String,
}

/// The first difference between two gradings; `None` if there is none.
pub fn difference(before: &Conditions, now: &Conditions) -> Option<Difference> {
    let pairs = [
        ("first seed", before.first_seed.to_string(), now.first_seed.to_string()),
        ("number of seeds", seeds(before.seeds), seeds(now.seeds)),
        ("track", before.track.clone(), now.track.clone()),
        ("labs", before.labs.join(", "), now.labs.join(", ")),
        ("sandbox", before.sandbox.clone(), now.sandbox.clone()),
        ("course", before.grader.clone(), now.grader.clone()),
    ];
    let (what, before, now) = pairs.into_iter().find(|(_, before, now)| before != now)?;
    Some(Difference { what, before, now })
}

/// What differs between a grading and what the command line asks for, as far as that is known before anything is built.
pub fn difference_from(
    before: &Conditions,
    request: &GradingRequest,
    grader: &str,
    labs: &[String],
) -> Option<Difference> {
    let now = Conditions {
        first_seed: request.first_seed.unwrap_or(before.first_seed),
        seeds: request.seeds,
        track: request.track.name().to_string(),
        labs: labs.to_vec(),
        sandbox: before.sandbox.clone(),
        grader: grader.to_string(),
    };
    difference(before, &now)
}

fn seeds(seeds: Option<u64>) -> String {
    seeds.map_or("that of tests/points.txt".to_string(), |seeds| seeds.to_string())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Some conditions.
    pub fn example() -> Conditions {
        Conditions {
            first_seed: 7,
            seeds: None,
            track: "guided".to_string(),
            labs: vec!["2a".to_string()],
            sandbox: "none".to_string(),
            grader: "1 a".to_string(),
        }
    }

    /// Each condition is named when it differs.
    #[test]
    fn each_difference_is_named() {
        let before = example();
        assert_eq!(difference(&before, &before), None);
        let labs = vec!["2a".to_string(), "2b".to_string()];
        for (now, told) in [
            (Conditions { first_seed: 8, ..before.clone() }, ("first seed", "7", "8")),
            (Conditions { seeds: Some(5), ..before.clone() }, ("number of seeds", "that of tests/points.txt", "5")),
            (Conditions { track: "open".to_string(), ..before.clone() }, ("track", "guided", "open")),
            (Conditions { labs, ..before.clone() }, ("labs", "2a", "2a, 2b")),
            (Conditions { sandbox: "landlock".to_string(), ..before.clone() }, ("sandbox", "none", "landlock")),
            (Conditions { grader: "1 b".to_string(), ..before.clone() }, ("course", "1 a", "1 b")),
        ] {
            let found = difference(&before, &now).unwrap();
            assert_eq!((found.what, found.before.as_str(), found.now.as_str()), told);
        }
    }
}
