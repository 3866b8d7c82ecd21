//! What a server answers to another server's request.

use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, PeerId, RaftRequest, RequestVote,
    RequestVoteReply, Term,
};

use super::super::model::{Led, ModelServer};
use super::sent::last_index;
use super::{Verdict, complain};
use crate::event_line::At;
use crate::rule::election::{NEW_TERM, OLD_TERM, VOTE_GIVEN, VOTE_ONCE};
use crate::rule::replication::{BACK_UP, CONSISTENCY, ELECTION_RESTRICTION, FOLLOWS};
use crate::rule::snapshots::{COVERED, DELIVERED};

/// RequestVote (§5.2, §5.4.1).
pub(super) fn vote(state: &ModelServer, request: &RequestVote, reply: &RequestVoteReply) -> Verdict<ModelServer> {
    let mut next = state.clone();
    let expected = next.request_vote(request);
    let is_newer = request.term > state.term();
    if *reply == expected {
        if is_newer && state.led == Led::Surely && state.is_sticky.is_none() {
            next.is_sticky = Some(false);
        }
        return Ok(next);
    }
    // A server that hears from a leader may ignore candidates (§6). It does so always, or never.
    let ignored = RequestVoteReply { term: state.term(), granted: false };
    let is_old = request.term < state.term();
    if !is_old && *reply == ignored && state.led != Led::No && state.is_sticky != Some(false) {
        return Ok(ModelServer { is_sticky: Some(true), ..state.clone() });
    }
    let asked = format!("server {}, whose log ends at {}", request.candidate, At(request.last_log));
    let (term, own) = (request.term, At(state.last()).to_string());
    let line = if expected.granted {
        "expect_vote(\"nothing speaks against it\")".to_string()
    } else if expected.term > term {
        format!("expect_stale({}, \"its term is newer\")", expected.term)
    } else {
        "expect_no_vote(\"another candidate has the vote, or the log is older\")".to_string()
    };
    if reply.term != expected.term {
        let what =
            format!("server 0 answers a RequestVote of term {term} in term {}, not {}", reply.term, expected.term);
        return complain(if term < state.term() { &OLD_TERM } else { &NEW_TERM }, what, line);
    }
    if expected.granted {
        let what = format!("server 0, whose log ends at {own}, refuses its vote in term {term} to {asked}");
        return complain(&VOTE_GIVEN, what, line);
    }
    if term < state.term() {
        let what = format!("server 0 is in term {} and votes in term {term}", state.term());
        return complain(&OLD_TERM, what, line);
    }
    if term == state.term() && state.ballot.voted_for.is_some_and(|candidate| candidate != request.candidate) {
        let what = format!("server 0 votes for server {} in term {term}, after another vote", request.candidate);
        return complain(&VOTE_ONCE, what, line);
    }
    let what = format!("server 0, whose log ends at {own}, votes in term {term} for {asked}");
    complain(&ELECTION_RESTRICTION, what, line)
}

/// The part of AppendEntries and InstallSnapshot that is the same: terms.
fn followed(
    state: &ModelServer,
    (term, leader): (Term, PeerId),
    reply: &AppendEntriesReply,
) -> Verdict<Option<ModelServer>> {
    let mut next = state.clone();
    let is_current = next.follow(term, leader);
    let is_refused = matches!(reply.outcome, AppendOutcome::StaleTerm);
    if !is_current && !is_refused {
        let what = format!("server 0 is in term {} and does not refuse a request of term {term}", state.term());
        return complain(&OLD_TERM, what, format!("expect_stale({}, \"its term is newer\")", state.term()));
    }
    if is_current && is_refused {
        let what = format!("server 0 was in term {} and calls a request of term {term} stale", state.term());
        return complain(&OLD_TERM, what, "expect_same_term(\"the request's term is not older\")");
    }
    if reply.term != next.term() {
        let what = format!("server 0 answers a request of term {term} in term {}, not {}", reply.term, next.term());
        return complain(&NEW_TERM, what, "expect_same_term(\"it follows the newer term\")");
    }
    Ok(is_current.then_some(next))
}

/// AppendEntries, rules 1 to 5.
pub(super) fn appended(
    state: &ModelServer,
    append: &AppendEntries,
    request: &RaftRequest,
    reply: &AppendEntriesReply,
) -> Verdict<ModelServer> {
    let Some(followed) = followed(state, (append.term, append.leader), reply)? else { return Ok(state.clone()) };
    let prev = append.prev;
    let last_new = last_index(append);
    match reply.outcome {
        AppendOutcome::RetryFrom(_) if state.holds(prev) => {
            let what = format!("server 0 refuses entries after {}, which its log holds", At(prev));
            let is_covered = prev.index < state.base.index;
            let rule = if is_covered { &COVERED } else { &CONSISTENCY };
            complain(rule, what, format!("expect_agreement({last_new}, \"its log holds {}\")", At(prev)))
        }
        AppendOutcome::RetryFrom(from) if !(1..=prev.index).contains(&from) => {
            let what = format!("server 0 refuses entries after {} and asks for those from index {from} on", At(prev));
            complain(&BACK_UP, what, "expect_refusal(\"it must ask for an earlier index\")")
        }
        AppendOutcome::RetryFrom(_) => Ok(followed),
        AppendOutcome::Through(_) if !state.holds(prev) => {
            let what = format!(
                "server 0 agrees to entries after {}, but its log {}",
                At(prev),
                state
                    .position(prev.index)
                    .map_or(format!("ends at {}", At(state.last())), |own| { format!("holds {} there", At(own)) })
            );
            complain(&CONSISTENCY, what, format!("expect_refusal(\"its log does not hold {}\")", At(prev)))
        }
        AppendOutcome::Through(through) if through != last_new => {
            let what = format!("server 0 agrees through index {through} to a request that ends at index {last_new}");
            complain(&FOLLOWS, what, format!("expect_agreement({last_new}, \"the request's last index\")"))
        }
        _ => {
            let mut next = state.clone();
            next.handle_request(request, 0);
            Ok(next)
        }
    }
}

/// InstallSnapshot (Figure 13).
pub(super) fn installed(
    state: &ModelServer,
    request: &InstallSnapshot,
    reply: &AppendEntriesReply,
) -> Verdict<Vec<ModelServer>> {
    let Some(ignored) = followed(state, (request.term, request.leader), reply)? else {
        return Ok(vec![state.clone()]);
    };
    let through = request.last_included;
    if reply.outcome != AppendOutcome::Through(through.index) {
        let what = format!("server 0 answers a snapshot through {} with: {}", At(through), Outcome(reply.outcome));
        let expected = format!("expect_agreement({}, \"the snapshot's last index\")", through.index);
        return complain(&DELIVERED, what, expected);
    }
    let mut taken = ignored.clone();
    taken.install(request);
    if through.index <= state.base.index {
        return Ok(vec![ignored]);
    }
    if through.index <= state.commit {
        // All of it is committed here: it may be ignored, or used to cut the log.
        return Ok(vec![ignored, taken]);
    }
    if state.position(through.index) == Some(through) {
        // The log holds the same entries: they may be applied one by one.
        let mut known = ignored;
        known.commit = through.index;
        return Ok(vec![taken, known]);
    }
    Ok(vec![taken])
}

struct Outcome(AppendOutcome);

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            AppendOutcome::Through(index) => write!(f, "agreement through index {index}"),
            AppendOutcome::RetryFrom(index) => write!(f, "a refusal that asks for index {index}"),
            AppendOutcome::StaleTerm => write!(f, "a stale term"),
        }
    }
}
