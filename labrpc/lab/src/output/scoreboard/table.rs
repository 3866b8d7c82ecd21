//! The table of the scoreboard: points, seeds and times of each lab.

use crate::grade::CourseResult;
use crate::grade::verdict::LabResult;
use crate::output::duration::seconds;
use crate::output::paint::Paint;
use crate::request::WorldChoice;

/// The column with the virtual time.
const VIRTUAL_TIME: usize = 5;

/// The table, with a row for each lab.
pub fn render(results: &CourseResult, paint: Paint) -> String {
    let mut rows = vec![["lab", "", "points", "tests", "seeds", "virtual time", "real time"].map(str::to_string)];
    // On real threads there is no virtual time.
    let is_shown = |column: &usize| *column != VIRTUAL_TIME || results.world == WorldChoice::Simulated;
    rows.extend(results.labs.iter().map(|lab| row(lab, results.is_graded)));
    rows.push(total_row(results));
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::from("\n");
    for (number, row) in rows.iter().enumerate() {
        let mut line = format!("{:<lab$}  {:<question$}", row[0], row[1], lab = widths[0], question = widths[1]);
        for column in (2..row.len()).filter(is_shown) {
            line += &format!("  {:>width$}", row[column], width = widths[column]);
        }
        // The first row has the headings, the last the totals, and the rows between them the labs.
        let mark = match number.checked_sub(1).map(|lab| results.labs.get(lab)) {
            Some(Some(lab)) if !lab.is_begun => "  not begun".to_string(),
            Some(Some(lab)) if lab.is_passed() => format!("  {}", paint.good("ok")),
            Some(Some(_)) => format!("  {}", paint.bad("FAILED")),
            _ => String::new(),
        };
        text += &format!("{line}{mark}\n");
    }
    text
}

fn row(lab: &LabResult, is_graded: bool) -> [String; 7] {
    [
        lab.lab.title(),
        lab.lab.question.to_string(),
        score(lab.score(), lab.points(), is_graded),
        format!("{}/{}", lab.tests_passed(), lab.verdicts.len()),
        lab.seeds().to_string(),
        seconds(lab.virtual_time()),
        seconds(lab.real_time),
    ]
}

fn total_row(results: &CourseResult) -> [String; 7] {
    let labs = &results.labs;
    let passed: usize = labs.iter().map(LabResult::tests_passed).sum();
    let tests: usize = labs.iter().map(|lab| lab.verdicts.len()).sum();
    [
        "total".to_string(),
        String::new(),
        score(results.score(), results.points(), results.is_graded),
        format!("{passed}/{tests}"),
        labs.iter().map(LabResult::seeds).sum::<usize>().to_string(),
        seconds(labs.iter().map(LabResult::virtual_time).sum()),
        seconds(labs.iter().map(|lab| lab.real_time).sum()),
    ]
}

fn score(score: u64, points: u64, is_graded: bool) -> String {
    if is_graded { format!("{score}/{points}") } else { "not graded".to_string() }
}
