//! How the command writes a time.

use std::time::Duration;

/// A time in seconds, with milliseconds.
pub fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
