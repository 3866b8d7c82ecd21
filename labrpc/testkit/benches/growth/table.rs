//! The table: measures each piece of work, and fits how its cost grows.

use crate::work::{Cost, Work};

pub const HEADING: &str = "work                              size             off         on   on/off  notes";

/// A piece of work, measured.
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    /// Size, and seconds.
    pub on: Vec<(f64, f64)>,
    pub off: Vec<(f64, f64)>,
}

/// Small sizes are measured again and again until this much time is used up.
const SECONDS_MIN: f64 = 0.3;
const REPEATS_MAX: usize = 5;

/// The least of several measurements.
fn cost(work: &Work, size: usize, with_oracles: bool) -> Cost {
    let mut least = (work.run)(size, with_oracles);
    let mut total = least.seconds;
    for _ in 1..REPEATS_MAX {
        if total > SECONDS_MIN {
            break;
        }
        let next = (work.run)(size, with_oracles);
        total += next.seconds;
        if next.seconds < least.seconds {
            least = next;
        }
    }
    least
}

/// Measures all sizes, and prints a line for each.
pub fn measure(work: &Work, is_large: bool) -> Row {
    let mut row = Row { name: work.name, unit: work.unit, on: Vec::new(), off: Vec::new() };
    let large = is_large.then_some(work.large);
    for size in work.sizes.iter().copied().chain(large) {
        let on = cost(work, size, true);
        row.on.push((size as f64, on.seconds));
        let label = format!("{} {}", thousands(size), work.unit);
        if work.has_oracles {
            let off = cost(work, size, false);
            row.off.push((size as f64, off.seconds));
            let ratio = on.seconds / off.seconds;
            println!(
                "{:<32} {label:<14} {} {} {ratio:>7.1}  {}",
                work.name,
                time(off.seconds),
                time(on.seconds),
                on.note
            );
        } else {
            println!("{:<32} {label:<14} {:>10} {} {:>7}  {}", work.name, "", time(on.seconds), "", on.note);
        }
    }
    let growth =
        |points: &[(f64, f64)]| if points.is_empty() { String::new() } else { format!("n^{:.2}", exponent(points)) };
    println!("{:<32} {:<14} {:>10} {:>10}\n", "", "growth", growth(&row.off), growth(&row.on));
    row
}

/// The slope of the line that fits the logarithms best.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, seconds)| (size.ln(), seconds.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    covariance / logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}

/// Seconds in ten columns.
fn time(seconds: f64) -> String {
    match seconds {
        0.0..1.0 => format!("{:>7.1} ms", seconds * 1e3),
        _ => format!("{seconds:>8.2} s"),
    }
}

/// A number with its digits in groups of three.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}
