//! Failures by their cause: one report for each rule or place, and the names of the other tests.

use std::cmp::Reverse;

use super::{INDENTATION, indented};
use crate::grade::verdict::TestVerdict;
use crate::output::paint::Paint;

/// How many lines of reports are shown in full. Longer output scrolls the first report away, and later
/// failures mostly have the same cause.
const LINES_MAX: usize = 26;

/// How many lines name the failures whose report is not shown.
const OTHERS_MAX: usize = 6;

/// How many of the last lines of a long report are shown: the rule, where to look, and how to replay it.
const LAST_LINES: usize = 8;

/// How wide a line with the names of tests is.
const NAMES_CHARACTERS_MAX: usize = 100;

/// Failures with the same cause. The first test says most about it.
struct Group<'a> {
    tests: Vec<&'a TestVerdict>,
}

/// Causes that say less than others: the mistake is somewhere in what happened before.
const VAGUE_CAUSES: [&str; 3] = ["rule", "assertion", "harness"];

/// While a student's codec loses something of a message, every other finding may be wrong.
const BEFORE_ALL_OTHERS: &str = "codec-fits";

/// Tests of a lab in the order in which to look at them: by kind, beginning with the rules, but a codec that does not fit
/// before all others; of a kind, those first in which code panicked or stopped, and then those with the cause that most tests have.
pub fn by_kind<'a>(tests: &[&'a TestVerdict]) -> Vec<&'a TestVerdict> {
    let in_list_order = tests;
    let mut tests = tests.to_vec();
    let likewise = |verdict: &TestVerdict| {
        let is_alike = |other: &&&TestVerdict| other.kind == verdict.kind && other.group() == verdict.group();
        in_list_order.iter().filter(is_alike).count()
    };
    let is_vague = |verdict: &TestVerdict| {
        let cause = verdict.failed_run().and_then(|run| run.cause.as_deref());
        cause.is_none_or(|cause| VAGUE_CAUSES.contains(&cause))
    };
    // A test without a kind was not found, which is a mistake in the list of tests.
    tests.sort_by_key(|verdict| {
        let is_other = verdict.rule() != Some(BEFORE_ALL_OTHERS);
        (is_other, verdict.kind.is_none(), verdict.kind, is_vague(verdict), Reverse(likewise(verdict)))
    });
    tests
}

/// The reports on failed tests, which are in the order in which to look at them.
pub fn reports(failed: &[&TestVerdict], paint: Paint) -> String {
    let mut text = String::new();
    let mut left = LINES_MAX;
    let mut others: Vec<Group<'_>> = Vec::new();
    for group in groups(failed) {
        let report = group.report(left, paint);
        let length = report.lines().count();
        // The first report is always shown, however long it is.
        if text.is_empty() || (others.is_empty() && length <= left) {
            left = left.saturating_sub(length);
            text += &report;
        } else {
            others.push(group);
        }
    }
    if !others.is_empty() {
        text += &format!("\n{}  also:\n\n", paint.bad("FAILED"));
        others.iter().take(OTHERS_MAX).for_each(|group| text += &format!("{INDENTATION}{}\n", group.line()));
        let rest: usize = others.iter().skip(OTHERS_MAX).map(|group| group.tests.len()).sum();
        text += &if rest > 0 { format!("{INDENTATION}… and {rest} more\n") } else { String::new() };
    }
    text
}

/// One line with as many of the names as fit, and the number of the others.
pub fn names(tests: &[&TestVerdict]) -> String {
    let mut line = String::new();
    for (index, verdict) in tests.iter().enumerate() {
        let name = &verdict.test.name;
        if index > 0 && line.chars().count() + name.chars().count() > NAMES_CHARACTERS_MAX {
            return format!("{line} and {} more", tests.len() - index);
        }
        line += &if index == 0 { name.clone() } else { format!(", {name}") };
    }
    line
}

/// The failures by their cause, in the order of the first test of each.
fn groups<'a>(failed: &[&'a TestVerdict]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for &verdict in failed {
        match groups.iter_mut().find(|group| group.tests[0].group() == verdict.group()) {
            Some(group) => group.tests.push(verdict),
            None => groups.push(Group { tests: vec![verdict] }),
        }
    }
    groups
}

impl Group<'_> {
    /// The report on the first test, in about `lines_max` lines, and the names of the others.
    fn report(&self, lines_max: usize, paint: Paint) -> String {
        let text = shortened(&report(self.tests[0], paint), lines_max);
        match &self.tests[1..] {
            [] => text,
            more => format!("{text}{INDENTATION}{}\n{INDENTATION}{}\n", self.how_many_more(), names(more)),
        }
    }

    fn how_many_more(&self) -> String {
        let count = self.tests.len() - 1;
        let tests = if count == 1 { "1 more test fails".to_string() } else { format!("{count} more tests fail") };
        let cause = self.tests[0].failed_run().and_then(|run| run.group.as_deref());
        cause.map_or(format!("{tests} likewise:"), |cause| format!("{tests} likewise ({cause}):"))
    }

    /// The cause in one line: the first test, the number of others, and a command that shows more.
    fn line(&self) -> String {
        let (verdict, more) = (self.tests[0], self.tests.len() - 1);
        let name = &verdict.test.name;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let cause = match verdict.failed_run().and_then(|run| run.group.as_deref()) {
            Some(cause) => format!("  {cause}"),
            None => String::new(),
        };
        let chosen = verdict.failed_run().map_or(name.clone(), |run| format!("--replay {}", run.token));
        format!("{name}{more}{cause}   cargo lab test {chosen}")
    }
}

/// The test's own report, or a short one if the test reported nothing.
pub fn report(verdict: &TestVerdict, paint: Paint) -> String {
    let failure = verdict.failure().unwrap_or_default().trim_end();
    let Some(run) = verdict.failed_run() else {
        return format!("\n{}  {}\n\n{}\n", paint.bad("FAILED"), verdict.test.name, indented(failure));
    };
    let report = format!("\n{}\n", failure.trim_start_matches('\n'));
    // The test kit's own line on replaying is better: it knows whether the run can be replayed.
    if failure.contains("replay") {
        return report;
    }
    format!("{report}\n{INDENTATION}replay   cargo lab test --replay {}\n", run.token)
}

/// A text without its middle, if it has more lines than that.
fn shortened(text: &str, lines_max: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let lines_max = lines_max.max(2 * LAST_LINES);
    if lines.len() <= lines_max {
        return text.to_string();
    }
    let (first, last) = (&lines[..lines_max - LAST_LINES - 1], &lines[lines.len() - LAST_LINES..]);
    let hidden = lines.len() - first.len() - last.len();
    format!("{}\n{INDENTATION}… {hidden} lines, which a replay shows …\n{}\n", first.join("\n"), last.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;
    use crate::grade::record::RunRecord;
    use crate::grade::verdict::LabResult;

    /// A lab whose tests each failed with this report and this cause.
    fn lab(failures: &[(&str, &str, Option<&str>)]) -> LabResult {
        let tests: Vec<_> = failures.iter().map(|(name, ..)| examples::test(name, 10, 1)).collect();
        let records = failures.iter().map(|(name, failure, group)| RunRecord {
            group: group.map(str::to_string),
            ..examples::run(name, 1, Some(failure))
        });
        examples::lab(0, &tests, records.collect(), &[])
    }

    fn shown(lab: &LabResult) -> String {
        reports(&lab.verdicts.iter().collect::<Vec<&TestVerdict>>(), Paint::NONE)
    }

    /// Failures of one rule or place are one report, and the names of the other tests follow.
    #[test]
    fn one_cause_is_one_report() {
        let lab = lab(&[
            ("a_2a", "It voted twice.", Some("vote-once")),
            ("b_2a", "It panicked.", Some("lab2a-election/src/raft.rs:9")),
            ("c_2a", "It voted twice again.", Some("vote-once")),
            ("d_2a", "Nobody leads.", None),
            ("e_2a", "Nobody leads.", None),
        ]);
        let expected = "
It voted twice.

    replay   cargo lab test --replay a_2a:1
    1 more test fails likewise (vote-once):
    c_2a

It panicked.

    replay   cargo lab test --replay b_2a:1

Nobody leads.

    replay   cargo lab test --replay d_2a:1

Nobody leads.

    replay   cargo lab test --replay e_2a:1
";
        assert_eq!(shown(&lab), expected);
    }

    /// A long report loses its middle, and the causes that do not fit take a line each.
    #[test]
    fn the_reports_have_a_bound() {
        let long = "line\n".repeat(200) + "the end";
        let names: Vec<String> = (1..=30).map(|number| format!("t{number}_2a")).collect();
        let failures: Vec<_> = names.iter().map(|name| (name.as_str(), long.as_str(), None)).collect();
        let text = shown(&lab(&failures));
        assert!(text.lines().count() <= LINES_MAX + OTHERS_MAX + 5, "{text}");
        assert!(text.contains("\n    … 179 lines, which a replay shows …\n"), "{text}");
        assert!(text.contains("the end\n\n    replay   cargo lab test --replay t1_2a:1\n"), "{text}");
        let rest = "    t7_2a   cargo lab test --replay t7_2a:1\n    … and 23 more\n";
        assert!(text.ends_with(rest), "{text}");
    }

    /// The names of many tests take one line.
    #[test]
    fn many_names_take_one_line() {
        let names: Vec<String> = (1..=30).map(|number| format!("a_long_name_{number}_2a")).collect();
        let failures: Vec<_> = names.iter().map(|name| (name.as_str(), "no", Some("here"))).collect();
        let lab = lab(&failures);
        let line = super::names(&lab.verdicts.iter().collect::<Vec<&TestVerdict>>());
        assert!(line.starts_with("a_long_name_1_2a, a_long_name_2_2a, "), "{line}");
        assert!(line.ends_with("_2a and 25 more") && line.len() <= NAMES_CHARACTERS_MAX + 12, "{line}");
    }

    /// Of a kind, the cause of most failures comes first, but for code that panicked.
    #[test]
    fn the_most_frequent_cause_comes_first() {
        let mut lab = lab(&[("a_2a", "no", Some("x")), ("b_2a", "no", Some("y")), ("c_2a", "no", Some("y"))]);
        let order = |lab: &LabResult| -> Vec<String> {
            let tests: Vec<&TestVerdict> = lab.verdicts.iter().collect();
            by_kind(&tests).iter().map(|verdict| verdict.test.name.clone()).collect()
        };
        lab.verdicts.iter_mut().for_each(|verdict| verdict.kind = None);
        assert_eq!(order(&lab), ["b_2a", "c_2a", "a_2a"]);
        lab.verdicts[0].runs.get_mut(&1).unwrap().cause = Some("panic".to_string());
        assert_eq!(order(&lab), ["a_2a", "b_2a", "c_2a"]);
    }

    /// A codec that does not fit comes before all others, whatever kind of test has found it.
    #[test]
    fn a_codec_that_does_not_fit_comes_first() {
        let mut lab = lab(&[("a_2a", "no", Some("x")), ("b_2a", "no", Some("x")), ("c_2a", "no", Some("codec-fits"))]);
        lab.verdicts[2].runs.get_mut(&1).unwrap().rule = Some("codec-fits".to_string());
        let tests: Vec<&TestVerdict> = lab.verdicts.iter().collect();
        assert_eq!(by_kind(&tests)[0].test.name, "c_2a");
    }

    /// Rules come first, and tests that were not found last.
    #[test]
    fn rules_come_first() {
        let mut lab = lab(&[("a_2a", "no", None), ("b_2a", "no", None), ("c_2a", "no", None)]);
        lab.verdicts.reverse();
        let tests: Vec<&TestVerdict> = lab.verdicts.iter().collect();
        let names: Vec<&str> = by_kind(&tests).iter().map(|verdict| verdict.test.name.as_str()).collect();
        assert_eq!(names, ["a_2a", "b_2a", "c_2a"], "one rule, one cluster test, and one of no kind");
    }
}
