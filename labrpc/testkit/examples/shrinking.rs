//! How small do failed runs become, compared with the smallest that there are?
//!
//! The labs' own servers keep all promises, so each "failure" here is something that random faults sometimes do to
//! correct servers. `cargo run -p testkit --example shrinking` prints a line for each failed run; the argument is the
//! number of seeds. The last line has the medians.

use std::time::Duration;

use labrpc::thread;
use solved::{LOGS, LogServer, logs};
use testkit::chaos::{self, Faults};
use testkit::{Cluster, MeasuredShrink, World, measure_shrinking};

/// Whether something is so.
type Condition = fn(&Cluster<LogServer>) -> bool;

/// Random faults in a cluster that replicates. It is a failure if something is ever so.
fn fails_if(world: &World, is_so: Condition) {
    let cluster = logs(world, chaos::odd_size(world));
    let looked_at = cluster.clone();
    let watch = world.spawn("watch", move || {
        while !is_so(&looked_at) {
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it is so");
    });
    chaos::replication(&cluster, Faults::ALL);
    drop(watch);
}

/// Whether the cluster has needed many elections.
fn many_terms(cluster: &Cluster<LogServer>) -> bool {
    cluster.servers().filter_map(|server| cluster.status(server)).any(|status| status.term >= 5)
}

/// Whether two servers are down at the same time.
fn two_down(cluster: &Cluster<LogServer>) -> bool {
    cluster.servers().filter(|&server| !cluster.is_up(server)).count() >= 2
}

/// Whether the network has lost many messages.
fn many_lost(cluster: &Cluster<LogServer>) -> bool {
    cluster.network().counts().lost >= 40
}

fn main() {
    let seeds = std::env::args().nth(1).map_or(8, |text| text.parse().expect("the argument is a number of seeds"));
    let failures: [(&str, Condition); 3] =
        [("many terms", many_terms), ("two down", two_down), ("many lost", many_lost)];
    let mut all = Vec::new();
    for (name, is_so) in failures {
        let measured =
            (1..=seeds).filter_map(|seed| measure_shrinking(name, Some(&LOGS), seed, |world| fails_if(world, is_so)));
        all.extend(measured.inspect(print));
    }
    println!(
        "{} failed runs: ratio {:?}, {:?} s",
        all.len(),
        median(&all, ratio),
        median(&all, |one| Some(one.real_time.as_secs_f64()))
    );
}

fn print(one: &MeasuredShrink) {
    let MeasuredShrink { token, decisions, left, minimum, real_time } = one;
    println!("{}:{}: {left} of {decisions} decisions, minimum {minimum:?}, {real_time:?}", token.test, token.seed);
}

/// How many times as many decisions are left as are enough.
fn ratio(one: &MeasuredShrink) -> Option<f64> {
    one.minimum.map(|minimum| one.left.max(1) as f64 / minimum.max(1) as f64)
}

/// The median and the maximum.
fn median(all: &[MeasuredShrink], figure: impl Fn(&MeasuredShrink) -> Option<f64>) -> Option<(f64, f64)> {
    let mut figures: Vec<f64> = all.iter().filter_map(figure).collect();
    figures.sort_by(f64::total_cmp);
    Some((*figures.get(figures.len() / 2)?, *figures.last()?))
}
