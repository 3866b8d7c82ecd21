//! The page in a real browser: it opens, follows keys and the pointer, and shows all texts as texts.
//!
//! Without a Chromium the tests say so and pass, but not where the environment variable `CI` is set. They need Unix,
//! since a shell gives the browser its descriptors.

#![cfg(unix)]

mod chromium;
mod opening;
mod real;
mod stories;

use opening::{assert_alone, assert_no_complaints, cursor, open, open_at};
use story::Story;

#[test]
fn a_broken_rule_opens_at_its_clash() {
    let Some(mut browser) = open("rule", &stories::vote_twice()) else { return };
    assert_eq!(cursor(&mut browser), 23);
    assert!(browser.text_of("h1").contains("voted twice"));
    assert!(browser.text_of("#head .rule").contains("Figure 2, RequestVote rule 2"));
    assert_eq!(browser.evaluate("document.querySelectorAll('#steps li').length"), 2);
    assert!(browser.text_of("#what").contains("The first vote of server 0"));
    assert!(browser.text_of("#head .hint code").contains("RequestVoteReply"));
    assert_alone(&mut browser);
}

#[test]
fn a_history_shows_its_operations_and_faults() {
    let Some(mut browser) = open("history", &stories::stale_read()) else { return };
    assert_eq!(browser.evaluate("document.querySelectorAll('#operations .bar').length"), 3);
    for part in ["near", "missed", "wrong"] {
        let bars = format!("document.querySelectorAll('#operations .operation.{part}').length");
        assert_eq!(browser.evaluate(&bars), 1, "{part}");
    }
    assert!(browser.text("document.querySelector('#operations').textContent").contains("server 2: cut off"));
    assert!(browser.text_of("#state thead").contains("x is"));
    let answered = "[...failing.operations.values()].map(operation => operation.server).join()";
    assert_eq!(browser.text(answered), "0,0,2");
    assert_eq!(browser.evaluate("document.querySelectorAll('#operations .server-mark').length"), 3);
    assert_eq!(browser.evaluate("document.querySelectorAll('#operations .witness li').length"), 3);
    assert!(browser.text_of("#operations .witness li:last-child").contains("get x → 1, answered by server 2"));
    assert_alone(&mut browser);
}

#[test]
fn a_deadlock_has_its_verdict_and_its_report_but_no_rule() {
    let story = stories::deadlock();
    let Some(mut browser) = open("deadlock", &story) else { return };
    assert_eq!(browser.text_of("h1"), story.meta.verdict);
    assert!(browser.text_of("#head .rule").contains("deadlock"));
    assert_eq!(cursor(&mut browser), story.events.len() as u64 - 1);
    assert_eq!(browser.evaluate("document.querySelector('#to-clash') === null"), true);
    assert_eq!(browser.evaluate("document.querySelector('#report').open"), false);
    browser.click("#report summary");
    assert!(browser.text_of("#report pre").contains("waits in src/peer.rs:41"));
    assert_alone(&mut browser);
}

#[test]
fn a_passing_run_opens_at_its_last_event() {
    let story = stories::passing();
    let Some(mut browser) = open("passing", &story) else { return };
    assert_eq!(cursor(&mut browser), story.events.len() as u64 - 1);
    assert!(browser.text_of("#what").contains("becomes leader of term 1"));
    assert_eq!(browser.text_of("#lane-heads [data-lane='4'] small"), "script, F 0");
    browser.press("c");
    assert_alone(&mut browser);
}

#[test]
fn a_story_without_events_opens() {
    let Some(mut browser) = open("empty", &Story::default()) else { return };
    browser.press("j");
    assert!(browser.text_of("#rows").contains("no events"));
    assert_alone(&mut browser);
}

#[test]
fn keys_move_the_cursor_and_the_panel_follows() {
    let Some(mut browser) = open("keys", &stories::vote_twice()) else { return };
    browser.press("Home");
    assert_eq!(cursor(&mut browser), 0);
    let first = browser.text_of("#what");
    browser.press("j");
    browser.press("ArrowDown");
    assert_eq!(cursor(&mut browser), 2);
    assert_ne!(browser.text_of("#what"), first);
    browser.press("k");
    assert_eq!(cursor(&mut browser), 1);
    browser.press("c");
    assert_eq!(browser.text_of("#state tr.here td[data-field=term]"), "2");
    let sent = cursor(&mut browser);
    browser.press("m");
    let received = cursor(&mut browser);
    assert!(received > sent, "the key m goes to the other end of the message");
    browser.press("m");
    assert_eq!(cursor(&mut browser), sent);
    // A changed field is marked.
    browser.evaluate("goTo(failing.events.findIndex(event => event.k === 'role'))");
    assert_eq!(browser.evaluate("document.querySelectorAll('#state .changed').length"), 3);
    browser.press("h");
    assert_eq!(browser.evaluate("document.querySelectorAll('.row.dim').length > 0"), true);
    assert_no_complaints(&browser);
}

#[test]
fn rows_follow_the_pointer() {
    let Some(mut browser) = open("pointer", &stories::vote_twice()) else { return };
    browser.hover("#e25");
    assert_eq!(browser.evaluate("view.hover"), 25);
    assert_eq!(cursor(&mut browser), 23);
    browser.click("#e25");
    assert_eq!(cursor(&mut browser), 25);
    browser.click("#steps li:last-child button");
    assert!(browser.text_of("#what").contains("The second one."));
    assert_no_complaints(&browser);
}

#[test]
fn filters_hide_events_but_never_the_clash() {
    let Some(mut browser) = open("filters", &stories::vote_twice()) else { return };
    browser.click("#filter summary");
    browser.evaluate("document.querySelectorAll('#filter input').forEach(box => box.click())");
    assert_eq!(browser.evaluate("[...columns.failing.eventAt].filter(event => event >= 0)").to_string(), "[23,33]");
    assert_eq!(browser.evaluate("document.querySelectorAll('.row.clash').length"), 2);
    browser.evaluate("document.querySelectorAll('#filter input').forEach(box => box.click())");
    assert_eq!(browser.evaluate("[...columns.failing.eventAt].filter(event => event >= 0).length"), 36);
    assert_no_complaints(&browser);
}

#[test]
fn search_marks_events_and_walks_them() {
    let Some(mut browser) = open("search", &stories::vote_twice()) else { return };
    browser.press("/");
    for letter in ["b", "o", "o", "t", "s"] {
        browser.press(letter);
    }
    browser.press("Enter");
    assert_eq!(browser.text_of("#hits"), "1");
    assert!(browser.text_of("#what").contains("boots"));
    browser.press("Escape");
    assert_eq!(browser.evaluate("document.querySelectorAll('.row.hit').length"), 0);
    assert_no_complaints(&browser);
}

#[test]
fn buttons_copy_the_replay_and_the_flip_and_say_so() {
    let story = stories::vote_twice();
    let Some(mut browser) = open("copy", &story) else { return };
    let copied = "new Promise(resolve => setTimeout(() => resolve(document.getElementById('live').textContent), 300))";
    browser.click("#copy");
    assert_eq!(browser.text(copied), "Copied: cargo lab replay 2c-7-abcd");
    assert_eq!(browser.text_of("#copy"), "Copied");
    browser.press("f");
    let crash = cursor(&mut browser);
    assert_eq!(browser.text_of("#what .flips button"), "Copy command");
    let command = format!("cargo lab replay 2c-7-abcd --flip {crash}:no-crash");
    assert_eq!(browser.text_of("#what .flips code"), command);
    browser.click("#what .flips button");
    assert_eq!(browser.text(copied), format!("Copied: {command}"));
    assert_no_complaints(&browser);
}

#[test]
fn the_passing_run_stands_beside_the_failing_one() {
    let story = stories::vote_twice();
    let Some(mut browser) = open("twin", &story) else { return };
    let twin = story.twin.expect("it has one");
    assert!(browser.text_of("#lane-heads").contains(&twin.without));
    assert!(browser.text_of("#twin-state").contains("The two runs are the same until event 26."));
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.row.other[id]').length").as_u64(),
        Some(twin.events.len() as u64)
    );
    browser.press("End");
    assert!(browser.text_of("#twin-state .differs").contains("leader"));
    browser.evaluate("document.getElementById('p6').click()");
    assert_eq!(browser.evaluate("view.passingCursor"), 6);
    browser.press("t");
    assert_eq!(browser.evaluate("document.querySelectorAll('.row.other').length"), 0);
    assert_no_complaints(&browser);
}

#[test]
fn the_curve_marks_its_jump() {
    let Some(mut browser) = open("curve", &stories::vote_twice()) else { return };
    assert!(browser.text_of("#curve").contains("in 6 of 100 runs; kept until 1.300 s, in 91"));
    assert_eq!(browser.text_of(".row .tag"), "6 → 91 of 100 fail");
    browser.evaluate("document.querySelector('#curve button').click()");
    assert!(browser.text_of("#what").contains("crashes"));
    assert_no_complaints(&browser);
}

#[test]
fn dark_and_light_toggle() {
    let Some(mut browser) = open("theme", &stories::passing()) else { return };
    let colour = "getComputedStyle(document.body).backgroundColor";
    let before = browser.text(colour);
    browser.press("d");
    let after = browser.text(colour);
    assert_ne!(before, after);
    browser.click("#theme");
    assert_eq!(browser.text(colour), before);
    assert_no_complaints(&browser);
}

#[test]
fn a_phone_never_scrolls_sideways() {
    let stories = [
        stories::vote_twice(),
        stories::stale_read(),
        stories::deadlock(),
        stories::passing(),
        stories::generated(500),
    ];
    for (n, story) in stories.iter().enumerate() {
        let Some(mut browser) = open_at(&format!("phone-{n}"), story, 390, 844) else { return };
        let widths = "[document.documentElement.scrollWidth, scroller.scrollWidth - scroller.clientWidth]";
        assert_eq!(browser.evaluate(widths).to_string(), "[390,0]", "{}", story.meta.verdict);
        browser.click("#more");
        browser.press("t");
        assert_eq!(browser.evaluate(widths).to_string(), "[390,0]", "{} with all controls", story.meta.verdict);
        let event = cursor(&mut browser);
        browser.click("#prev");
        assert_ne!(cursor(&mut browser), event, "{}", story.meta.verdict);
        assert_no_complaints(&browser);
    }
}

#[test]
fn markup_in_a_story_is_shown_as_text() {
    let mut story = stories::vote_twice();
    for text in [&mut story.meta.verdict, &mut story.meta.hint, &mut story.servers[0].name] {
        text.push_str(stories::HOSTILE);
    }
    let Some(mut browser) = open("markup", &story) else { return };
    assert_eq!(browser.evaluate("[...document.querySelectorAll('b')].some(b => b.textContent === 'not bold')"), false);
    assert!(browser.text_of("h1").ends_with(stories::HOSTILE));
    browser.evaluate("goTo(failing.events.findIndex(event => event.k === 'log'))");
    assert!(browser.text_of("#what pre").contains(stories::HOSTILE));
    assert!(browser.text_of(".row.current code").contains(stories::HOSTILE));
    let titles = "[...document.querySelectorAll('#logs .entry')].map(entry => entry.title).join()";
    assert!(browser.text(titles).contains(stories::HOSTILE));
    assert_no_complaints(&browser);
}

#[test]
fn a_long_story_opens_and_moves_far() {
    let story = stories::generated(50_000);
    let Some(mut browser) = open("long", &story) else { return };
    assert!(browser.text_of("#what").contains("The first of two entries."));
    browser.press("Home");
    assert_eq!(cursor(&mut browser), 0);
    assert_eq!(browser.evaluate("document.getElementById('e0') !== null"), true);
    browser.press("End");
    for _ in 0..7 {
        browser.press("-");
    }
    assert_eq!(browser.evaluate("view.zoom"), 0);
    browser.press("PageUp");
    assert_no_complaints(&browser);
}

#[test]
fn a_page_prints() {
    let Some(mut browser) = open("print", &stories::stale_read()) else { return };
    let printed = browser.request("Page.printToPDF", serde_json::json!({}));
    assert!(printed["data"].as_str().expect("a document").len() > 20_000);
    assert_eq!(browser.text_of("#print"), "", "nothing stays behind");
    assert_no_complaints(&browser);
}
