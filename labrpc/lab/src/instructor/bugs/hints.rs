//! How good the hints are: each known mistake in turn is taken out of its lab's list, and the hints are asked what it is.
//!
//! Only the mistake itself is taken out. Others that fail alike stay, also if they are in the same function: that they
//! lead to the right rule and function is what the list is for. Two mistakes are of the same rule if they have one in
//! common: `bugs.toml` lists the rules that may be named, and any of them is a right one. How often the first rules
//! agree, those that fit best, is counted as well.
//!
//! The second hint is wrong if the mistake is in none of the functions that it names. A hint that lists functions as possible,
//! and says that it does not decide, is counted apart, also if its list lacks the right one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::catalogue::changed::changed_items;
use super::catalogue::{Catalogue, Variant};
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::student::hint::functions::LikelyFunctions;
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
    /// What the second hint would have said.
    second: LikelyFunctions,
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

    /// Whether the second hint says in which functions the mistake is.
    fn is_decided(&self) -> bool {
        self.second.is_decided
    }

    /// Whether the second hint says that several functions are possible, and does not decide.
    fn is_undecided(&self) -> bool {
        !self.second.is_decided && !self.second.items.is_empty()
    }

    /// Whether the mistake is in one of the functions of the second hint.
    fn is_function_right(&self) -> bool {
        self.second.items.iter().any(|item| self.functions.contains(item))
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
            "each known mistake left out of its lab's list in turn; the others stay\n\n{}",
            row([
                "lab",
                "mistakes",
                "same rule among three",
                "same first rule",
                "functions named",
                "how many",
                "wrong",
                "of the named",
                "undecided",
                "not listed",
                "none near"
            ])
        );
        for lab in self.labs().into_iter().map(Some).chain([None]) {
            let counts = self.counts(lab);
            let share = |count: usize, of: usize| format!("{:.1} %", 100.0 * count as f64 / of.max(1) as f64);
            let of_all = |count: usize| format!("{count} ({})", share(count, counts.all));
            text += &row([
                &lab.map_or("total".to_string(), LabCrate::title),
                &counts.all.to_string(),
                &of_all(counts.rule_right),
                &of_all(counts.first_rule_right),
                &of_all(counts.decided),
                &format!("{:.2}", counts.named as f64 / counts.decided.max(1) as f64),
                &of_all(counts.function_wrong),
                &share(counts.function_wrong, counts.decided),
                &of_all(counts.undecided),
                &of_all(counts.possible_wrong),
                &counts.silent.to_string(),
            ]);
        }
        text
    }

    /// The figures for programs, with what was said of each mistake.
    pub fn json(&self) -> String {
        let counts = |lab: Option<&LabCrate>| {
            let counts = self.counts(lab);
            json!({
                "mistakes": counts.all, "rule_right": counts.rule_right, "first_rule_right": counts.first_rule_right,
                "function_decided": counts.decided, "functions_named": counts.named,
                "function_wrong": counts.function_wrong, "function_undecided": counts.undecided,
                "possible_wrong": counts.possible_wrong, "none_near": counts.silent,
            })
        };
        let labs: serde_json::Map<String, Value> =
            self.labs().into_iter().map(|lab| (lab.id.to_string(), counts(Some(lab)))).collect();
        let guess = |guess: &Guess| {
            let likely: Vec<&String> = guess.likely.iter().map(|(id, _)| id).collect();
            json!({
                "lab": guess.lab.id, "id": guess.id, "likely": likely, "functions": guess.second.items,
                "function_decided": guess.is_decided(), "rule_right": guess.is_rule_right(),
                "function_wrong": guess.is_decided() && !guess.is_function_right(),
            })
        };
        let guesses: Vec<Value> = self.guesses.iter().map(guess).collect();
        format!("{:#}\n", json!({ "version": VERSION, "total": counts(None), "labs": labs, "mistakes": guesses }))
    }

    fn counts(&self, lab: Option<&LabCrate>) -> Counts {
        let guesses = self.of_lab(lab);
        let count = |is: fn(&Guess) -> bool| guesses.clone().filter(|guess| is(guess)).count();
        Counts {
            all: count(|_| true),
            rule_right: count(Guess::is_rule_right),
            first_rule_right: count(Guess::is_first_rule_right),
            decided: count(Guess::is_decided),
            named: guesses.clone().filter(|guess| guess.is_decided()).map(|guess| guess.second.items.len()).sum(),
            function_wrong: count(|guess| guess.is_decided() && !guess.is_function_right()),
            undecided: count(Guess::is_undecided),
            possible_wrong: count(|guess| guess.is_undecided() && !guess.is_function_right()),
            silent: count(|guess| guess.likely.is_empty()),
        }
    }
}

/// A line of the table.
fn row(cells: [&str; 11]) -> String {
    let [lab, all, rule, first_rule, decided, named, wrong, of_named, undecided, possible_wrong, silent] = cells;
    format!(
        "{lab:5}  {all:>8}  {rule:>21}  {first_rule:>15}  {decided:>15}  {named:>8}  {wrong:>11}  {of_named:>12}  \
         {undecided:>12}  {possible_wrong:>11}  {silent:>9}\n"
    )
}

/// How many mistakes there are of each kind.
struct Counts {
    all: usize,
    rule_right: usize,
    first_rule_right: usize,
    /// The second hint names functions.
    decided: usize,
    /// How many functions these hints name, all together.
    named: usize,
    /// The second hint names functions, and the mistake is in none of them.
    function_wrong: usize,
    /// The second hint says that several functions are possible.
    undecided: usize,
    /// It says so, and the mistake is in none of them.
    possible_wrong: usize,
    /// The second hint says that no known mistake is near.
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
        second: LikelyFunctions::of(&likely, &mistake.red),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::LABS;
    use crate::student::hint::pattern::RedTest;

    /// A mistake in a function, and the places that its only failure names.
    fn mistake(id: &str, function: &str, test: &str, places: &[&str]) -> KnownMistake {
        let places = places.iter().map(ToString::to_string).collect();
        KnownMistake {
            id: id.to_string(),
            rules: vec!["rule".to_string()],
            changes: vec![function.to_string()],
            red: vec![RedTest { test: test.to_string(), by: "rule".to_string(), places }],
            ..KnownMistake::default()
        }
    }

    /// Each mistake is judged by the others alone. Hints that decide and hints that do not are counted apart.
    #[test]
    fn the_second_hint_is_judged_by_what_it_claims() {
        let mistakes = [
            mistake("A01", "vote", "one", &["vote", "tick"]),
            mistake("A02", "tick", "one", &["vote"]),
            mistake("A03", "lead", "two", &["save", "lead", "read", "step", "due"]),
            mistake("A04", "lead", "three", &["save", "load", "read", "step", "due"]),
        ];
        let guesses: Vec<Guess> = mistakes.iter().map(|mistake| guess(&LABS[0], mistake, &mistakes)).collect();
        let told: Vec<(bool, bool)> =
            guesses.iter().map(|guess| (guess.is_decided(), guess.is_function_right())).collect();
        assert_eq!(told, [(true, true), (true, false), (false, true), (false, false)]);
        let counts = HintFigures { guesses }.counts(None);
        let Counts { decided, function_wrong, undecided, possible_wrong, silent, .. } = counts;
        assert_eq!([decided, function_wrong, undecided, possible_wrong, silent], [2, 1, 2, 1, 0]);
    }
}
