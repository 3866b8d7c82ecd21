//! How long it takes to check a history. The limit is part of each benchmark's name.

use divan::{Bencher, black_box};
use kvkit::linear::generate::{StoreFault, Values, Workload};
use kvkit::linear::{Budget, History, check, check_by_search, check_by_unique_values};

fn main() {
    divan::main();
}

/// An arbitrary seed, of medium difficulty among the first ten.
const SEED: u64 = 1;

/// As many clients as in the hardest of the graded tests, all on one key.
fn busy_key() -> Workload {
    Workload { clients: 15, operations: 1_000, ..Workload::default() }
}

#[divan::bench]
fn unique_values_15_clients_1_key_1000_operations_under_1_ms(bencher: Bencher) {
    let history = busy_key().generate(SEED);
    bencher.bench(|| check_by_unique_values(black_box(&history)).expect("values are unique").expect("sound"));
}

#[divan::bench]
fn search_15_clients_1_key_1000_operations_under_50_ms(bencher: Bencher) {
    let history = busy_key().generate(SEED);
    bencher.bench(|| check_by_search(black_box(&history), Budget::default()).expect("sound"));
}

#[divan::bench]
fn search_15_clients_1_key_1000_operations_with_10_values_under_50_ms(bencher: Bencher) {
    let history = Workload { values: Values::Few(10), ..busy_key() }.generate(SEED);
    bencher.bench(|| check_by_search(black_box(&history), Budget::default()).expect("sound"));
}

#[divan::bench]
fn stale_read_15_clients_1_key_1000_operations_under_10_ms(bencher: Bencher) {
    let history = Workload { fault: Some(StoreFault::StaleRead), ..busy_key() }.generate(SEED);
    bencher.bench(|| check(black_box(&history), Budget::default()).expect_err("broken"));
}

#[divan::bench]
fn stale_read_by_search_15_clients_1_key_1000_operations_under_50_ms(bencher: Bencher) {
    let history = Workload { fault: Some(StoreFault::StaleRead), ..busy_key() }.generate(SEED);
    bencher.bench(|| check_by_search(black_box(&history), Budget::default()).expect_err("broken"));
}

#[divan::bench(sample_count = 20)]
fn check_20_clients_20_keys_100000_operations_under_500_ms(bencher: Bencher) {
    let workload = Workload { clients: 20, keys: 20, operations: 100_000, ..Workload::default() };
    let history = workload.generate(SEED);
    bencher.bench(|| check(black_box(&history), Budget::default()).expect("sound"));
}

#[divan::bench]
fn recording_1000_operations_under_1_ms(bencher: Bencher) {
    let source = busy_key().generate(SEED);
    bencher.bench(|| {
        let mut history = History::new();
        for operation in black_box(&source).operations() {
            let id = history.call(operation.client, &operation.key, operation.input.clone(), operation.called);
            if let Some(answer) = &operation.response {
                history.returned(id, &answer.value, answer.at);
            }
        }
        history
    });
}
