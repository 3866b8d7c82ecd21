//! Whether what the real server did is lawful: is there an order of the things that happened in which
//! Figures 2 and 13 lead to exactly this?

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Bytes, Index, InstallSnapshot, LogPosition};
use labrpc::{NotLeader, PeerId, RaftReply, RaftRequest, RequestVote, RequestVoteReply, Status, Term};

use super::model::{ModelServer, Role};
use crate::DiskState;
use crate::event_line::{At, Entries, Reply, Request};
use crate::rule::Rule;
use crate::rule::election::{CAMPAIGN, LEADER_STAYS, NEW_TERM, OLD_TERM, STATUS, VOTE_GIVEN, VOTE_ONCE};
use crate::rule::life::STUCK;
use crate::rule::persistence::{CRASH_IMAGE, DURABLE};
use crate::rule::replication::{
    APPEND_ONLY, APPLY_AT_ONCE, APPLY_ORDER, BACK_UP, COMMIT_AT_ONCE, CONSISTENCY, ELECTION_RESTRICTION,
    FOLLOWER_COMMIT, FOLLOWS, LATE_REPLY, LOG_MATCHING, MAJORITY_COMMIT, OWN_TERM_COMMIT, START, STATE_MACHINE,
};
use crate::rule::snapshots::{BOUNDARY, COVERED, CUT, DELIVERED, DISCARDS, KEEPS, OPAQUE, SENT};

/// Something that the real server handles in one step.
#[derive(Clone, Debug)]
pub(super) enum Stimulus {
    /// A request, and the real server's reply.
    Request(PeerId, RaftRequest, Option<RaftReply>),
    /// A reply to one of the real server's requests.
    Reply(PeerId, RaftReply),
    /// Its election timer ran out: it campaigned in this term.
    Campaign(Term),
    /// A command was offered, and `start` returned this.
    Start(Bytes, Result<LogPosition, NotLeader>),
    /// The service gave it a snapshot.
    Compact(Index, Bytes),
}

/// What was seen of the real server, besides its replies.
#[derive(Default)]
pub(super) struct Seen {
    /// The requests that it sent.
    pub(super) sent: Vec<(PeerId, RaftRequest)>,
    pub(super) applied: Vec<ApplyMsg>,
    /// Its disk afterwards; `None` if this lab's servers have none.
    pub(super) disk: Option<DiskState>,
    /// What it says about itself afterwards.
    pub(super) status: Option<Status>,
    /// The AppendEntries that were on their way before, each not older than a heartbeat.
    pub(super) under_way: Vec<(PeerId, AppendEntries)>,
}

/// What is wrong.
pub(super) struct Complaint {
    pub(super) rule: &'static Rule,
    /// A sentence.
    pub(super) what: String,
    /// What would have been right, as a line of a script.
    pub(super) expected: String,
}

type Verdict<T> = Result<T, Complaint>;

fn complain<T>(rule: &'static Rule, what: String, expected: impl Into<String>) -> Verdict<T> {
    Err(Complaint { rule, what, expected: expected.into() })
}

/// The states that the real server may be in, if it was in one of `states` before. The items of `stimuli`
/// may have been handled in any order.
pub(super) fn explain(states: &[ModelServer], stimuli: &[Stimulus], seen: &Seen) -> Verdict<Vec<ModelServer>> {
    let mut search = Search { stimuli, seen, found: Vec::new(), complaint: None };
    for state in states {
        search.visit(&mut vec![state.clone()], &mut vec![false; stimuli.len()], 0);
    }
    match search.complaint {
        Some((_, complaint)) if search.found.is_empty() => Err(complaint),
        _ => Ok(search.found),
    }
}

/// The states that the real server may have been in when it crashed and left this disk.
pub(super) fn explain_crash(
    states: &[ModelServer],
    stimuli: &[Stimulus],
    disk: &DiskState,
) -> Verdict<Vec<ModelServer>> {
    let mut reached = states.to_vec();
    let mut latest = states.to_vec();
    for stimulus in stimuli {
        latest = latest.iter().flat_map(|state| handled(state, stimulus)).collect();
        reached.extend(latest.iter().cloned());
    }
    let is_left = |state: &ModelServer| {
        let expected = state.disk();
        (expected.head, &expected.entries, &expected.snapshot) == (disk.head, &disk.entries, &disk.snapshot)
    };
    let left: Vec<ModelServer> = reached.into_iter().filter(is_left).collect();
    if left.is_empty() {
        let held: Vec<_> = disk.entries.iter().cloned().collect();
        let what = format!(
            "server 0 crashed at a save, and its disk holds a state that it was never in: term {}, log after {}: {}",
            disk.head.ballot.term,
            At(disk.head.base),
            Entries(disk.head.base.index + 1, &held)
        );
        return complain(&CRASH_IMAGE, what, "");
    }
    Ok(left)
}

/// The states after a step whose reply nobody has seen.
fn handled(state: &ModelServer, stimulus: &Stimulus) -> Vec<ModelServer> {
    let mut next = state.clone();
    match stimulus {
        Stimulus::Request(_, request, Some(reply)) => {
            return step(state, &Stimulus::Request(0, request.clone(), Some(reply.clone()))).unwrap_or_default();
        }
        Stimulus::Request(_, request, None) => drop(next.handle_request(request, 0)),
        _ => return step(state, stimulus).unwrap_or_default(),
    }
    vec![next]
}

struct Search<'a> {
    stimuli: &'a [Stimulus],
    seen: &'a Seen,
    found: Vec<ModelServer>,
    /// The first complaint of an order that explains the most.
    complaint: Option<(usize, Complaint)>,
}

impl Search<'_> {
    /// Tries every order of what is not yet `done`. `path` holds all states so far.
    fn visit(&mut self, path: &mut Vec<ModelServer>, done: &mut Vec<bool>, count: usize) {
        if count == self.stimuli.len() {
            match check_end(path, self.seen, self.stimuli) {
                Ok(state) if self.found.contains(&state) => {}
                Ok(state) => self.found.push(state),
                Err(complaint) => self.note(count, complaint),
            }
            return;
        }
        for next in 0..self.stimuli.len() {
            if done[next] {
                continue;
            }
            done[next] = true;
            let state = path.last().expect("a path begins with a state").clone();
            match step(&state, &self.stimuli[next]) {
                Ok(states) => {
                    for state in states {
                        path.push(state);
                        self.visit(path, done, count + 1);
                        path.pop();
                    }
                }
                Err(complaint) => self.note(count, complaint),
            }
            done[next] = false;
        }
    }

    fn note(&mut self, explained: usize, complaint: Complaint) {
        if self.complaint.as_ref().is_none_or(|(most, _)| explained > *most) {
            self.complaint = Some((explained, complaint));
        }
    }
}

/// The states that may follow a state.
fn step(state: &ModelServer, stimulus: &Stimulus) -> Verdict<Vec<ModelServer>> {
    let mut next = state.clone();
    match stimulus {
        Stimulus::Request(from, request, reply) => {
            let Some(reply) = reply else {
                let what = format!("server 0 does not answer server {from}'s {}", Request(request));
                return complain(&STUCK, what, "");
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
        Stimulus::Reply(from, reply) => next.handle_reply(*from, reply),
        Stimulus::Campaign(term) => {
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
        Stimulus::Start(command, outcome) => {
            let expected = next.propose(command.clone());
            if *outcome != expected.ok_or(NotLeader) {
                return start(state, expected, *outcome);
            }
        }
        Stimulus::Compact(through, snapshot) => next.compact(*through, snapshot.clone()),
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

/// RequestVote (§5.2, §5.4.1).
fn vote(state: &ModelServer, request: &RequestVote, reply: &RequestVoteReply) -> Verdict<ModelServer> {
    let mut next = state.clone();
    let expected = next.request_vote(request);
    if *reply == expected {
        return Ok(next);
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
fn appended(
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
fn installed(state: &ModelServer, request: &InstallSnapshot, reply: &AppendEntriesReply) -> Verdict<Vec<ModelServer>> {
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

/// Checks what is there when everything is handled.
fn check_end(path: &[ModelServer], seen: &Seen, stimuli: &[Stimulus]) -> Verdict<ModelServer> {
    let mut state = path.last().expect("a path begins with a state").clone();
    if let Some(status) = seen.status {
        check_status(&state, status)?;
    }
    if let Some(disk) = &seen.disk {
        check_disk(&mut state, disk, stimuli)?;
    }
    seen.sent.iter().try_for_each(|(to, request)| check_sent(path, *to, request))?;
    check_late_replies(path, stimuli, seen)?;
    check_applied(path, &mut state, &seen.applied)?;
    Ok(state)
}

fn check_status(state: &ModelServer, status: Status) -> Verdict<()> {
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

fn check_disk(state: &mut ModelServer, disk: &DiskState, stimuli: &[Stimulus]) -> Verdict<()> {
    let ballot = disk.head.ballot;
    let vote =
        |vote: Option<PeerId>| vote.map_or("no vote".to_string(), |server| format!("a vote for server {server}"));
    let line =
        format!("script.expect_ballot_on_disk({}, {:?}, \"what it has heard\")", state.term(), state.ballot.voted_for);
    // Whoever follows a leader may note it as the candidate that has the vote: nobody else can win this term.
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
    let has = |wanted: fn(&Stimulus) -> bool| stimuli.iter().any(wanted);
    let is_install = has(|stimulus| matches!(stimulus, Stimulus::Request(_, RaftRequest::InstallSnapshot(_), _)));
    let is_cut = has(|stimulus| matches!(stimulus, Stimulus::Compact(..)));
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
        let line =
            format!("script.expect_entries_on_disk(&{}, \"what it was sent\")", super::text::entries(&state.entries));
        return complain(rule, what, line);
    }
    if disk.snapshot != state.snapshot {
        let what =
            format!("the snapshot on server 0's disk is not the one that covers its log through {}", At(state.base));
        return complain(&OPAQUE, what, "");
    }
    Ok(())
}

/// Checks a request that the real server sent in one of the states of a path.
fn check_sent(path: &[ModelServer], to: PeerId, request: &RaftRequest) -> Verdict<()> {
    let mut first = None;
    for state in path.iter().rev() {
        match may_send(state, request) {
            Ok(()) => return Ok(()),
            Err(complaint) => drop(first.get_or_insert(complaint)),
        }
    }
    let mut complaint = first.expect("a path begins with a state");
    complaint.what = format!("{} (it sends server {to}: {})", complaint.what, Request(request));
    Err(complaint)
}

/// Checks that replies which say nothing new make a leader send nothing. Heartbeats go to all servers at once.
fn check_late_replies(path: &[ModelServer], stimuli: &[Stimulus], seen: &Seen) -> Verdict<()> {
    let Some(Stimulus::Reply(from, reply)) = stimuli.last() else { return Ok(()) };
    let (first, last) = (&path[0], path.last().expect("a path begins with a state"));
    let is_same = stimuli.iter().all(|stimulus| matches!(stimulus, Stimulus::Reply(other, _) if other == from));
    let Role::Leader(matched) = &first.role else { return Ok(()) };
    let is_refusal = |reply: &RaftReply| !matches!(reply, RaftReply::AppendEntries(reply) if matches!(reply.outcome, AppendOutcome::Through(_)));
    if !is_same || first != last || is_refusal(reply) || seen.sent.iter().any(|(to, _)| to != from) {
        return Ok(());
    }
    let holds_all = matched[*from] == first.last().index;
    for (_, request) in &seen.sent {
        let RaftRequest::AppendEntries(append) = request else { continue };
        let is_under_way = |(to, earlier): &(PeerId, AppendEntries)| {
            to == from
                && earlier.term == append.term
                && earlier.prev.index <= append.prev.index
                && last_index(earlier) >= last_index(append)
        };
        if holds_all || (!append.entries.is_empty() && seen.under_way.iter().any(is_under_way)) {
            let why = if holds_all { "holds everything" } else { "has not answered the request with these entries" };
            let what = format!(
                "server {from} {why}, and a late or doubled reply of it ({}) makes server 0 send it {}",
                Reply(reply),
                Request(request)
            );
            return complain(&LATE_REPLY, what, "");
        }
    }
    Ok(())
}

fn last_index(append: &AppendEntries) -> Index {
    append.prev.index + append.entries.len() as Index
}

fn may_send(state: &ModelServer, request: &RaftRequest) -> Verdict<()> {
    let role = match state.role {
        Role::Follower => "a follower",
        Role::Candidate(_) => "a candidate",
        Role::Leader(_) => "the leader",
    };
    let is_right_role = match request {
        RaftRequest::RequestVote(_) => !matches!(state.role, Role::Follower),
        _ => state.is_leader(),
    };
    if !is_right_role || request.term() != state.term() {
        let what = format!("server 0 is {role} in term {}, and must not send this", state.term());
        return complain(&NEW_TERM, what, "");
    }
    match request {
        RaftRequest::RequestVote(request) if request.last_log != state.last() || request.candidate != 0 => {
            let what = format!(
                "server 0 campaigns for server {} with a log that ends at {}, but its own ends at {}",
                request.candidate,
                At(request.last_log),
                At(state.last())
            );
            complain(&CAMPAIGN, what, "")
        }
        RaftRequest::RequestVote(_) => Ok(()),
        RaftRequest::AppendEntries(append) => may_append(state, append),
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

fn may_append(state: &ModelServer, append: &AppendEntries) -> Verdict<()> {
    let AppendEntries { leader, prev, entries, leader_commit, .. } = append;
    if *leader != 0 {
        return complain(&NEW_TERM, format!("server 0 sends AppendEntries in the name of server {leader}"), "");
    }
    if state.position(prev.index) != Some(*prev) {
        let what = format!("server 0's log does not hold {}, after which it sends entries", At(*prev));
        return complain(&LOG_MATCHING, what, "");
    }
    let own = entries.iter().zip(prev.index + 1..).all(|(entry, index)| state.get(index) == Some(entry));
    if !own {
        return complain(&LOG_MATCHING, "server 0 sends entries that its own log does not hold".into(), "");
    }
    if *leader_commit > state.commit {
        let is_old = state.get(*leader_commit).is_some_and(|entry| entry.term < state.term());
        let what = format!("server 0 announces that entry {leader_commit} is committed, but only {} is", state.commit);
        return complain(if is_old { &OWN_TERM_COMMIT } else { &MAJORITY_COMMIT }, what, "");
    }
    Ok(())
}

/// Checks what the service received: everything that is committed now, in order, once.
fn check_applied(path: &[ModelServer], state: &mut ModelServer, applied: &[ApplyMsg]) -> Verdict<()> {
    for message in applied {
        match message {
            ApplyMsg::Command { at, command } => {
                let next = state.applied + 1;
                if at.index != next {
                    let what = format!("server 0 applies entry {} where entry {next} is next", At(*at));
                    return complain(&APPLY_ORDER, what, "");
                }
                if at.index > state.commit {
                    return too_early(state, *at);
                }
                let is_right = path
                    .iter()
                    .filter_map(|state| state.get(at.index))
                    .any(|entry| entry.term == at.term && entry.command == *command);
                if !is_right {
                    let what = format!("server 0 applies another command or term at {} than its log holds", At(*at));
                    return complain(&STATE_MACHINE, what, "");
                }
                state.applied = at.index;
            }
            ApplyMsg::Snapshot { through, snapshot } => {
                let is_right = path.iter().any(|state| state.base == *through && state.snapshot == *snapshot);
                if !is_right || through.index <= state.applied {
                    let what = format!(
                        "server 0 applies a snapshot through {}; its log begins after {}, and it has applied everything through {}",
                        At(*through),
                        At(state.base),
                        state.applied
                    );
                    return complain(&DELIVERED, what, "");
                }
                state.applied = through.index;
            }
        }
    }
    if state.applied == state.commit {
        return Ok(());
    }
    let what = format!(
        "server 0 has applied entries through {}, but entries through {} are committed",
        state.applied, state.commit
    );
    let line =
        format!("script.expect_applied_indices({}..={}, \"these are committed\")", state.applied + 1, state.commit);
    let rule = match state.base.index > state.applied {
        true => &DELIVERED,
        false if state.is_leader() => &COMMIT_AT_ONCE,
        false => &APPLY_AT_ONCE,
    };
    complain(rule, what, line)
}

fn too_early(state: &ModelServer, at: LogPosition) -> Verdict<()> {
    let what = format!("server 0 applies entry {}, but only entries through {} are committed", At(at), state.commit);
    let rule = match state.is_leader() {
        true if at.term < state.term() => &OWN_TERM_COMMIT,
        true => &MAJORITY_COMMIT,
        false => &FOLLOWER_COMMIT,
    };
    let line = format!(
        "script.expect_applied_indices({}..={}, \"only these are committed\")",
        state.applied + 1,
        state.commit
    );
    complain(rule, what, line)
}
