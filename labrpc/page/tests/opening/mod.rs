//! Opening a story in the browser, and what must hold of every page.

use std::path::Path;

use story::Story;

use crate::chromium::{self, Chromium};

/// Opens a story on a desktop screen. `None` without a browser.
pub fn open(name: &str, story: &Story) -> Option<Chromium> {
    open_at(name, story, 1400, 900)
}

/// Opens a story on a screen of this size; a narrow one is a phone.
pub fn open_at(name: &str, story: &Story, width: u32, height: u32) -> Option<Chromium> {
    let Some(binary) = chromium::find() else {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium, and under CI the page must be tested");
        eprintln!("SKIPPED: there is no Chromium on this machine. Install it, or name it in $CHROMIUM.");
        return None;
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.html"));
    std::fs::write(&file, page::page(story)).expect("the build's folder is writable");
    let mut browser = Chromium::start(&binary, name);
    browser.resize(width, height, width < 500);
    browser.open(&file);
    Some(browser)
}

/// The event at the cursor.
pub fn cursor(browser: &mut Chromium) -> u64 {
    browser.evaluate("view.cursor").as_u64().expect("the cursor is an event")
}

/// No script has failed, and nothing was written to the console.
pub fn assert_no_complaints(browser: &Chromium) {
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

/// Asks for nothing but itself, and nothing in it is outside of the page.
pub fn assert_alone(browser: &mut Chromium) {
    assert_eq!(browser.evaluate("performance.getEntriesByType('resource').length"), 0);
    assert_no_complaints(browser);
}
