//! The date of a submission.

use std::env;

use crate::error::CommandError;
use crate::student::results::seconds_now;

/// Sets the date, in seconds since 1970: <https://reproducible-builds.org/specs/source-date-epoch/>.
const DATE_VARIABLE: &str = "SOURCE_DATE_EPOCH";

const DAY_SECONDS: u64 = 86_400;

/// The date in seconds since 1970: now, unless the environment sets it.
///
/// # Errors
///
/// If the environment sets it to something else.
pub fn now() -> Result<u64, CommandError> {
    match env::var_os(DATE_VARIABLE) {
        None => Ok(seconds_now()),
        Some(value) => value.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
            let value = value.display();
            CommandError::Misuse(format!(
                "{DATE_VARIABLE}={value} is no date: use whole seconds since 1970, or unset it"
            ))
        }),
    }
}

/// The date in UTC, as RFC 3339 writes it: `2026-01-31T09:05:00Z`.
pub fn in_words(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY_SECONDS);
    let (hour, minute, second) = (seconds % DAY_SECONDS / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is the last of its year; an era has 400 years.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leap days, ends of years and of centuries are right.
    #[test]
    fn dates_are_right() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_769_850_300, "2026-01-31T09:05:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(in_words(seconds), date);
        }
    }
}
