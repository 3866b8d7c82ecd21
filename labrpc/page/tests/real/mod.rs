//! The stories of planted bugs, as `.ci/stories` has made them: one of each lab, and a history of clients.
//!
//! They are read from the folder of stories among the pages. A handout has no bugs and no stories of them, and skips these tests.

use std::path::{Path, PathBuf};

use story::{Kind, Story, VERSION};

use crate::chromium::Chromium;
use crate::opening::{assert_alone, cursor, open};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the stories are. The path is in parts, because a handout, which has this file, must not name what it lacks.
fn folder() -> PathBuf {
    root().join("docs").join("stories")
}

/// The story of a planted bug. `None` in a handout.
fn read(bug: &str) -> Option<Story> {
    if !root().join("lab2a-election/bugs.toml").exists() {
        eprintln!("SKIPPED: a handout has no planted bugs, and no stories of them.");
        return None;
    }
    let file = folder().join(format!("{bug}.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let written: serde_json::Value = serde_json::from_str(&text).expect("a story is JSON");
    let story: Story = serde_json::from_value(written.clone()).expect("it is a story of the present model");
    let read = serde_json::to_value(&story).expect("a story is plain");
    assert!(
        story.v == VERSION && read == written,
        "{bug} is a story of another model: make them anew with .ci/stories"
    );
    Some(story)
}

/// Opens the story of a bug, and does with it what a student does.
fn explore(bug: &str, lab: &str) {
    let Some(story) = read(bug) else { return };
    assert_eq!(story.meta.lab, lab);
    let Some(mut browser) = open(&format!("real-{bug}"), &story) else { return };
    shows_the_failure(&mut browser, &story);
    steps(&mut browser, &story);
    marks_changes(&mut browser, &story);
    filters(&mut browser, &story);
    copies(&mut browser, &story);
    shows_operations(&mut browser, &story);
    shows_other_runs(&mut browser, &story);
    assert_alone(&mut browser);
    browser.resize(390, 844, true);
    browser.evaluate("new Promise(resolve => setTimeout(resolve, 150))");
    let widths = "[document.documentElement.scrollWidth, scroller.scrollWidth - scroller.clientWidth]";
    assert_eq!(browser.evaluate(widths).to_string(), "[390,0]");
    assert_alone(&mut browser);
}

/// The verdict, the rule and all steps of the clash are there, and the cursor is on the first of them.
fn shows_the_failure(browser: &mut Chromium, story: &Story) {
    assert_eq!(browser.text_of("h1"), story.meta.verdict);
    let rule = story.meta.rule.as_ref().expect("a planted bug breaks a rule");
    assert!(browser.text_of("#head .rule").contains(&rule.name));
    assert!(!story.clash.is_empty());
    assert_eq!(cursor(browser), story.clash[0].e as u64);
    assert_eq!(browser.evaluate("document.querySelectorAll('#steps li').length"), story.clash.len());
    for step in &story.clash {
        browser.evaluate(&format!("goTo({})", step.e));
        let what = browser.text_of("#what").to_lowercase();
        assert!(what.contains(step.note.trim_end_matches('.').to_lowercase().as_str()), "{what}");
        assert_eq!(browser.evaluate("document.querySelectorAll('#what .number').length"), 1);
    }
}

/// Keys and the pointer reach each event, and each is told in words.
fn steps(browser: &mut Chromium, story: &Story) {
    const STEPS_MAX: usize = 30;
    browser.press("Home");
    for place in 1..story.events.len().min(STEPS_MAX) {
        browser.press(if place % 2 == 0 { "j" } else { "ArrowDown" });
        assert_eq!(cursor(browser), place as u64);
    }
    let wordless = "failing.events.filter((event, place) => { goTo(place, { quiet: true }); \
                    const words = plainWords(event) + document.getElementById('side').textContent; \
                    return !plainWords(event).trim() || /undefined|NaN|\\[object/.test(words); }).length";
    assert_eq!(browser.evaluate(wordless), 0, "events without words, or with wrong ones");
    browser.evaluate("goTo(clash[0].e)");
    let row = format!("#e{}", story.clash[0].e);
    browser.hover(&row);
    assert_eq!(browser.evaluate("view.hover"), story.clash[0].e);
}

/// What an event changes of a server is marked in the panel.
fn marks_changes(browser: &mut Chromium, story: &Story) {
    let is_marked = |event: &&story::Event| {
        event.d.as_ref().is_some_and(|delta| delta.term.is_some() || delta.commit.is_some() || delta.applied.is_some())
    };
    let count = story.events.iter().filter(is_marked).count();
    let marked = "failing.events.filter((event, place) => { const change = event.d ?? {}; \
                  if (!('term' in change || 'commit' in change || 'applied' in change)) return false; \
                  goTo(place, { quiet: true }); return document.querySelector('#state tr.here .changed'); }).length";
    assert_eq!(browser.evaluate(marked), count);
}

/// Filters leave the clash, and no more if all groups are hidden.
fn filters(browser: &mut Chromium, story: &Story) {
    let shown = "[...columns.failing.eventAt].filter(event => event >= 0).length";
    let toggle = "document.querySelectorAll('#filter input').forEach(box => box.click())";
    let mut clash: Vec<usize> = story.clash.iter().map(|step| step.e).collect();
    clash.dedup();
    browser.evaluate(toggle);
    assert_eq!(browser.evaluate(shown), clash.len());
    browser.evaluate(toggle);
    assert_eq!(browser.evaluate(shown), story.events.len());
}

/// The buttons copy the command that replays the run, and the one that changes an event.
fn copies(browser: &mut Chromium, story: &Story) {
    let said = "new Promise(resolve => setTimeout(() => resolve(document.getElementById('live').textContent), 200))";
    browser.click("#copy");
    assert_eq!(browser.text(said), format!("Copied: {}", story.meta.replay));
    let Some(place) = story.events.iter().position(|event| !event.flips.is_empty()) else { return };
    browser.press("Home");
    if cursor(browser) != place as u64 {
        browser.press("f");
    }
    assert_eq!(cursor(browser), place as u64);
    let command = format!("cargo lab replay {} --flip {place}:{}", story.meta.token, story.events[place].flips[0]);
    assert_eq!(browser.text_of("#what .flips code"), command);
    browser.click("#what .flips button");
    assert_eq!(browser.text(said), format!("Copied: {command}"));
}

/// Clients' operations are boxes, with the server that answered, and those that clash are named.
fn shows_operations(browser: &mut Chromium, story: &Story) {
    if !story.events.iter().any(|event| event.k == Kind::Call) {
        return;
    }
    let bars =
        "document.querySelectorAll('#operations .bar').length === Math.min(OPERATIONS_MAX, failing.operations.size)";
    assert_eq!(browser.evaluate(bars), true);
    let unanswered = "[...failing.operations.values()].filter(op => op.done && op.server === undefined).length";
    if story.meta.rule.as_ref().is_some_and(|rule| rule.name == "linearizable") {
        assert_eq!(browser.evaluate(unanswered), 0);
    }
    assert_eq!(browser.evaluate("document.querySelectorAll('#operations .witness li').length"), story.witness.len());
    for marked in &story.witness {
        let box_of_part = format!("document.querySelectorAll('#operations .operation.{}').length > 0", marked.part);
        assert_eq!(browser.evaluate(&box_of_part), true);
    }
}

/// The run that passes and the moments at which the failure became likely are there if the story has them.
fn shows_other_runs(browser: &mut Chromium, story: &Story) {
    if let Some(twin) = &story.twin {
        assert!(browser.text_of("#twin-state").contains(&twin.without));
        browser.press("End");
        assert_eq!(browser.evaluate("view.passingCursor >= 0"), !twin.events.is_empty());
    }
    if let Some(curve) = &story.curve {
        assert!(browser.text_of("#curve").contains(&format!("of {}", curve.runs)));
    }
}

#[test]
fn a_story_of_lab_2a_can_be_explored() {
    explore("A17", "2A");
}

#[test]
fn a_story_of_lab_2b_can_be_explored() {
    explore("B05", "2B");
}

#[test]
fn a_story_of_lab_2c_can_be_explored() {
    explore("C02", "2C");
}

#[test]
fn a_story_of_lab_2d_can_be_explored() {
    explore("D18", "2D");
}

#[test]
fn a_story_of_lab_3a_can_be_explored() {
    explore("K57", "3A");
}

#[test]
fn a_story_of_lab_3b_can_be_explored() {
    explore("S28", "3B");
}

#[test]
fn a_story_of_a_cluster_can_be_explored() {
    explore("C04", "2C");
}

#[test]
fn a_story_of_clients_can_be_explored() {
    explore("K05", "3A");
}

/// Takes the pictures for the stories, of the bugs in `$STORIES`. `.ci/stories` calls it.
#[test]
#[ignore = "it writes files of the repository"]
fn pictures() {
    for bug in std::env::var("STORIES").expect("the bugs are named").split_whitespace() {
        let story = read(bug).expect("it was made");
        let mut browser = open(&format!("picture-{bug}"), &story).expect("there is Chromium");
        let file = folder().join(format!("{bug}.png"));
        std::fs::write(file, browser.picture()).expect("the folder is writable");
    }
}
