//! What a server sends.

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Index, LogPosition, PeerId, RaftReply, RaftRequest};

use super::super::model::{ModelRole, ModelServer};
use super::super::text::{entries as code, position};
use super::{Behavior, Occurrence, Verdict, complain};
use crate::event_line::{At, Reply, Request};
use crate::rule::Rule;
use crate::rule::election::{CAMPAIGN, NEW_TERM};
use crate::rule::replication::{COMMIT_SPREADS, FOLLOWS, LATE_REPLY, LOG_MATCHING, MAJORITY_COMMIT, OWN_TERM_COMMIT};
use crate::rule::snapshots::SENT;

/// Checks a request that the real server sent in one of the states of a path.
pub(super) fn check_sent(path: &[ModelServer], to: PeerId, request: &RaftRequest) -> Verdict<()> {
    let mut first = None;
    for state in path.iter().rev() {
        match may_send(state, to, request) {
            Ok(()) => return Ok(()),
            Err(complaint) => drop(first.get_or_insert(complaint)),
        }
    }
    let mut complaint = first.expect("a path begins with a state");
    complaint.what = format!("{} (it sends server {to}: {})", complaint.what, Request(request));
    Err(complaint)
}

/// Checks that a reply which says nothing new makes a leader send nothing, and neither does one that ends its
/// leadership. Looks only at what cannot be a heartbeat.
pub(super) fn check_replies(path: &[ModelServer], occurrences: &[Occurrence], seen: &Behavior) -> Verdict<()> {
    let Some(Occurrence::Reply(from, reply)) = occurrences.last() else { return Ok(()) };
    let is_same =
        occurrences.iter().all(|occurrence| matches!(occurrence, Occurrence::Reply(other, _) if other == from));
    let is_only_to_it = seen.sent.iter().all(|(to, _)| to == from);
    if !is_same || !is_only_to_it || !seen.heard_lately.contains(from) {
        return Ok(());
    }
    let appends = seen.sent.iter().filter_map(|(_, request)| match request {
        RaftRequest::AppendEntries(append) => Some((request, append)),
        _ => None,
    });
    appends.into_iter().try_for_each(|(request, append)| check_reaction(path, (*from, reply), (request, append), seen))
}

/// Checks an AppendEntries that a leader sends because of a reply.
fn check_reaction(
    path: &[ModelServer],
    (from, reply): (PeerId, &RaftReply),
    (request, append): (&RaftRequest, &AppendEntries),
    seen: &Behavior,
) -> Verdict<()> {
    let (first, last) = (&path[0], path.last().expect("a path begins with a state"));
    let ModelRole::Leader(matched) = &first.role else { return Ok(()) };
    let sends =
        |why: &str| format!("{why}, and yet its reply ({}) makes server 0 send it {}", Reply(reply), Request(request));
    if path.len() == 2 && reply.term() > first.term() {
        let why =
            format!("server {from} is in term {}, so the leadership of term {} is over", reply.term(), first.term());
        return complain(&NEW_TERM, sends(&why), "");
    }
    if first != last || !is_agreement(reply) {
        return Ok(());
    }
    if matched[from] == first.last().index {
        return complain(&LATE_REPLY, sends(&format!("server {from} is known to hold everything")), "");
    }
    let is_under_way = |(to, earlier): &(PeerId, AppendEntries)| {
        *to == from
            && earlier.term == append.term
            && earlier.prev.index <= append.prev.index
            && last_index(earlier) >= last_index(append)
    };
    if !append.entries.is_empty() && seen.under_way.iter().any(is_under_way) {
        return complain(&LATE_REPLY, sends(&format!("these entries are on their way to server {from}")), "");
    }
    Ok(())
}

fn is_agreement(reply: &RaftReply) -> bool {
    match reply {
        RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) => matches!(outcome, AppendOutcome::Through(_)),
        RaftReply::RequestVote(_) => true,
    }
}

pub(super) fn last_index(append: &AppendEntries) -> Index {
    append.prev.index + append.entries.len() as Index
}

fn may_send(state: &ModelServer, to: PeerId, request: &RaftRequest) -> Verdict<()> {
    let role = match state.role {
        ModelRole::Follower => "a follower",
        ModelRole::Candidate(_) => "a candidate",
        ModelRole::Leader(_) => "the leader",
    };
    let is_right_role = match request {
        RaftRequest::RequestVote(_) => !matches!(state.role, ModelRole::Follower),
        _ => state.is_leader(),
    };
    if !is_right_role || request.term() != state.term() {
        let what = format!("server 0 is {role} in term {}, and must not send this", state.term());
        return complain(&NEW_TERM, what, "");
    }
    match request {
        RaftRequest::RequestVote(request) if request.candidate != 0 => {
            let what = format!("server 0 asks for votes in the name of server {}", request.candidate);
            complain(&CAMPAIGN, what, "")
        }
        RaftRequest::RequestVote(request) if request.last_log != state.last() => {
            let last = state.last();
            let what = format!(
                "server 0's log ends at {}, as it tells a voter, but from what it agreed to it must end at {}",
                At(request.last_log),
                At(last)
            );
            let line = format!("script.newest_to({to}).expect_last_log({}, \"its log ends there\")", position(last));
            complain(&FOLLOWS, what, line)
        }
        RaftRequest::RequestVote(_) => Ok(()),
        RaftRequest::AppendEntries(append) => may_append(state, to, append),
        RaftRequest::InstallSnapshot(install) => {
            if (install.last_included, &install.snapshot) == (state.base, &state.snapshot) && install.leader == 0 {
                return Ok(());
            }
            let what = format!(
                "server 0 sends a snapshot through {}, but its own covers its log through {}",
                At(install.last_included),
                At(state.base)
            );
            complain(&SENT, what, "")
        }
    }
}

fn may_append(state: &ModelServer, to: PeerId, append: &AppendEntries) -> Verdict<()> {
    let AppendEntries { leader, prev, entries, leader_commit, .. } = append;
    if *leader != 0 {
        return complain(&NEW_TERM, format!("server 0 sends AppendEntries in the name of server {leader}"), "");
    }
    if let Some(own) = state.position(prev.index).filter(|own| own != prev) {
        let line = format!("script.newest_to({to}).expect_prev({}, \"its log holds this\")", position(own));
        return complain(origin(state, own), must_hold(own, *prev), line);
    }
    if state.position(prev.index).is_none() {
        let what = format!("server 0 sends entries after {}, and its log ends at {}", At(*prev), At(state.last()));
        return complain(origin(state, state.last()), what, "");
    }
    let wrong = entries.iter().zip(prev.index + 1..).find(|(entry, index)| state.get(*index) != Some(entry));
    if let Some((entry, index)) = wrong {
        let held = &state.entries[(prev.index - state.base.index) as usize..];
        let right = &held[..entries.len().min(held.len())];
        let line = format!("script.newest_to({to}).expect_entries({}, \"its log holds these\")", code(right));
        let sent = LogPosition { term: entry.term, index };
        return match state.position(index) {
            Some(own) => complain(origin(state, own), must_hold(own, sent), line),
            None => {
                let what = format!("server 0 sends entry {}, and its log must end at {}", At(sent), At(state.last()));
                complain(origin(state, state.last()), what, line)
            }
        };
    }
    if *leader_commit > state.commit {
        let is_old = state.get(*leader_commit).is_some_and(|entry| entry.term < state.term());
        let what = format!("server 0 announces that entry {leader_commit} is committed, but only {} is", state.commit);
        let line = format!("script.newest_to({to}).expect_commit({}, \"no more is committed\")", state.commit);
        return complain(if is_old { &OWN_TERM_COMMIT } else { &MAJORITY_COMMIT }, what, line);
    }
    if let ModelRole::Leader(matched) = &state.role
        && *leader_commit < state.commit.min(matched[to])
    {
        let what = format!(
            "server 0 announces that entry {leader_commit} is committed, though entry {} is, and server {to} holds it",
            state.commit.min(matched[to])
        );
        let line = format!("script.newest_to({to}).expect_commit({}, \"this is committed\")", state.commit);
        return complain(&COMMIT_SPREADS, what, line);
    }
    Ok(())
}

/// The rule that a wrong entry of a log breaks: it was the leader's own, or another leader has sent it.
fn origin(state: &ModelServer, own: LogPosition) -> &'static Rule {
    if own.term == state.term() { &LOG_MATCHING } else { &FOLLOWS }
}

fn must_hold(own: LogPosition, sent: LogPosition) -> String {
    format!(
        "server 0's log holds {} at index {}, but from what it agreed to it must hold {}",
        At(sent),
        own.index,
        At(own)
    )
}
