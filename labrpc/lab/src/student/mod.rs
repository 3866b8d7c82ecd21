//! What a student does with the command besides running tests.

pub mod carry;
pub mod completions;
pub mod doctor;
pub mod estimate;
pub mod hint;
pub mod next;
pub mod results;
pub mod status;
pub mod story;
pub mod submit;
pub mod watch;
pub mod work;
