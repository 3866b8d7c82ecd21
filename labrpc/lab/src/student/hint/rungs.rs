//! The hints themselves.

use super::Hints;
use super::doc;
use super::functions::LikelyFunctions;
use super::known::{self, KnownMistake};
use super::matching::{self, Likely};
use super::pattern::RedTest;
use super::place::{self, PlaceToWrite};
use super::rules;
use super::subject::Failure;
use crate::course::Course;
use crate::course::track;
use crate::error::CommandError;

/// A hint.
#[derive(Clone, Debug)]
pub struct Rung {
    /// What it tells.
    pub kind: RungKind,
    /// What it says.
    pub lines: Vec<String>,
    /// The rules, functions or known mistakes that it names, for programs.
    pub items: Vec<String>,
}

/// What a hint tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RungKind {
    /// The rule that is broken, or that is to be written.
    Rule,
    /// Where mistakes were that fail alike: the functions.
    Function,
    /// In which functions it may be, if what failed does not decide between them.
    PossibleFunctions,
    /// Which rules mistakes break that fail alike.
    Part,
    /// What mistakes do that fail alike.
    Mistake,
    /// That no known mistake fails alike.
    NothingNear,
    /// What helps to write a place.
    Place,
}

impl RungKind {
    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            RungKind::Rule => "rule",
            RungKind::Function => "function",
            RungKind::PossibleFunctions => "possible-functions",
            RungKind::Part => "part",
            RungKind::Mistake => "mistake",
            RungKind::NothingNear => "nothing-near",
            RungKind::Place => "place",
        }
    }

    /// What a student can expect of it, after "the next hint".
    pub fn promise(self) -> &'static str {
        match self {
            RungKind::Rule => "says which rule it is",
            RungKind::Function => "says where it may be",
            RungKind::PossibleFunctions => "says which functions are possible",
            RungKind::Part => "says which rules mistakes like this break",
            RungKind::Mistake => "says what mistakes like this were",
            RungKind::NothingNear => "says whether a known mistake is like it",
            RungKind::Place => "says more",
        }
    }
}

/// The hints about a place to write. `name` asks for it on the command line.
pub fn of_place(course: &Course, place: &PlaceToWrite, name: String) -> Hints {
    let PlaceToWrite { file, item, rule, hints } = place;
    let title = if item.is_empty() { file.clone() } else { format!("`{item}` in {file}") };
    let mut lines = vec![format!("The rule: {rule}.")];
    lines.extend(doc::first_paragraph(course, place));
    let mut rungs = vec![Rung { kind: RungKind::Rule, lines, items: vec![rule.clone()] }];
    let more = |hint: &String| Rung { kind: RungKind::Place, lines: vec![hint.clone()], items: Vec::new() };
    rungs.extend(hints.iter().map(more));
    Hints { key: format!("place {file}:{item}"), title, name, notes: Vec::new(), rungs }
}

/// The hints about a test that failed.
///
/// # Errors
///
/// If the known mistakes cannot be read.
pub fn of_failure(course: &Course, failure: &Failure) -> Result<Hints, CommandError> {
    let Failure { lab, test, last, changed } = failure;
    let all: Vec<RedTest> = last.tests.values().filter_map(|test| test.red.clone()).collect();
    let is_waiting = |test: &str| last.tests.get(test).is_some_and(|test| test.missing_code.is_some());
    let red: Vec<RedTest> = all.into_iter().filter(|red| !is_waiting(&red.test)).collect();
    let known = known::read(course, lab)?;
    let is_known = |test: &str| known.tests.iter().any(|known| known == test);
    let has_result = |test: &str| {
        let is_red = red.iter().any(|red| red.test == test);
        is_red || last.tests.get(test).is_some_and(|test| test.is_passed)
    };
    let mut likely = matching::likely(&red, |test| is_known(test) && has_result(test), &known.mistakes);
    let fails_too = |mistake: &KnownMistake| mistake.red.iter().any(|red| red.test == *test);
    likely.retain(|likely| !is_known(test) || fails_too(likely.mistake));

    let mut notes = Vec::new();
    if !changed.is_empty() {
        notes.push(format!("you have changed {} since these tests ran: cargo lab test {}", changed.join(", "), lab.id));
    }
    let by = red.iter().find(|red| red.test == *test).map_or("no result", |red| red.by.as_str());
    let mut rungs = vec![of_rule(failure, by, red.len())];
    if likely.is_empty() {
        rungs.push(nothing_near(course, failure));
    } else {
        rungs.push(if track::is_open(course, lab) { of_part(&likely) } else { of_functions(failure, &likely, &red) });
        rungs.push(of_mistakes(&likely));
    }
    let (key, title) = (format!("test {test} by {by}"), format!("{test} of lab {}", lab.title()));
    Ok(Hints { key, title, name: test.clone(), notes, rungs })
}

/// The rule that a test names, and how to look at the run.
fn of_rule(failure: &Failure, by: &str, red: usize) -> Rung {
    let Failure { lab, test, .. } = failure;
    let mut lines = match rules::named(by) {
        Some(rule) => vec![
            format!("It breaks the rule {}: {}.", rule.name, rule.text),
            format!("Read {}.", rule.source),
            format!("Then: {}{}", rule.look_for, if rule.look_for.ends_with('?') { "" } else { "." }),
        ],
        None => vec![format!("It names no rule. What ended it: {by}.")],
    };
    lines.push(match red {
        0 | 1 => format!("No other test of lab {} says more.", lab.title()),
        2 => format!("One more test of lab {} fails.", lab.title()),
        count => format!("{} more tests of lab {} fail.", count - 1, lab.title()),
    });
    let replay = failure.token().map_or(String::new(), |token| format!("; event by event: cargo lab replay {token}"));
    lines.push(format!("Its report: cargo lab test {test}{replay}"));
    Rung { kind: RungKind::Rule, lines, items: vec![by.to_string()] }
}

fn nothing_near(course: &Course, failure: &Failure) -> Rung {
    let mut lines = vec!["No known mistake fails like yours.".to_string()];
    let look = match track::is_open(course, failure.lab) {
        true => "Look",
        false => {
            lines.push(format!("Run the lab's core tests, which are smaller: {}", place::core_tests(failure.lab)));
            "If they pass, look"
        }
    };
    lines.extend(failure.token().map(|token| format!("{look} at the run event by event: cargo lab replay {token}")));
    lines.push("Look for the first event that should be another one by the rule.".to_string());
    Rung { kind: RungKind::NothingNear, lines, items: Vec::new() }
}

fn of_functions(failure: &Failure, likely: &[Likely<'_>], red: &[RedTest]) -> Rung {
    let LikelyFunctions { items, is_decided } = LikelyFunctions::of(likely, red);
    let named = |item: &String| match item.split_once(": ") {
        Some((file, function)) => format!("`{function}` in {file}"),
        None => item.clone(),
    };
    let names: Vec<String> = items.iter().map(named).collect();
    if is_decided {
        let lines = vec![
            format!("Look at {}.", names.join(", then at ")),
            "Known mistakes that fail like yours, and the places that the failed tests name, lead there.".to_string(),
        ];
        return Rung { kind: RungKind::Function, lines, items };
    }
    let mut lines = vec!["What failed does not decide which function it is. The likeliest first:".to_string()];
    lines.extend(names.iter().map(|name| format!("- {name}")));
    lines.push("To decide: which of them ran last before the failure, and which should have run?".to_string());
    lines.extend(failure.token().map(|token| format!("Event by event: cargo lab replay {token}")));
    Rung { kind: RungKind::PossibleFunctions, lines, items }
}

fn of_part(likely: &[Likely<'_>]) -> Rung {
    let mut items: Vec<String> = Vec::new();
    let first = matching::first_and_ties(likely);
    for rule in first.iter().filter_map(|likely| likely.mistake.rules.first()) {
        if !items.contains(rule) {
            items.push(rule.clone());
        }
    }
    let mut lines = vec!["Known mistakes that fail like yours are where a server keeps this:".to_string()];
    let said = |name: &String| {
        rules::named(name).map_or(name.clone(), |rule| format!("- {}: {} ({}).", rule.name, rule.text, rule.source))
    };
    lines.extend(items.iter().map(said));
    Rung { kind: RungKind::Part, lines, items }
}

fn of_mistakes(likely: &[Likely<'_>]) -> Rung {
    let first = matching::first_and_ties(likely);
    let mut lines = vec![match first.len() {
        1 => "A known mistake fails like yours. Is this so in your code?".to_string(),
        _ => "Known mistakes fail like yours. Is one of these so in your code?".to_string(),
    }];
    lines.extend(first.iter().map(|likely| format!("- {}", likely.mistake.what)));
    lines.push("Yours may be another one: look at the test's report as well.".to_string());
    let items = first.iter().map(|likely| likely.mistake.id.clone()).collect();
    Rung { kind: RungKind::Mistake, lines, items }
}
