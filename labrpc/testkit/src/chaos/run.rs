//! Storms over elections and over replication, and what must hold after them.

use std::time::Duration;

use labrpc::{Elect, Replicate, thread};

use super::Faults;
use super::faults::random_faults;
use crate::cluster::{Cluster, number};
use crate::rule::election::{LEADER_IN_TIME, STABLE};
use crate::rule::replication::CATCH_UP;
use crate::violation::Violation;

/// How long a storm lasts: a dozen elections, if it comes to that.
const FAULTY_TIME: Duration = Duration::from_secs(6);
/// Once all is healed, so much time is enough for an election with a few split votes.
const ELECTION_PATIENCE: Duration = Duration::from_secs(5);
/// With a leader in office, so much is enough for every server to hold and apply everything.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(5);
/// And so long the leader then stays in office.
const CALM: Duration = Duration::from_secs(2);
/// How often the harness looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// In one slot, up to so many servers are offered a command.
const OFFERS_MAX: u64 = 4;

/// A storm over servers that only elect.
pub fn elections<R: Elect>(cluster: &Cluster<R>, faults: Faults) {
    let rng = cluster.world().rng("storm");
    random_faults(cluster, &rng, faults, FAULTY_TIME, || ());
    wait_until_stable(cluster);
}

/// A storm over servers that replicate, which are offered commands all the while.
pub fn replication<R: Replicate>(cluster: &Cluster<R>, faults: Faults) {
    let rng = cluster.world().rng("storm");
    let mut offered = 0;
    random_faults(cluster, &rng, faults, FAULTY_TIME, || {
        for _ in 0..rng.random_range(0..OFFERS_MAX) {
            let server = rng.random_range(0..cluster.size() as u64) as usize;
            offered += 1;
            cluster.start_command(server, number(offered));
        }
    });
    wait_until_stable(cluster);
    let last = cluster.one(&number(offered + 1), 1);
    let waited = wait(CATCH_UP_PATIENCE, || cluster.applied_logs().applied_at(last).0 == cluster.size());
    if !waited {
        let (servers, _) = cluster.applied_logs().applied_at(last);
        let what = format!(
            "everything was healed, but {CATCH_UP_PATIENCE:?} later only {servers} of {} servers had applied entry {last}",
            cluster.size()
        );
        cluster.world().report_violation(Violation::new(&CATCH_UP, what));
    }
}

/// Everything is healed: a leader must be found soon, and then stay.
fn wait_until_stable<R: Elect>(cluster: &Cluster<R>) {
    let has_leader = || {
        let leaders = cluster.leaders();
        let newest = cluster.servers().filter_map(|server| cluster.status(server)).map(|status| status.term).max();
        leaders.keys().next_back().copied() == newest
    };
    if !wait(ELECTION_PATIENCE, has_leader) {
        let what = format!("everything was healed, but {ELECTION_PATIENCE:?} later nobody led");
        return cluster.world().report_violation(Violation::new(&LEADER_IN_TIME, what));
    }
    // What was said in the storm may still be on its way, and end the first reign.
    let calm_since = |before| cluster.leaders().keys().next_back().copied() == before;
    thread::sleep(CALM);
    let before = cluster.leaders().keys().next_back().copied();
    thread::sleep(CALM);
    if !calm_since(before) {
        let what = format!("nothing had failed for {CALM:?}, but then the term changed from {before:?}");
        cluster.world().report_violation(Violation::new(&STABLE, what));
    }
}

fn wait(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let mut waited = Duration::ZERO;
    while waited < patience {
        if is_so() {
            return true;
        }
        thread::sleep(LOOK_INTERVAL);
        waited += LOOK_INTERVAL;
    }
    false
}
