//! How long a story of 50,000 events takes: to its page, to its first picture, and for one step.
//!
//! `cargo bench -p page` prints the times.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/chromium/mod.rs"]
mod chromium;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/stories/mod.rs"]
mod stories;

use std::path::Path;

use chromium::Chromium;

const EVENTS: usize = 50_000;
const STEPS: usize = 100;

fn main() {
    let Some(binary) = chromium::find() else {
        println!("no Chromium: nothing is measured");
        return;
    };
    let html = page::page(&stories::generated(EVENTS));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed.html");
    std::fs::write(&file, &html).expect("the build's folder is writable");
    let mut browser = Chromium::start(&binary, "speed");
    browser.resize(1400, 900, false);
    browser.open(&file);
    println!("{EVENTS} events, {} kilobytes", html.len() / 1000);
    let first = browser.evaluate("performance.getEntriesByName('first-picture')[0].startTime");
    println!("first picture after {first} ms");
    for (what, key) in [("step down", "j"), ("step up", "k"), ("step of the clash", "c"), ("page down", "PageDown")] {
        browser.evaluate(&format!("goTo({})", EVENTS / 2));
        println!("{what}: {}", step_times(&mut browser, key));
    }
}

/// How long steps take, each with its style and layout.
fn step_times(browser: &mut Chromium, key: &str) -> String {
    browser.text(&format!(
        "(async () => {{ const times = []; for (let i = 0; i < {STEPS}; i++) {{ \
         await new Promise(requestAnimationFrame); const from = performance.now(); \
         document.getElementById('stage').dispatchEvent(new KeyboardEvent('keydown', {{ key: {key:?}, bubbles: true }})); \
         document.body.offsetHeight; times.push(performance.now() - from); }} \
         times.sort((a, b) => a - b); const at = share => times[Math.floor(times.length * share)].toFixed(1); \
         return `fastest ${{at(0)}} ms, median ${{at(.5)}} ms, 95th percentile ${{at(.95)}} ms`; }})()"
    ))
}
