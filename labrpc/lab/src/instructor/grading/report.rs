//! What grading has found, for people and for programs.

use serde_json::{Value, json};

use crate::course::LabCrate;
use crate::grade::verdict::LabResult;

/// A submission, and what came of it; or why it could not be graded.
pub struct Graded {
    pub name: String,
    pub outcome: Result<Vec<LabGrade>, String>,
}

/// The points of a lab.
pub struct LabGrade {
    pub lab: &'static LabCrate,
    /// The points that could be earned.
    pub points: u64,
    /// The points that were earned.
    pub score: u64,
    /// The points that the tested process said it had earned.
    pub claimed: u64,
    /// Why there was nothing to run.
    pub why: Option<String>,
    /// The tests that have not passed, each with the rule that is broken, if one is known.
    pub failed: Vec<(String, Option<String>)>,
}

impl LabGrade {
    /// A test counts if the judge saw it pass, with the tapes of a process in which it passed too.
    pub fn of(points: u64, claimed: &LabResult, judged: &LabResult) -> LabGrade {
        let mut grade =
            LabGrade { lab: judged.lab, points, score: 0, claimed: claimed.score(), why: None, failed: Vec::new() };
        for verdict in &judged.verdicts {
            let own = claimed.verdicts.iter().find(|own| own.test.name == verdict.test.name);
            let has_passed = own.is_some_and(|own| own.is_passed());
            if has_passed && verdict.is_passed() {
                grade.score += verdict.test.points;
            } else {
                // Where the tested process failed by itself, it knows best why.
                let rule = own.filter(|own| !own.is_passed()).unwrap_or(verdict).rule();
                grade.failed.push((verdict.test.name.clone(), rule.map(str::to_string)));
            }
        }
        grade
    }

    /// Whether the tested process has reported more than its tapes show.
    fn is_forged(&self) -> bool {
        self.claimed > self.score
    }
}

/// All results, as a table or as JSON.
pub fn show(results: &[Graded], first_seed: u64, is_json: bool) -> String {
    if is_json {
        let submissions: Vec<Value> = results.iter().map(in_json).collect();
        let document = json!({ "version": 1, "first_seed": first_seed, "submissions": submissions });
        return format!("{document:#}\n");
    }
    let mut text = format!("The first seed of each test was {first_seed}.\n");
    for Graded { name, outcome } in results {
        match outcome {
            Err(reason) => text += &format!("\n{name}: not graded: {reason}\n"),
            Ok(labs) => {
                let (score, points): (u64, u64) =
                    labs.iter().fold((0, 0), |(score, points), lab| (score + lab.score, points + lab.points));
                text += &format!("\n{name}: {score}/{points} points\n");
                labs.iter().for_each(|lab| text += &lines(lab));
            }
        }
    }
    text
}

fn lines(grade: &LabGrade) -> String {
    let LabGrade { lab, points, score, claimed, why, failed } = grade;
    let note = match why {
        Some(why) => format!("  {why}"),
        None if grade.is_forged() => format!("  the tested process reported {claimed}, which its runs do not show"),
        None => String::new(),
    };
    let mut text = format!("  {}  {score:>3}/{points}{note}\n", lab.title());
    for (test, rule) in failed {
        text += &format!("      {test}{}\n", rule.as_ref().map(|rule| format!("  {rule}")).unwrap_or_default());
    }
    text
}

fn in_json(Graded { name, outcome }: &Graded) -> Value {
    let labs = match outcome {
        Err(reason) => return json!({ "name": name, "graded": false, "reason": reason }),
        Ok(labs) => labs,
    };
    let lab = |grade: &LabGrade| {
        let failed: Vec<Value> =
            grade.failed.iter().map(|(test, rule)| json!({ "test": test, "rule": rule })).collect();
        json!({
            "lab": grade.lab.title(),
            "score": grade.score,
            "points": grade.points,
            "claimed": grade.claimed,
            "reason": grade.why,
            "failed": failed,
        })
    };
    let (score, points): (u64, u64) =
        labs.iter().fold((0, 0), |(score, points), lab| (score + lab.score, points + lab.points));
    let labs: Vec<Value> = labs.iter().map(lab).collect();
    json!({ "name": name, "graded": true, "score": score, "points": points, "labs": labs })
}
