//! The results for people.

mod advice;
mod groups;
mod table;

use crate::course::LabCrate;
use crate::grade::verdict::{LabResult, TestVerdict};
use crate::grade::{CourseResult, OpenLab};
use crate::output::paint::Paint;

/// The indentation of reports, below the line that names their test.
const INDENTATION: &str = "    ";

/// How many names of tests that wait for the same code are shown.
const WAITING_NAMES_MAX: usize = 5;

pub use advice::beginning as how_to_begin;
pub use groups::by_kind as in_order_to_look_at;

/// The scoreboard; below it the reports on tests that failed, and what to do next.
pub fn render(results: &CourseResult, paint: Paint) -> String {
    table::render(results, paint) + &findings(results, paint)
}

/// The reports on tests that failed, and what to do next.
pub fn findings(results: &CourseResult, paint: Paint) -> String {
    let mut text = String::new();
    // If a lab was not built, all its tests have the same problem.
    let labs = || results.labs.iter().filter(|lab| lab.is_built && lab.is_begun);
    let mut failed: Vec<&TestVerdict> = Vec::new();
    for lab in labs() {
        let of_lab = lab.verdicts.iter().filter(|verdict| !verdict.is_passed() && !verdict.is_not_run());
        failed.extend(groups::by_kind(&of_lab.collect::<Vec<&TestVerdict>>()));
    }
    let (waiting, broken): (Vec<&TestVerdict>, Vec<&TestVerdict>) =
        failed.into_iter().partition(|verdict| verdict.missing_code().is_some());
    text += &advice::first_look(&broken);
    text += &groups::reports(&broken, paint);
    labs().for_each(|lab| text += &not_run(lab, paint));
    if !waiting.is_empty() {
        text += "\nThese tests wait for code that you have yet to write:\n\n";
        text += &waiting_lines(&waiting);
        if let Some(place) = &results.work.to_write {
            text += &format!(
                "\n{}:\n\n{INDENTATION}{}\n{INDENTATION}check it: {}\n",
                place.advice(),
                place.message(),
                place.check()
            );
        }
    }
    for lab in &results.labs {
        if let Some(trouble) = &lab.trouble {
            text += &format!("\n{}  lab {}: {}\n", paint.bad("TROUBLE"), lab.lab.id, indented(trouble).trim_start());
        }
        for note in &lab.notes {
            text += &format!("\nnote: lab {}: {note}\n", lab.lab.id);
        }
    }
    text + &advice::next_step(results)
}

/// All that the scoreboard can say about how to begin a lab, whether others have begun or not.
pub fn all_advice(labs: &[&LabCrate], mut open: Vec<OpenLab>) -> Vec<String> {
    let mut advice = advice::all_beginnings(labs, &open);
    open.iter_mut().for_each(|lab| lab.is_begun = true);
    advice.extend(advice::all_beginnings(labs, &open));
    advice
}

/// A line `test<TAB>seed<TAB>hash` for each recorded run: tests in course order, seeds ascending.
pub fn hashes(results: &CourseResult) -> String {
    let runs = results.labs.iter().flat_map(|lab| &lab.verdicts).flat_map(|verdict| verdict.runs.values());
    runs.map(|run| format!("{}\t{}\t{}\n", run.test, run.seed, run.trace)).collect()
}

/// The tests of a lab that were not run, and why.
fn not_run(lab: &LabResult, paint: Paint) -> String {
    let tests: Vec<&TestVerdict> = lab.verdicts.iter().filter(|verdict| verdict.is_not_run()).collect();
    let Some(reason) = tests.first().and_then(|verdict| verdict.failure()) else { return String::new() };
    let (count, names) = (tests.len(), groups::names(&tests));
    let these = if count == 1 { "1 test".to_string() } else { format!("{count} tests") };
    format!("\n{}  {these} of lab {}: {reason}:\n\n{INDENTATION}{names}\n", paint.bad("FAILED"), lab.lab.title())
}

/// The tests that wait for missing code, grouped by that code.
fn waiting_lines(waiting: &[&TestVerdict]) -> String {
    let mut missing: Vec<Option<&str>> = Vec::new();
    for code in waiting.iter().map(|verdict| verdict.missing_code()) {
        if !missing.contains(&code) {
            missing.push(code);
        }
    }
    let mut text = String::new();
    for code in missing {
        let tests: Vec<&&TestVerdict> = waiting.iter().filter(|verdict| verdict.missing_code() == code).collect();
        for verdict in tests.iter().take(WAITING_NAMES_MAX) {
            text += &format!("{INDENTATION}{}\n", verdict.test.name);
        }
        if tests.len() > WAITING_NAMES_MAX {
            text += &format!("{INDENTATION}… and {} more\n", tests.len() - WAITING_NAMES_MAX);
        }
        text += &format!("{INDENTATION}{INDENTATION}{}\n", code.unwrap_or_default());
    }
    text
}

/// Indents every line of a text.
pub fn indented(text: &str) -> String {
    let lines = text.trim_end().lines();
    let lines: Vec<String> =
        lines.map(|line| if line.is_empty() { String::new() } else { format!("{INDENTATION}{line}") }).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;
    use crate::grade::verdict::TestOutcome;

    fn passed_lab() -> LabResult {
        let tests = [examples::test("basic_agree_2b", 100, 1)];
        examples::lab(1, &tests, vec![examples::run("basic_agree_2b", 1, None)], &[])
    }

    /// The columns line up, the totals are right, and each failed test has its reason and a replay
    /// line.
    #[test]
    fn the_board_is_complete() {
        let results = CourseResult {
            labs: vec![examples::lab_with_each_outcome(), passed_lab()],
            is_graded: true,
            ..CourseResult::default()
        };
        let expected = "
lab                       points  tests  seeds  virtual time  real time
2A     Who leads?          10/60    1/3      5       7.000 s    0.310 s  FAILED
2B     What was agreed?  100/100    1/1      1       1.000 s    0.310 s  ok
total                    110/160    2/4      6       8.000 s    0.620 s

Begin with many_elections_2a: of the 2 tests that failed, it says most about the mistake.

2A  many elections … FAILED   seed 2 of 3, virtual time 2.000 s

    Server 3 voted twice in term 9.

    replay   LAB_REPLAY=many_elections_2a:2 cargo test

FAILED  reelection_2a

    No verdict, 1 of 5 seeds recorded: the test process died with signal: 6
";
        assert_eq!(render(&results, Paint::NONE), expected);
    }

    /// A report that does not say how to replay the run gets a line that does.
    #[test]
    fn every_report_can_be_replayed() {
        let tests = [examples::test("initial_election_2a", 10, 3)];
        let records = vec![examples::run("initial_election_2a", 3, Some("Nobody leads.\n"))];
        let text = render(
            &CourseResult {
                labs: vec![examples::lab(0, &tests, records, &[])],
                is_graded: true,
                ..CourseResult::default()
            },
            Paint::NONE,
        );
        let expected = "\nNobody leads.\n\n    replay   cargo lab test --replay initial_election_2a:3\n";
        assert!(text.ends_with(expected), "{text}");
    }

    /// If a lab could not be built, this is said once, and not again for each test.
    #[test]
    fn a_lab_that_is_not_built_is_reported_once() {
        let tests = [examples::test("basic_agree_2b", 5, 1), examples::test("backup_2b", 5, 1)];
        let lab = examples::lab(1, &tests, Vec::new(), &[]);
        let lab = LabResult { is_built: false, trouble: Some("it could not be built".to_string()), ..lab };
        let text = render(&CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }, Paint::NONE);
        assert_eq!(text.matches("built").count(), 1, "{text}");
        assert!(!text.contains("No verdict"), "{text}");
    }

    /// A test that failed at a `todo!` is not reported as broken: the missing code is named, once
    /// for all tests that wait for it.
    #[test]
    fn missing_code_is_not_reported_as_broken() {
        let tests = ["one_2a", "two_2a", "three_2a"].map(|name| examples::test(name, 10, 1));
        let records = [("one_2a", "vote"), ("two_2a", "lead"), ("three_2a", "vote")].map(|(test, hint)| {
            let failure = format!("server 1 panicked:\nnot yet implemented: lab 2A: §5.2: {hint} (src/lib.rs)\nat x");
            examples::run(test, 1, Some(&failure))
        });
        let lab = examples::lab(0, &tests, records.to_vec(), &[]);
        let text = render(&CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }, Paint::NONE);
        let waiting = "
These tests wait for code that you have yet to write:

    one_2a
    three_2a
        lab 2A: §5.2: vote (src/lib.rs)
    two_2a
        lab 2A: §5.2: lead (src/lib.rs)
";
        assert!(text.ends_with(waiting), "{text}");
        assert!(!text.contains("replay"), "{text}");
    }

    /// If many tests wait for the same code, the first ones are named and the others counted.
    #[test]
    fn many_waiting_tests_are_counted() {
        let names: Vec<String> = (1..=7).map(|number| format!("t{number}_2a")).collect();
        let tests: Vec<_> = names.iter().map(|name| examples::test(name, 10, 1)).collect();
        let records = names.iter().map(|name| examples::run(name, 1, Some("not yet implemented: vote\n")));
        let lab = examples::lab(0, &tests, records.collect(), &[]);
        let text = render(&CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }, Paint::NONE);
        assert!(text.ends_with("    t4_2a\n    t5_2a\n    … and 2 more\n        vote\n"), "{text}");
    }

    /// Tests that were not run are counted and named in one line, with the reason.
    #[test]
    fn tests_that_were_not_run_are_named() {
        let mut lab = examples::lab_with_each_outcome();
        for verdict in &mut lab.verdicts[1..] {
            verdict.outcome = TestOutcome::NotRun("not run, because an earlier test hung".to_string());
        }
        let text = render(&CourseResult { labs: vec![lab], ..CourseResult::default() }, Paint::NONE);
        let line = "\nFAILED  2 tests of lab 2A: not run, because an earlier test hung:\n\n    many_elections_2a, reelection_2a\n";
        assert!(text.ends_with(line), "{text}");
    }

    /// A lab that is not begun has a row, and nothing else.
    #[test]
    fn a_lab_that_is_not_begun_has_a_row() {
        let begun = examples::lab_with_each_outcome();
        let lab = LabResult { is_begun: false, ..begun };
        let text = render(&CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }, Paint::NONE);
        assert!(text.contains("  not begun\n") && !text.contains("FAILED"), "{text}");
    }

    /// Problems outside of the tests, and notes for the lab's author, are at the end.
    #[test]
    fn trouble_and_notes_are_at_the_end() {
        let lab = LabResult { trouble: Some("a\nb".to_string()), notes: vec!["c".to_string()], ..passed_lab() };
        let text = render(&CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }, Paint::NONE);
        assert!(text.contains("1.000 s    0.310 s  FAILED\n"), "{text}");
        assert!(text.ends_with("\nTROUBLE  lab 2b: a\n    b\n\nnote: lab 2b: c\n"), "{text}");
    }

    /// A run with one seed shows no points.
    #[test]
    fn one_seed_is_not_graded() {
        let text = render(
            &CourseResult { labs: vec![passed_lab()], is_graded: false, ..CourseResult::default() },
            Paint::NONE,
        );
        assert!(text.contains("not graded") && !text.contains("100"), "{text}");
    }

    /// Hashes are in the order of the course, seed by seed.
    #[test]
    fn hashes_are_in_course_order() {
        let results = CourseResult {
            labs: vec![examples::lab_with_each_outcome(), passed_lab()],
            is_graded: true,
            ..CourseResult::default()
        };
        let expected = [
            ("initial_election_2a", 1),
            ("initial_election_2a", 2),
            ("many_elections_2a", 1),
            ("many_elections_2a", 2),
            ("reelection_2a", 1),
            ("basic_agree_2b", 1),
        ];
        let expected: String = expected.map(|(test, seed)| format!("{test}\t{seed}\t000000000000000{seed}\n")).concat();
        assert_eq!(hashes(&results), expected);
    }
}
