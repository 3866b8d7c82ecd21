//! Lab 2B's rules, one by one: your server among scripted ones (Figure 2, §5.3, §5.4).
//!
//! Your server is number 0; a script sends and answers for all others.
//!
//! | module | tests |
//! |---|---|
//! | `follower` | what a follower does with a leader's entries |
//! | `commitment` | what a leader commits, and when |
//! | `progress` | what a leader knows of its followers |
//! | `sending` | what a leader sends, and when |
//! | `votes` | elections, now that logs differ |
//! | `start` | commands that come in |
//! | `applier` | commands that go out |

mod applier;
mod commitment;
mod follower;
mod progress;
mod sending;
mod start;
mod votes;

use std::time::Duration;

use labrpc::{Index, Term};
use testkit::World;
use testkit::rule::replication::TAKES_A_LOG;
use testkit::script::{ScriptedCluster, look_at, prepare};

use crate::lab::{Server, boot};

/// Long enough for a message, its answer, and what follows from that.
const ROUND_TRIP: Duration = Duration::from_millis(3);

/// Your server, one of three, as a follower whose log holds entries of these terms. None of them is
/// committed as far as it knows.
#[track_caller]
fn follower_with(world: &World, terms: &[Term]) -> ScriptedCluster<Server> {
    let script = ScriptedCluster::replicating(world, 3, boot);
    send_log(&script, terms);
    script
}

/// Server 1, the leader of the last of these terms, sends a whole log of these terms.
#[track_caller]
fn send_log(script: &ScriptedCluster<Server>, terms: &[Term]) {
    let sent = prepare("server 0 follows a leader and takes its log");
    look_at(&TAKES_A_LOG);
    let term = *terms.last().expect("a log with entries");
    let leader = script.leader(1).in_term(term).entries_of_terms(terms);
    leader.send().expect_agreement(terms.len() as Index, "entries from index 1 on fit any log");
    sent.done();
}
