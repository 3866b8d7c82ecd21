//! The check of clients' histories, which is the same with oracles and without.

use kvkit::linear::generate::{Values, Workload};
use kvkit::linear::{Budget, check};
use labrpc::time::Instant;

use crate::work::Cost;

const SEEDS: u64 = 3;

fn busy_key(operations: usize, values: Values) -> Workload {
    Workload { clients: 15, operations, values, ..Workload::default() }
}

fn check_all(workload: &Workload) -> Cost {
    let (mut seconds, mut undecided) = (0.0, 0);
    for seed in 1..=SEEDS {
        let history = workload.generate(seed);
        let began = Instant::now();
        undecided += u64::from(check(&history, Budget::default()).is_err());
        seconds += began.elapsed().as_secs_f64();
    }
    let note = if undecided > 0 { format!("{undecided} of {SEEDS} undecided") } else { String::new() };
    Cost { seconds: seconds / SEEDS as f64, note }
}

pub fn unique(operations: usize, _: bool) -> Cost {
    check_all(&busy_key(operations, Values::Unique))
}

pub fn ten_values(operations: usize, _: bool) -> Cost {
    check_all(&busy_key(operations, Values::Few(10)))
}
