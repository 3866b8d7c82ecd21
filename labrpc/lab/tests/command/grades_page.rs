//! `cargo lab merge` from the command line, and the page about a cohort in a browser.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fake::FakeCourse;
use serde_json::{Value, json};

#[path = "../../../page/tests/chromium/mod.rs"]
#[allow(dead_code, reason = "the page of a story has more to press")]
mod chromium;

/// A text that would do something if the page took it for more than a text.
const HOSTILE: &str = "</pre><script>document.title = 'taken'</script><img src=http://localhost/x onerror=alert(1)>";

fn write(folder: &Path, name: &str, document: &Value) {
    fs::create_dir_all(folder.join("submissions")).unwrap();
    fs::write(folder.join(name), document.to_string()).unwrap();
}

fn result(name: &str, outcome: Value) -> Value {
    json!({ "version": 1, "name": name, "source": format!("in/{name}.zip"), "digest": null, "milliseconds": 9, "outcome": outcome })
}

/// A folder with results, as `cargo lab grade --out` writes it.
fn graded(course: &FakeCourse) -> PathBuf {
    let folder = course.beside("graded");
    let names = ["alice", "bob", "carol"];
    let conditions = json!({ "first_seed": 100, "seeds": 4, "track": "guided", "labs": ["2a", "2b"], "sandbox": "none", "grader": "0.1.0 abc" });
    let grading = json!({ "version": 1, "conditions": conditions, "shard": null, "submissions": names });
    write(&folder, "grading.json", &grading);
    let failure = json!({ "rule": "election-safety", "report": HOSTILE, "token": "lead_2a:102" });
    let tests = json!([
        { "test": "vote_2a", "points": 10, "score": 10, "seeds": 4, "passed_seeds": 4, "failed_seeds": [], "failure": null },
        { "test": "lead_2a", "points": 20, "score": 0, "seeds": 4, "passed_seeds": 2, "failed_seeds": [102], "failure": failure },
    ]);
    let lab = |id: &str, score: u64, ending: Value, tests: &Value| json!({ "lab": id, "points": 30, "score": score, "ending": ending, "notes": [HOSTILE], "tests": tests });
    let ran = lab("2a", 10, json!("ran"), &tests);
    let broken = lab("2b", 0, json!({ "compile-error": "error[E0308]: expected Vec<Option<u64>>" }), &json!([]));
    write(&folder, "submissions/alice.json", &result("alice", json!({ "graded": [ran, broken] })));
    write(&folder, "submissions/bob.json", &result("bob", json!({ "refused": HOSTILE })));
    write(
        &folder,
        "submissions/carol.json",
        &result("carol", json!({ "graded": [lab("2a", 30, json!("ran"), &json!([]))] })),
    );
    folder
}

/// One folder alone is merged into another with other formats, and misuse has a line.
#[test]
fn results_are_merged() {
    let course = FakeCourse::new();
    graded(&course);
    let ended = course.lab("merge ../graded --out ../whole --format junit --format csv");
    assert_eq!(ended.status, Some(1), "bob has no grade: {ended:?}");
    let table = "The first seed of each test was 100.\n\nalice: 10/60 points, one test fails with some seeds only\n  2A   10/30\n";
    assert!(ended.stdout.starts_with(table), "{}", ended.stdout);
    for file in ["grading.json", "junit.xml", "grades.csv", "submissions/alice.json"] {
        assert!(course.beside("whole").join(file).exists(), "{file}");
    }
    for (arguments, words) in [
        ("merge ../graded --out ../whole", "../whole has results already: name a new folder for the whole"),
        ("merge ../graded", "the folder for the whole is missing: run `cargo lab merge DIR… --out DIR`"),
        ("merge --out ../x", "the folders with the parts are missing: run `cargo lab merge DIR… --out DIR`"),
        ("merge ../nowhere --out ../x", "../nowhere has no results of `cargo lab grade --out`"),
        (
            "merge ../graded --out ../x --format pdf",
            "there is no format `pdf` (formats: table, json, csv, html, junit, gradescope, classroom50)",
        ),
    ] {
        let ended = course.lab(arguments);
        assert_eq!((ended.status, ended.stderr), (Some(2), format!("error: {words}\n")), "{arguments}");
    }
}

/// The page shows texts as texts, asks for nothing, fits a phone, and follows the reader's choice of light and dark.
#[test]
fn the_page_is_safe_and_fits() {
    let course = FakeCourse::new();
    graded(&course);
    course.lab("merge ../graded --out ../whole");
    let page = fs::canonicalize(course.beside("whole/grades.html")).unwrap();
    let Some(binary) = chromium::find() else {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium, and under CI the page must be tested");
        eprintln!("SKIPPED: there is no Chromium on this machine. Install it, or name it in $CHROMIUM.");
        return;
    };
    let mut browser = chromium::Chromium::start(&binary, "grades");
    browser.resize(1200, 800, false);
    browser.request("Page.navigate", json!({ "url": format!("file://{}", page.display()) }));
    let is_open = "new Promise(open => document.readyState === 'complete' ? open(true) : addEventListener('load', () => open(true)))";
    while browser.evaluate("document.title") != "Grades" || browser.evaluate(is_open) != true {}
    assert_eq!(browser.text_of("table.points tbody tr:first-child"), "alice\t10/30\t0/30\t10/60\t102 ×1\t1/2");
    assert_eq!(browser.text_of("table.points tbody tr:nth-child(3)"), "carol\t30/30\t\t30/30\t\t");
    browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)");
    assert_eq!(browser.text_of("#submission-alice details pre"), HOSTILE);
    assert_eq!(browser.text_of("#submission-alice .note"), HOSTILE);
    assert!(browser.text_of("#submission-bob .reason").ends_with(HOSTILE));
    assert!(browser.text_of("#submission-alice details").ends_with("Replay: cargo lab replay lead_2a:102"));
    let rules = browser.text_of("section:nth-of-type(2) tbody");
    assert_eq!(rules, "election-safety\t1\t1\talice");
    assert_eq!(browser.evaluate("document.querySelectorAll('script, img, link').length"), 0);
    assert_eq!(browser.evaluate("performance.getEntriesByType('resource').length"), 0);
    assert_eq!(browser.evaluate("document.title"), "Grades");

    let ground = "getComputedStyle(document.body).backgroundColor";
    let grounds = ["light", "dark"].map(|scheme| {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.request("Emulation.setEmulatedMedia", json!({ "features": feature }));
        browser.text(ground)
    });
    assert_ne!(grounds[0], grounds[1]);
    browser.resize(360, 740, true);
    assert_eq!(
        browser.evaluate("document.documentElement.scrollWidth <= innerWidth"),
        true,
        "nothing sticks out on a phone"
    );
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
