//! Which known mistakes a lab fails like. This is for the instructor; the points do not depend on it.

use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::verdict::TestVerdict;
use crate::student::hint::known;
use crate::student::hint::matching::{first_and_ties, likely};
use crate::student::hint::pattern::RedTest;

/// The known mistakes that fail most like these tests, each in a sentence; none if nothing known is near.
///
/// # Errors
///
/// If the course's list of known mistakes is broken.
pub fn near(lab: &LabCrate, course: &Course, verdicts: &[&TestVerdict]) -> Result<Vec<String>, CommandError> {
    let known = known::read(course, lab)?;
    let red: Vec<RedTest> = verdicts.iter().filter_map(|verdict| RedTest::of(verdict, course)).collect();
    let has_run = |test: &str| verdicts.iter().any(|verdict| verdict.test.name == test && !verdict.is_not_run());
    let is_compared = |test: &str| has_run(test) && known.tests.iter().any(|known| known == test);
    let near = first_and_ties(&likely(&red, is_compared, &known.mistakes));
    Ok(near.iter().map(|near| format!("{} {}", near.mistake.id, near.mistake.what)).collect())
}
