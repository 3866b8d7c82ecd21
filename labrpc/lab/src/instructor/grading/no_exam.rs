//! In the place of the exam, on systems without its sandbox.

use super::GradingRequest;
use super::result::{Conditions, LabGrade};
use super::submission::Submission;
use crate::course::Course;
use crate::course::track::Track;
use crate::error::CommandError;
use crate::instructor::handout::Handout;

/// Where a submission would be graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desk {
    /// Which of several this is.
    pub number: usize,
    /// The processors for it.
    pub processors: usize,
}

/// There is none.
pub enum Exam {}

/// Some seed, with which nothing is graded.
pub fn hidden_seed() -> u64 {
    1
}

impl Exam {
    /// Refuses.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn prepare(_: &Course, _: &Handout, _: &GradingRequest, _: Desk) -> Result<Exam, CommandError> {
        Err(refusal())
    }

    /// Refuses.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn build_judge(_: &Course, _: &Handout, _: &GradingRequest) -> Result<(), CommandError> {
        Err(refusal())
    }

    /// How submissions are graded.
    pub fn conditions(&self) -> Conditions {
        match *self {}
    }

    /// Whose design the submissions follow.
    pub fn track(&self) -> Track {
        match *self {}
    }

    /// Grades a submission.
    ///
    /// # Errors
    ///
    /// There is nobody to ask.
    pub fn grade(&self, _: &str, _: &Submission) -> Result<Vec<LabGrade>, CommandError> {
        match *self {}
    }
}

fn refusal() -> CommandError {
    CommandError::Misuse("submissions are graded on Linux: run this in a container or a virtual machine".to_string())
}
