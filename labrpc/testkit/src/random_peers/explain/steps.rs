//! What one step makes of a state.

use labrpc::{LogPosition, NotLeader, RaftReply, RaftRequest};

use super::super::model::ModelServer;
use super::replies::{appended, installed, vote};
use super::{Occurrence, Verdict, complain};
use crate::event_line::{At, Reply, Request};
use crate::rule::election::{CAMPAIGN, LEADER_STAYS};
use crate::rule::life::ANSWERS;
use crate::rule::replication::{CONSISTENCY, START};

/// The states that may follow a state.
pub(super) fn step(state: &ModelServer, occurrence: &Occurrence) -> Verdict<Vec<ModelServer>> {
    let mut next = state.clone();
    match occurrence {
        Occurrence::Request(from, request, reply) => {
            let Some(reply) = reply else {
                let what = format!("server 0 does not answer server {from}'s {}", Request(request));
                return complain(&ANSWERS, what, "");
            };
            return match (request, reply) {
                (RaftRequest::RequestVote(request), RaftReply::RequestVote(reply)) => {
                    vote(state, request, reply).map(|state| vec![state])
                }
                (RaftRequest::AppendEntries(append), RaftReply::AppendEntries(reply)) => {
                    appended(state, append, request, reply).map(|state| vec![state])
                }
                (RaftRequest::InstallSnapshot(install), RaftReply::AppendEntries(reply)) => {
                    installed(state, install, reply)
                }
                _ => {
                    let what = format!("server 0 answers {} with {}", Request(request), Reply(reply));
                    complain(&CONSISTENCY, what, "")
                }
            };
        }
        Occurrence::Reply(from, reply) => next.handle_reply(*from, reply),
        Occurrence::Campaign(term) => {
            if state.is_leader() {
                let what = format!("server 0 campaigns in term {term}, though it leads term {}", state.term());
                return complain(&LEADER_STAYS, what, "");
            }
            if *term != state.term() + 1 {
                let what = format!("server 0 campaigns in term {term}, though its term was {}", state.term());
                return complain(&CAMPAIGN, what, "");
            }
            next.campaign(*term);
        }
        Occurrence::Start(command, outcome) => {
            let expected = next.propose(command.clone());
            if *outcome != expected.ok_or(NotLeader) {
                return start(state, expected, *outcome);
            }
        }
        Occurrence::Compact(through, snapshot) => next.compact(*through, snapshot.clone()),
    }
    Ok(vec![next])
}

fn start<T>(state: &ModelServer, expected: Option<LogPosition>, outcome: Result<LogPosition, NotLeader>) -> Verdict<T> {
    let describe = |outcome: Option<LogPosition>| {
        outcome.map_or("that it does not lead".to_string(), |at| format!("entry {}", At(at)))
    };
    let role = if state.is_leader() { "leads" } else { "does not lead" };
    let what = format!(
        "`start` returned {}, though server 0 {role} term {} and its log ends at {}",
        describe(outcome.ok()),
        state.term(),
        At(state.last()),
    );
    let expected = match expected {
        Some(LogPosition { index, term }) => format!("expect_taken(COMMAND, at({index}, {term}), \"it leads\")"),
        None => "expect_not_taken(COMMAND, \"it does not lead\")".to_string(),
    };
    complain(&START, what, expected)
}
