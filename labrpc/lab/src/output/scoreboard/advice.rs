//! What to do next: the test to look at first, or the next lab.

use crate::course::{LABS, LabCrate};
use crate::grade::verdict::{LabResult, TestVerdict};
use crate::grade::{CourseResult, OpenLab};
use crate::request::WorldChoice;
use crate::student::work::NextBy;

/// Names the test to look at, if several failed.
pub fn first_look(failed: &[&TestVerdict]) -> String {
    match failed {
        [first, _, ..] if first.failed_run().is_some() => format!(
            "\nBegin with {}: of the {} tests that failed, it says most about the mistake.\n",
            first.test.name,
            failed.len()
        ),
        _ => String::new(),
    }
}

/// What comes after a lab whose tests all pass. Nothing if some test failed, or if only single tests ran.
pub fn next_step(results: &CourseResult) -> String {
    let Some(last) = last_green(results) else { return String::new() };
    let (id, title) = (last.lab.id, last.lab.title());
    if results.world == WorldChoice::Real || !results.is_graded {
        return String::new();
    }
    if !last.is_whole {
        return format!("\nNext: all tests of lab {title}: cargo lab test {id}\n");
    }
    let work = &results.work;
    let more = match work.has_many_seeds {
        true => String::new(),
        false => format!(" More seeds find rare mistakes: cargo lab test {id} --seeds 1000"),
    };
    let clean_up: String = work.allow_unused.iter().filter(|lab| lab.id <= id).map(|lab| clean_up(lab)).collect();
    let is_there = |lab: &&LabCrate| results.last.is_none_or(|end| lab.id <= end.id);
    let later: Vec<&LabCrate> = LABS.iter().filter(|lab| lab.id > id).filter(is_there).collect();
    let before = |next: &LabCrate| LABS.iter().take_while(|lab| *lab != next).last().unwrap_or(last.lab);
    match later.iter().find(|lab| !work.done.contains(lab)) {
        Some(next) => format!(
            "\nLab {title} is done.{more}\n{clean_up}Next: lab {}, {} {}\n",
            next.title(),
            next.question,
            beginning(&results.open, before(next), next, work.next_by)
        ),
        None if later.is_empty() => format!("\nLab {title}, the last one, is done.{more}\n{clean_up}"),
        None => format!("\nLab {title} is done, and so are the labs after it.{more}\n{clean_up}"),
    }
}

/// What is left to do in a lab without a `todo!`.
fn clean_up(lab: &LabCrate) -> String {
    format!(
        "Delete the line `#![allow(unused …)]` in {}/src/lib.rs: then the compiler warns of unused code again.\n",
        lab.package
    )
}

/// How to begin each of these labs but the first.
pub fn all_beginnings(labs: &[&LabCrate], open: &[OpenLab]) -> Vec<String> {
    labs.windows(2).map(|labs| beginning(open, labs[0], labs[1], NextBy::Test)).collect()
}

/// How to begin the lab `next`, after `last`. Only the guided track has a page for each lab.
pub fn beginning(open: &[OpenLab], last: &LabCrate, next: &LabCrate, by: NextBy) -> String {
    let open = |lab: &LabCrate| open.iter().find(|open| open.lab == lab);
    let LabCrate { id, package, .. } = next;
    let test = match by {
        NextBy::Test => format!("then: cargo lab test {id}"),
        NextBy::Save => "then save a file of that lab, and it is tested".to_string(),
        NextBy::Watch => format!("then press q, and: cargo lab watch {id}"),
    };
    match (open(last), open(next)) {
        (_, None) => format!("Read docs/lab{id}.md, {test}"),
        (Some(_), Some(OpenLab { is_begun: false, .. })) => {
            format!("Run cargo lab carry {} {id}, then read {package}/src/lib.rs", last.id)
        }
        _ => format!("Read {package}/src/lib.rs, {test}"),
    }
}

/// The last of the labs that have passed, if nothing else is left than labs of which nothing is written.
fn last_green(results: &CourseResult) -> Option<&LabResult> {
    let is_unwritten = |lab: &LabResult| {
        !lab.is_begun || lab.trouble.is_none() && lab.verdicts.iter().all(|verdict| verdict.missing_code().is_some())
    };
    let green = results.labs.iter().take_while(|lab| lab.is_passed());
    let (count, last) = green.fold((0, None), |(count, _), lab| (count + 1, Some(lab)));
    last.filter(|_| results.labs.iter().skip(count).all(is_unwritten))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;
    use crate::student::work::Work;

    fn green(lab: usize, is_whole: bool) -> CourseResult {
        let tests = [examples::test("a_2a", 1, 1)];
        let lab = examples::lab(lab, &tests, vec![examples::run("a_2a", 1, None)], &[]);
        CourseResult { labs: vec![LabResult { is_whole, ..lab }], is_graded: true, ..CourseResult::default() }
    }

    /// A green board names the next lab, its page and its command; the last lab has none after it.
    #[test]
    fn a_green_lab_leads_to_the_next() {
        let expected = "
Lab 2A is done. More seeds find rare mistakes: cargo lab test 2a --seeds 1000
Next: lab 2B, What was agreed? Read docs/lab2b.md, then: cargo lab test 2b
";
        assert_eq!(next_step(&green(0, true)), expected);
        let expected =
            "\nLab 3B, the last one, is done. More seeds find rare mistakes: cargo lab test 3b --seeds 1000\n";
        assert_eq!(next_step(&green(5, true)), expected);
        assert_eq!(next_step(&green(1, false)), "\nNext: all tests of lab 2B: cargo lab test 2b\n");
    }

    /// Labs that are done are passed over, and an advice is not repeated that was followed.
    #[test]
    fn what_is_done_is_not_advised() {
        let work = |done: &[usize], has_many_seeds| Work {
            done: done.iter().map(|lab| &LABS[*lab]).collect(),
            has_many_seeds,
            ..Work::default()
        };
        let advice = |work| next_step(&CourseResult { work, ..green(0, true) });
        let expected =
            "\nLab 2A is done.\nNext: lab 2C, What survives a crash? Read docs/lab2c.md, then: cargo lab test 2c\n";
        assert_eq!(advice(work(&[0, 1], true)), expected);
        let all = advice(work(&[0, 1, 2, 3, 4, 5], false));
        assert!(all.starts_with("\nLab 2A is done, and so are the labs after it. More seeds"), "{all}");
        let watched = |next_by| advice(Work { next_by, ..Work::default() });
        assert!(watched(NextBy::Save).ends_with("docs/lab2b.md, then save a file of that lab, and it is tested\n"));
        assert!(watched(NextBy::Watch).ends_with("docs/lab2b.md, then press q, and: cargo lab watch 2b\n"));
        let line = "--seeds 1000\nDelete the line `#![allow(unused …)]` in lab2a-election/src/lib.rs: ";
        assert!(advice(Work { allow_unused: vec![&LABS[0], &LABS[1]], ..Work::default() }).contains(line));
    }

    /// The open track has no pages for its labs: the next one begins with the code for the last one, unless it has begun.
    #[test]
    fn an_open_lab_leads_to_its_code() {
        let advice = |open: &[(usize, bool)]| {
            let open = open.iter().map(|(lab, is_begun)| OpenLab { lab: &LABS[*lab], is_begun: *is_begun }).collect();
            let advice = next_step(&CourseResult { open, ..green(0, true) });
            advice.lines().last().unwrap_or_default().to_string()
        };
        let lab = "Next: lab 2B, What was agreed?";
        let begin = "cargo lab carry 2a 2b, then read lab2b-log/src/lib.rs";
        assert_eq!(advice(&[(0, true), (1, false)]), format!("{lab} Run {begin}"));
        let read = format!("{lab} Read lab2b-log/src/lib.rs, then: cargo lab test 2b");
        assert_eq!(advice(&[(0, true), (1, true)]), read);
        assert_eq!(advice(&[(1, false)]), read, "lab 2A was handed out with its solution");
    }

    /// A lab of which nothing is written yet does not spoil the board of the one before.
    #[test]
    fn an_unwritten_lab_is_the_next() {
        let mut results = green(0, true);
        let tests = [examples::test("a_2b", 1, 1)];
        let run = examples::run("a_2b", 1, Some("not yet implemented: lab 2B: log"));
        results.labs.push(examples::lab(1, &tests, vec![run], &[]));
        assert!(next_step(&results).starts_with("\nLab 2A is done."), "{}", next_step(&results));
        results.labs[1].trouble = Some("it could not be built".to_string());
        assert_eq!(next_step(&results), "");
    }

    /// A board with a failure says nothing about a next lab, and neither does a run that earns no points.
    #[test]
    fn only_a_green_board_leads_on() {
        let red = CourseResult { labs: vec![examples::lab_with_each_outcome()], is_graded: true, ..green(0, true) };
        assert_eq!(next_step(&red), "");
        assert_eq!(next_step(&CourseResult { is_graded: false, ..green(0, true) }), "");
    }

    /// The test to begin with is named if there are several.
    #[test]
    fn the_first_test_to_look_at_is_named() {
        let lab = examples::lab_with_each_outcome();
        let failed: Vec<&TestVerdict> = lab.verdicts.iter().filter(|verdict| !verdict.is_passed()).collect();
        let expected = "\nBegin with many_elections_2a: of the 2 tests that failed, it says most about the mistake.\n";
        assert_eq!((first_look(&failed).as_str(), first_look(&failed[..1]).as_str()), (expected, ""));
    }
}
