//! The table of what came of the attacks.

use crate::attack::Attack;
use crate::grader::Graded;

/// A line for each attack: its points, its ending, its time, and what went wrong.
pub fn show(rows: &[(&Attack, &Graded, Vec<String>)]) -> String {
    let width = rows.iter().map(|(attack, ..)| attack.name.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}  lab  points  seconds  ending         \n", "attack");
    for (attack, graded, problems) in rows {
        let (points, seconds) = (graded.score, graded.took.as_secs_f64());
        let result = if problems.is_empty() { "" } else { "  FAILED" };
        text += &format!(
            "{:width$}  {:3}  {points:6}  {seconds:7.1}  {}{result}\n",
            attack.name, attack.lab, graded.ending
        );
        if !problems.is_empty() {
            text += &format!("    {}\n", attack.tries);
        }
    }
    let failed = rows.iter().filter(|(.., problems)| !problems.is_empty()).count();
    let all: f64 = rows.iter().map(|(_, graded, _)| graded.took.as_secs_f64()).sum();
    text + &format!("{} attacks, {failed} of them succeed; {all:.0} s\n", rows.len())
}
