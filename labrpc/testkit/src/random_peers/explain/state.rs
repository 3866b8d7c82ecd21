//! What a server says of itself, and what is on its disk.

use labrpc::{LogPosition, PeerId, RaftRequest, Status};

use super::super::model::ModelServer;
use super::{Complaint, Occurrence, Verdict, complain};
use crate::DiskState;
use crate::event_line::{At, Entries, first_difference};
use crate::rule::election::{MAJORITY, NEW_TERM, STATUS};
use crate::rule::persistence::{DISK_DIFFERS, DURABLE};
use crate::rule::replication::{APPEND_ONLY, FOLLOWS};
use crate::rule::snapshots::{BOUNDARY, CUT, DISCARDS, KEEPS, OPAQUE};

/// Checks a status. `has_said`: whether the server has sent a message of the term that it must be in. `has_led`: whether
/// it has sent one as the leader of this term.
pub(super) fn check_status(state: &ModelServer, status: Status, has_said: bool, has_led: bool) -> Verdict<()> {
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
    let has_not_won = term == state.term() && state.is_leader() && !has_led;
    let rule = match term == state.term() || has_said {
        _ if has_not_won => &MAJORITY,
        true => &STATUS,
        false => &NEW_TERM,
    };
    let what = if has_not_won { format!("{what}: a majority has voted for it") } else { what };
    let check = if state.is_leader() { "expect_leader" } else { "expect_no_leader" };
    complain(rule, what, format!("script.{check}({}, \"what it has heard\")", state.term()))
}

/// Checks a disk against the state that it must hold. `before` is the state before the latest step.
pub(super) fn check_disk(
    before: &ModelServer,
    state: &mut ModelServer,
    disk: &DiskState,
    occurrences: &[Occurrence],
) -> Verdict<()> {
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
        let (told, right) = (Entries(first, &held).to_string(), Entries(first, &state.entries).to_string());
        let mut what = format!("server 0's log on disk holds {told}, but must hold {right}");
        if told == right {
            let difference = first_difference((first, &held), (first, &state.entries)).unwrap_or_default();
            what = format!("server 0's log on disk is wrong: {difference}");
        }
        let is_unsaved = before.base == state.base && held == before.entries;
        let rule = match (is_install, is_cut, state.is_leader()) {
            _ if is_unsaved => &DURABLE,
            (true, ..) if held.len() > state.entries.len() => &DISCARDS,
            (true, ..) | (_, true, _) => &KEEPS,
            (_, _, true) => &APPEND_ONLY,
            _ => &FOLLOWS,
        };
        let line = format!(
            "script.expect_entries_on_disk(&{}, \"what it was sent\")",
            super::super::text::entries(&state.entries)
        );
        let is_about_memory = is_install || is_cut;
        let complaint = Complaint::new(rule, what, line);
        return Err(if is_about_memory { complaint } else { complaint.look_at(&DISK_DIFFERS) });
    }
    if disk.snapshot != state.snapshot {
        let what =
            format!("the snapshot on server 0's disk is not the one that covers its log through {}", At(state.base));
        return complain(&OPAQUE, what, "");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use labrpc::{Ballot, Entry};

    use super::*;
    use crate::random_peers::model::ModelRole;
    use crate::script::entries;

    /// The complaint about a disk that holds `held`, if the log was `before` and must be `expected` after a step.
    fn complaint(before: &[Entry], expected: &[Entry], held: &[Entry]) -> Option<Complaint> {
        let model = |log: &[Entry]| {
            let ballot = Ballot { term: 3, voted_for: None };
            ModelServer { ballot, entries: log.to_vec(), ..ModelServer::new(0, 3) }
        };
        let (before, mut state) = (model(before), model(expected));
        let disk = DiskState { entries: held.to_vec().into(), ..state.disk() };
        check_disk(&before, &mut state, &disk, &[]).err()
    }

    /// A disk that holds what it held before was not written. One that holds something else was written wrongly, and
    /// how is told wherever the logs differ.
    #[test]
    fn unwritten_and_wrong_disks_are_told_apart() {
        let (old, new) = (entries(1, &[1, 2]), entries(1, &[1, 1]));
        assert!(complaint(&old, &new, &new).is_none());
        let unwritten = complaint(&old, &new, &old).expect("it is wrong");
        assert_eq!(unwritten.rule.name, "durable-before-visible");
        let wrong = complaint(&old, &new, &entries(1, &[1, 2, 1])).expect("it is wrong");
        assert_eq!(wrong.rule.name, "follower-log-follows");
        assert!(wrong.hint.places_in("2c").iter().any(|place| place.item == "save"));
        let (long, mut other) = (entries(1, &[1; 20]), entries(1, &[1; 20]));
        other[9].command = "x".into();
        let wrong = complaint(&[], &long, &other).expect("it is wrong");
        assert!(wrong.what.contains("entry 10 holds b\"x\" and should hold"), "{}", wrong.what);
    }

    /// A status behind what the server has said itself is wrong; otherwise it may not have adopted the term.
    #[test]
    fn a_late_status_is_no_ignored_term() {
        let state = ModelServer { ballot: Ballot { term: 3, voted_for: None }, ..ModelServer::new(0, 3) };
        let status = Status { term: 2, is_leader: false };
        let rule = |has_said| check_status(&state, status, has_said, false).err().map(|complaint| complaint.rule.name);
        assert_eq!((rule(true), rule(false)), (Some("status"), Some("newer-term-adopted")));
    }

    /// A server that has a majority of the votes, and has sent nothing as a leader, does not lead; one that has sent
    /// something has a wrong status.
    #[test]
    fn a_server_that_does_not_lead_has_no_wrong_status() {
        let role = ModelRole::Leader(vec![0; 3]);
        let state = ModelServer { ballot: Ballot { term: 3, voted_for: Some(0) }, role, ..ModelServer::new(0, 3) };
        let status = Status { term: 3, is_leader: false };
        let rule = |has_led| check_status(&state, status, true, has_led).err().map(|complaint| complaint.rule.name);
        assert_eq!((rule(true), rule(false)), (Some("status"), Some("majority-of-votes")));
    }
}
