//! The list of rules, for programs that do not depend on the test kit: `cargo lab hint` tells students what a rule says.

use std::fs;
use std::path::Path;

use testkit::rule;

/// If this variable is set, the list is written anew.
const WRITE: &str = "TESTKIT_WRITE_RULES";

const HEAD: &str = "\
# The rules of testkit/src/rule, one a line: name, source, text, what to look for. A test of the test kit keeps the list
# up to date: TESTKIT_WRITE_RULES=1 cargo test -p testkit --test rule_list
";

/// The list has every rule as it is defined.
#[test]
fn the_list_has_every_rule() {
    let fields = |rule: &rule::Rule| [rule.name, rule.source, rule.text, rule.hint.look_for].join("\t");
    let lines: String = rule::all().map(|rule| format!("{}\n", fields(rule))).collect();
    let list = format!("{HEAD}{lines}");
    assert!(rule::all().all(|rule| !fields(rule).contains('\n') && fields(rule).matches('\t').count() == 3));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules.tsv");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &list).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == list, "rules.tsv is out of date: {WRITE}=1 cargo test -p testkit --test rule_list");
}
