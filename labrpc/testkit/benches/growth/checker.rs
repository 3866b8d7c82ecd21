//! The check of clients' histories, which is the same with oracles and without.

use std::sync::atomic::{AtomicU64, Ordering};

use kvkit::linear::generate::{Values, Workload};
use kvkit::linear::{Budget, check};
use testkit::measure;

use crate::work::Cost;

const SEEDS: u64 = 3;

fn busy_key(operations: usize, values: Values) -> Workload {
    Workload { clients: 15, operations, values, ..Workload::default() }
}

fn check_all(workload: &Workload) -> Cost {
    let undecided = AtomicU64::new(0);
    let mut seconds = 0.0;
    for seed in 1..=SEEDS {
        let history = workload.generate(seed);
        let checked = measure("checker", None, |_| {
            undecided.fetch_add(u64::from(check(&history, Budget::default()).is_err()), Ordering::Relaxed);
        });
        seconds += checked.cpu_time.as_secs_f64();
    }
    let undecided = undecided.into_inner();
    let note = if undecided > 0 { format!("{undecided} of {SEEDS} undecided") } else { String::new() };
    Cost { seconds: seconds / SEEDS as f64, note }
}

pub fn unique(operations: usize, _: bool) -> Cost {
    check_all(&busy_key(operations, Values::Unique))
}

pub fn ten_values(operations: usize, _: bool) -> Cost {
    check_all(&busy_key(operations, Values::Few(10)))
}
