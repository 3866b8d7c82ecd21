//! How good the hints are: each known mistake in turn is taken out of its lab's list, and the hints are asked what it is.
//!
//! Only the mistake itself is taken out. Others that fail alike stay, also if they are in the same function: that they
//! lead to the right rule and function is what the list is for. Two mistakes are of the same rule if they have one in
//! common: `bugs.toml` lists the rules that may be named, and any of them is a right one. How often the first rules
//! agree, those that fit best, is counted as well.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::catalogue::changed::changed_items;
use super::catalogue::{Catalogue, Variant};
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::student::hint::known::{self, KNOWN_MISTAKES_FILE, KnownMistake};
use crate::student::hint::matching::{self, Likely, NAMED_MAX};
use crate::tree::Tree;

/// The version of the JSON document.
const VERSION: u64 = 1;

/// What the hints would have said of each known mistake.
pub struct HintFigures {
    guesses: Vec<Guess>,
}

/// What the hints would have said of a mistake that they do not know.
struct Guess {
    lab: &'static LabCrate,
    id: String,
    rules: Vec<String>,
    functions: BTreeSet<String>,
    /// The mistakes that were likeliest, with the rules of each.
    likely: Vec<(String, Vec<String>)>,
    /// The functions that the second hint would have named.
    named: Vec<String>,
}

impl Guess {
    /// Whether one of the three likeliest mistakes breaks a rule that this one breaks.
    fn is_rule_right(&self) -> bool {
        self.likely.iter().any(|(_, rules)| rules.iter().any(|rule| self.rules.contains(rule)))
    }

    /// Whether one of the three likeliest mistakes has the same first rule.
    fn is_first_rule_right(&self) -> bool {
        self.likely.iter().any(|(_, rules)| rules.first() == self.rules.first())
    }

    /// Whether functions were named, and the mistake is in none of them.
    fn is_function_wrong(&self) -> bool {
        !self.named.is_empty() && !self.named.iter().any(|named| self.functions.contains(named))
    }
}

impl HintFigures {
    /// Asks about every known mistake of these labs. `tree` is the course that the lists of bugs are about.
    ///
    /// # Errors
    ///
    /// If a list of known mistakes is not that of the lab's bugs.
    pub fn of(course: &Course, catalogue: &Catalogue, tree: &Tree) -> Result<HintFigures, CommandError> {
        let mut guesses = Vec::new();
        for lab in &catalogue.labs {
            let mistakes = known::read(course, lab)?.mistakes;
            let bugs = catalogue.variants.iter().filter(|variant| variant.lab == *lab && !variant.is_lawful());
            check(lab, &mistakes, &bugs.collect::<Vec<&Variant>>(), tree)?;
            guesses.extend(mistakes.iter().map(|mistake| guess(lab, mistake, &mistakes)));
        }
        Ok(HintFigures { guesses })
    }

    fn of_lab<'a>(&'a self, lab: Option<&'a LabCrate>) -> impl Iterator<Item = &'a Guess> + Clone {
        self.guesses.iter().filter(move |guess| lab.is_none_or(|lab| guess.lab == lab))
    }

    fn labs(&self) -> Vec<&'static LabCrate> {
        let mut labs: Vec<&LabCrate> = self.guesses.iter().map(|guess| guess.lab).collect();
        labs.dedup();
        labs
    }

    /// The figures for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "each known mistake left out of its lab's list in turn; the others stay\n\n\
             {:5}  {:>8}  {:>21}  {:>15}  {:>14}  {:>15}  {:>9}\n",
            "lab",
            "mistakes",
            "same rule among three",
            "same first rule",
            "function wrong",
            "functions named",
            "none near"
        );
        for lab in self.labs().into_iter().map(Some).chain([None]) {
            let counts = self.counts(lab);
            let title = lab.map_or("total".to_string(), LabCrate::title);
            let of_all = |count: usize| format!("{count} ({:.1} %)", 100.0 * count as f64 / counts.all.max(1) as f64);
            text += &format!(
                "{title:5}  {:>8}  {:>21}  {:>15}  {:>14}  {:>15.2}  {:>9}\n",
                counts.all,
                of_all(counts.rule_right),
                of_all(counts.first_rule_right),
                of_all(counts.function_wrong),
                counts.named as f64 / (counts.all - counts.silent).max(1) as f64,
                counts.silent
            );
        }
        text
    }

    /// The figures for programs, with what was said of each mistake.
    pub fn json(&self) -> String {
        let counts = |lab: Option<&LabCrate>| {
            let Counts { all, rule_right, first_rule_right, function_wrong, named, silent } = self.counts(lab);
            json!({
                "mistakes": all, "rule_right": rule_right, "first_rule_right": first_rule_right,
                "function_wrong": function_wrong, "functions_named": named, "none_near": silent,
            })
        };
        let labs: serde_json::Map<String, Value> =
            self.labs().into_iter().map(|lab| (lab.id.to_string(), counts(Some(lab)))).collect();
        let guess = |guess: &Guess| {
            let likely: Vec<&String> = guess.likely.iter().map(|(id, _)| id).collect();
            json!({
                "lab": guess.lab.id, "id": guess.id, "likely": likely, "functions": guess.named,
                "rule_right": guess.is_rule_right(), "function_wrong": guess.is_function_wrong(),
            })
        };
        let guesses: Vec<Value> = self.guesses.iter().map(guess).collect();
        format!("{:#}\n", json!({ "version": VERSION, "total": counts(None), "labs": labs, "mistakes": guesses }))
    }

    fn counts(&self, lab: Option<&LabCrate>) -> Counts {
        let guesses = self.of_lab(lab);
        Counts {
            all: guesses.clone().count(),
            rule_right: guesses.clone().filter(|guess| guess.is_rule_right()).count(),
            first_rule_right: guesses.clone().filter(|guess| guess.is_first_rule_right()).count(),
            named: guesses.clone().map(|guess| guess.named.len()).sum(),
            function_wrong: guesses.clone().filter(|guess| guess.is_function_wrong()).count(),
            silent: guesses.filter(|guess| guess.likely.is_empty()).count(),
        }
    }
}

/// How many mistakes there are of each kind.
struct Counts {
    all: usize,
    rule_right: usize,
    first_rule_right: usize,
    function_wrong: usize,
    named: usize,
    silent: usize,
}

fn guess(lab: &'static LabCrate, mistake: &KnownMistake, mistakes: &[KnownMistake]) -> Guess {
    let others = mistakes.iter().filter(|other| other.id != mistake.id);
    let likely = matching::likely(&mistake.red, |_| true, others);
    let told = |likely: &Likely<'_>| (likely.mistake.id.clone(), likely.mistake.rules.clone());
    Guess {
        lab,
        id: mistake.id.clone(),
        rules: mistake.rules.clone(),
        functions: mistake.changes.iter().cloned().collect(),
        named: matching::functions(&likely, &mistake.red),
        likely: likely.iter().take(NAMED_MAX).map(told).collect(),
    }
}

/// Checks that a list has exactly the bugs of a lab, as they are listed now.
fn check(lab: &LabCrate, mistakes: &[KnownMistake], bugs: &[&Variant], tree: &Tree) -> Result<(), CommandError> {
    let wrong = |what: String| {
        Err(CommandError::Broken(format!(
            "{}/{KNOWN_MISTAKES_FILE} {what}: write it anew with `cargo lab bugs {} --known-mistakes`",
            lab.package, lab.id
        )))
    };
    if let Some(mistake) = mistakes.iter().find(|mistake| !bugs.iter().any(|bug| bug.id == mistake.id)) {
        return wrong(format!("has {}, which is planted no longer", mistake.id));
    }
    for bug in bugs {
        let Some(mistake) = mistakes.iter().find(|mistake| mistake.id == bug.id) else {
            return wrong(format!("lacks {}", bug.id));
        };
        let changes: Vec<String> = changed_items(bug, tree).iter().map(ToString::to_string).collect();
        if mistake.what != bug.what || mistake.rules != bug.rules() || mistake.changes != changes {
            return wrong(format!("has another {} than the list of bugs", bug.id));
        }
    }
    Ok(())
}
