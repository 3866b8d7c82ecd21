//! Lab 2A's rules, one by one: a real server among played ones (Figure 2, §5.1, §5.2).
//!
//! The real server is number 0, the others say what the script wants. `votes` and `majority` are
//! about who gets a vote and who wins with it, `terms` about older and newer ones, `timing` about
//! when to campaign, `leaders` about heartbeats and office, `threads` about the node around it all.

mod leaders;
mod majority;
mod terms;
mod threads;
mod timing;
mod votes;

use labrpc::{Status, Term, Timing};
use testkit::script::{ReceivedRequest, ScriptedCluster};

use crate::lab::Server;

fn leader(term: Term) -> Status {
    Status { term, is_leader: true }
}

fn not_leader(term: Term) -> Status {
    Status { term, is_leader: false }
}

/// The next campaign of a later term than `term`: who has no answer yet may ask again meanwhile.
#[track_caller]
fn await_campaign_after(script: &ScriptedCluster<Server>, term: Term) -> (Term, Vec<ReceivedRequest>) {
    loop {
        let (next, round) = script.await_campaign();
        if next > term {
            return (next, round);
        }
    }
}

/// How long this lab's servers wait for one another.
fn pace() -> Timing {
    TIMING
}
