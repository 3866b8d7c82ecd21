//! Oracles: each checks every event, and reports when one kind of rule is broken.
//!
//! | file | what it checks |
//! |---|---|
//! | `one_vote_per_term` | one vote a term, one leader a term |
//! | `terms_only_grow` | terms only grow, and a newer term is adopted |
//! | `persist_before_visible` | state is saved before anyone can see it |
//! | `crash_images` | after each save, the disk holds a state that the server was in |
//! | `entries_stay` | a log loses entries only if a newer leader's entry conflicts with them |
//! | `log_matching` | what a follower agrees to is in its log; equal positions are equal entries |
//! | `vote_reasons` | votes are granted or refused, and leaders elected, only as the paper says |
//! | `commitment` | what is committed is held by a majority |
//! | `start_results` | `start` returns the position that the command gets |
//! | `election_timing` | elections and heartbeats come in time |
//! | `no_needless_sends` | nothing is sent that the receiver is known to have |
//! | `no_early_snapshots` | a snapshot is sent only to a follower that may need it |
//! | `no_needless_saves` | unchanged state is not saved again; a snapshot cuts the log |
//! | `service` | servers' answers and snapshots agree with a model of the store; clerks send and return what they should |
//! | `liveness` | requests are answered; once nothing fails, there is a leader and entries are applied |
//! | `bounded_threads` | a server's number of threads stays bounded |
//!
//! Two checks are elsewhere: the cluster's [`AppliedLogs`](crate::AppliedLogs) compares what
//! servers apply, on real threads as well, and the crate `kvkit` checks clients' histories
//! at the end of a run.

mod bounded_threads;
mod commitment;
mod crash_images;
mod election_timing;
mod entries_stay;
mod interface;
mod liveness;
mod log_matching;
mod majorities;
mod no_early_snapshots;
mod no_needless_saves;
mod no_needless_sends;
mod one_vote_per_term;
mod persist_before_visible;
mod service;
mod start_results;
mod terms_only_grow;
mod vote_reasons;

pub(crate) use interface::Oracle;

use std::time::Duration;

use crate::contract::Contract;

/// All oracles that can check a lab's servers, in the order in which they check an event.
pub(crate) fn all(contract: &'static Contract) -> Vec<Box<dyn Oracle>> {
    let mut oracles: Vec<Box<dyn Oracle>> = vec![
        Box::new(one_vote_per_term::OneVotePerTerm::default()),
        Box::new(persist_before_visible::PersistBeforeVisible::default()),
        Box::new(crash_images::CrashImages::default()),
        Box::new(entries_stay::EntriesStay::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(vote_reasons::VoteReasons::default()),
        Box::new(commitment::CommitByMajority::default()),
        Box::new(start_results::StartResults::default()),
        Box::new(terms_only_grow::TermsOnlyGrow::default()),
        Box::new(election_timing::ElectionTiming::default()),
        Box::new(no_needless_sends::NoNeedlessSends::default()),
        Box::new(no_early_snapshots::NoEarlySnapshots::default()),
        Box::new(no_needless_saves::NoNeedlessSaves::default()),
    ];
    if contract.has_clerks {
        oracles.push(Box::new(service::ServiceOracle::new(contract)));
    }
    // Last, since a server that breaks another rule may also fail to make progress.
    oracles.push(Box::new(liveness::Liveness::default()));
    oracles.push(Box::new(bounded_threads::BoundedThreads::new(contract.track)));
    oracles
}

/// A time that was too short, rounded down: rounded up it might look long enough.
fn whole_milliseconds(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time that is too short by a little is not reported as long enough.
    #[test]
    fn times_are_rounded_down() {
        let timeout_min = Duration::from_millis(400);
        let told = format!("{:?}", whole_milliseconds(timeout_min - Duration::from_micros(130)));
        assert_eq!(told, "399ms");
    }
}
