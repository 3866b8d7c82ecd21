//! Random faults during elections and during replication, and what must be true after they end.

use std::time::Duration;

use labrpc::{Replicate, thread};

use super::Faults;
use super::faults::random_faults;
use crate::cluster::{Cluster, UntypedCluster, number};
use crate::rule::election::{LEADER_IN_TIME, STABLE};
use crate::rule::replication::CATCH_UP;
use crate::violation::Violation;
use crate::waited::{Awaited, Wait};

/// How long faults occur: enough for a dozen elections.
const FAULTS_DURATION: Duration = Duration::from_secs(6);
/// After the faults, this is enough for an election with a few split votes.
const ELECTION_PATIENCE: Duration = Duration::from_secs(5);
/// With a leader, this is enough for every server to hold and apply everything.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(5);
/// After that, the leader must stay the same for this long.
const STABLE_DURATION: Duration = Duration::from_secs(2);
/// Polling interval.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Fewer commands than this are offered in one slot.
const OFFERS_MAX: u64 = 4;

/// Random faults in a cluster that only elects leaders.
#[track_caller]
pub fn elections(cluster: &UntypedCluster, faults: Faults) {
    let rng = cluster.world().rng("faults");
    random_faults(cluster, &rng, faults, FAULTS_DURATION, || ());
    wait_until_stable(cluster);
}

/// Random faults in a cluster that replicates, and is offered commands meanwhile.
#[track_caller]
pub fn replication<R: Replicate>(cluster: &Cluster<R>, faults: Faults) {
    let rng = cluster.world().rng("faults");
    let mut offered = 0;
    random_faults(cluster, &rng, faults, FAULTS_DURATION, || {
        for _ in 0..rng.random_range(0..OFFERS_MAX) {
            let server = rng.random_range(0..cluster.size() as u64) as usize;
            offered += 1;
            if rng.does(offered) {
                cluster.start_command(server, number(offered));
            }
        }
    });
    wait_until_stable(cluster);
    let last = cluster.one(&number(offered + 1), 1);
    let waited = wait(CATCH_UP_PATIENCE, || cluster.applied_logs().applied_at(last).0 == cluster.size());
    if !waited {
        let (servers, _) = cluster.applied_logs().applied_at(last);
        let what = format!(
            "all faults had ended, but {CATCH_UP_PATIENCE:?} later only {servers} of {} servers had applied entry {last}",
            cluster.size()
        );
        let wait = Wait::new(Awaited::Applied(Some(last), cluster.size()), CATCH_UP_PATIENCE);
        let violation = Violation::new(&CATCH_UP, what).waiting(wait.among(cluster.servers()));
        cluster.world().report_violation(violation);
    }
}

/// After the faults: waits for a leader, and checks that it stays.
#[track_caller]
fn wait_until_stable(cluster: &UntypedCluster) {
    let has_leader = || {
        let leaders = cluster.leaders();
        let newest = cluster.servers().filter_map(|server| cluster.status(server)).map(|status| status.term).max();
        leaders.keys().next_back().copied() == newest
    };
    if !wait(ELECTION_PATIENCE, has_leader) {
        let what = format!("all faults had ended, but {ELECTION_PATIENCE:?} later no server led");
        let wait = Wait::new(Awaited::Leader, ELECTION_PATIENCE).among(cluster.servers());
        return cluster.world().report_violation(Violation::new(&LEADER_IN_TIME, what).waiting(wait));
    }
    // Messages that were sent during the faults may still arrive and end the first leadership.
    thread::sleep(STABLE_DURATION);
    let before = cluster.leaders().keys().next_back().copied();
    thread::sleep(STABLE_DURATION);
    if cluster.leaders().keys().next_back().copied() != before {
        let what =
            format!("nothing had failed for {STABLE_DURATION:?}, but then the leader's term changed from {before:?}");
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
