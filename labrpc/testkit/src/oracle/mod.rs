//! Oracles: each watches everything that happens, and says when one kind of promise is broken.
//!
//! | file | promise |
//! |---|---|
//! | `one_vote` | one vote a term, one leader a term |
//! | `terms` | terms only grow, and newer ones win |
//! | `durable` | what is told is on disk |
//! | `honest_append` | what is agreed to is in the log; equal positions are equal entries |
//! | `kept` | what was agreed to stays |
//! | `commitment` | what is committed is held by a majority |
//! | `lawful_votes` | votes, refusals and leaders have their reasons |
//! | `deadlines` | elections and heartbeats come in time |
//! | `traffic` | nothing is sent that is known to be there |
//! | `retention` | what a snapshot covers goes; what has not changed is not written |
//! | `crash_images` | each save leaves a state to restart from |
//! | `service`: `answers` | clients are told what was done |
//! | `service`: `replica_state` | snapshots hold what they say |
//! | `progress` | what should happen does happen |
//! | `life` | few threads |
//! | `starts` | `start` keeps its word |
//!
//! What is handed over, and in which order, the cluster's [`AppliedLogs`](crate::AppliedLogs) judges, in the
//! real world as well. Whether clients' histories are linearizable, [`linear`](crate::linear) does,
//! at the end.

mod answers;
mod commitment;
mod crash_images;
mod deadlines;
mod durable;
mod honest_append;
mod kept;
mod lawful_votes;
mod life;
mod model;
mod one_vote;
mod progress;
mod replica_state;
mod retention;
mod service;
mod starts;
mod terms;
mod traffic;

use crate::codec::Codec;
use crate::observer::{Event, ObservedState};
use crate::violation::Violation;

/// Watches for one kind of broken promise.
pub(crate) trait Oracle: Send {
    /// Something has happened; `known` has taken it in already.
    fn see(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation>;
}

/// All oracles that a lab's servers can be judged by.
pub(crate) fn all(codec: &'static dyn Codec) -> Vec<Box<dyn Oracle>> {
    let of_raft: Vec<Box<dyn Oracle>> = vec![
        Box::new(one_vote::OneVote::default()),
        Box::new(durable::Durable::default()),
        Box::new(crash_images::CrashImages::default()),
        Box::new(kept::Kept::default()),
        Box::new(honest_append::HonestAppend::default()),
        Box::new(lawful_votes::LawfulVotes::default()),
        Box::new(commitment::Commitment::default()),
        Box::new(starts::Starts::default()),
        Box::new(terms::Terms::default()),
        Box::new(deadlines::Deadlines::default()),
        Box::new(traffic::Traffic::default()),
        Box::new(retention::Retention::default()),
    ];
    let of_the_service = codec.has_clerks().then(|| Box::new(service::Service::new(codec)) as Box<dyn Oracle>);
    // Last, since whatever is wrong may also keep things from happening.
    let of_what_is_missing: [Box<dyn Oracle>; 2] =
        [Box::new(progress::Progress::default()), Box::new(life::Life::default())];
    of_raft.into_iter().chain(of_the_service).chain(of_what_is_missing).collect()
}
