//! The rules' hints send students to places that exist.

use std::fs;
use std::path::Path;

/// Each file that a hint names exists, and each name in backticks occurs in one of these files.
#[test]
fn hints_name_files_and_functions_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for rule in testkit::rule::all() {
        let words = rule.hint.split(|c: char| c.is_whitespace() || "(),;:?`".contains(c));
        let files: Vec<&str> = words.filter(|word| word.ends_with(".rs")).collect();
        let read = |file: &&str| {
            fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{}: {file}: {error}", rule.name))
        };
        let texts: Vec<String> = files.iter().map(read).collect();
        // Every second part is in backticks.
        for name in rule.hint.split('`').skip(1).step_by(2) {
            assert!(texts.iter().any(|text| text.contains(name)), "{}: no `{name}` in {files:?}", rule.name);
        }
    }
}
