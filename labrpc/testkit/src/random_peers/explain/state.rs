//! What a server says of itself, and what is on its disk.

use labrpc::{LogPosition, PeerId, RaftRequest, Status};

use super::super::model::ModelServer;
use super::{Occurrence, Verdict, complain};
use crate::DiskState;
use crate::event_line::{At, Entries};
use crate::rule::election::{NEW_TERM, STATUS};
use crate::rule::persistence::DURABLE;
use crate::rule::replication::{APPEND_ONLY, FOLLOWS};
use crate::rule::snapshots::{BOUNDARY, CUT, DISCARDS, KEEPS, OPAQUE};

pub(super) fn check_status(state: &ModelServer, status: Status) -> Verdict<()> {
    let Status { term, is_leader } = status;
    if (term, is_leader) == (state.term(), state.is_leader()) {
        return Ok(());
    }
    let role = |is_leader: bool| if is_leader { "the leader" } else { "not the leader" };
    let what = format!(
        "server 0 says that it is {} in term {term}, but it must be {} in term {}",
        role(is_leader),
        role(state.is_leader()),
        state.term()
    );
    let rule = if term == state.term() { &STATUS } else { &NEW_TERM };
    let check = if state.is_leader() { "expect_leader" } else { "expect_no_leader" };
    complain(rule, what, format!("script.{check}({}, \"what it has heard\")", state.term()))
}

pub(super) fn check_disk(state: &mut ModelServer, disk: &DiskState, occurrences: &[Occurrence]) -> Verdict<()> {
    let ballot = disk.head.ballot;
    let vote =
        |vote: Option<PeerId>| vote.map_or("no vote".to_string(), |server| format!("a vote for server {server}"));
    let line =
        format!("script.expect_ballot_on_disk({}, {:?}, \"what it has heard\")", state.term(), state.ballot.voted_for);
    // A follower may note its leader as the candidate that has the vote: nobody else can win this term.
    if state.ballot.voted_for.is_none() && ballot.voted_for.is_some() && ballot.voted_for == state.leader {
        state.ballot.voted_for = ballot.voted_for;
    }
    if ballot != state.ballot {
        let what = format!(
            "server 0's disk holds term {} and {}, but must hold term {} and {}",
            ballot.term,
            vote(ballot.voted_for),
            state.term(),
            vote(state.ballot.voted_for)
        );
        let rule = if ballot.term > state.term() { &NEW_TERM } else { &DURABLE };
        return complain(rule, what, line);
    }
    let has = |wanted: fn(&Occurrence) -> bool| occurrences.iter().any(wanted);
    let is_install = has(|occurrence| matches!(occurrence, Occurrence::Request(_, RaftRequest::InstallSnapshot(_), _)));
    let is_cut = has(|occurrence| matches!(occurrence, Occurrence::Compact(..)));
    let first = state.base.index + 1;
    if disk.head.base != state.base {
        let what = format!("server 0's log on disk begins after {}, not after {}", At(disk.head.base), At(state.base));
        let LogPosition { index, term } = state.base;
        let line = format!("script.expect_base_on_disk(at({index}, {term}), \"what the snapshot covers\")");
        return complain(if is_cut { &CUT } else { &BOUNDARY }, what, line);
    }
    if !disk.entries.iter().eq(state.entries.iter()) {
        let held: Vec<_> = disk.entries.iter().cloned().collect();
        let what = format!(
            "server 0's log on disk holds {}, but must hold {}{}",
            Entries(first, &held),
            Entries(first, &state.entries),
            if held.iter().map(|entry| entry.term).eq(state.entries.iter().map(|entry| entry.term)) {
                ", with other commands"
            } else {
                ""
            }
        );
        let rule = match (is_install, is_cut, state.is_leader()) {
            (true, ..) if held.len() > state.entries.len() => &DISCARDS,
            (true, ..) | (_, true, _) => &KEEPS,
            (_, _, true) => &APPEND_ONLY,
            _ => &FOLLOWS,
        };
        let line = format!(
            "script.expect_entries_on_disk(&{}, \"what it was sent\")",
            super::super::text::entries(&state.entries)
        );
        return complain(rule, what, line);
    }
    if disk.snapshot != state.snapshot {
        let what =
            format!("the snapshot on server 0's disk is not the one that covers its log through {}", At(state.base));
        return complain(&OPAQUE, what, "");
    }
    Ok(())
}
