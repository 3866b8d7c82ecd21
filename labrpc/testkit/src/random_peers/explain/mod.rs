//! Whether what the real server did is lawful: is there an order of the things that happened in which
//! Figures 2 and 13 lead to exactly this?
//!
//! | file | checks |
//! |---|---|
//! | `steps`, `replies` | what one step does, and what the server answers |
//! | `state` | what is there when everything is handled: status and disk |
//! | `sent` | what the server sends |
//! | `applied` | what it applies |

mod applied;
mod replies;
mod sent;
mod state;
mod steps;

use labrpc::{
    AppendEntries, ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, RaftReply, RaftRequest, Status, Term,
};

use applied::check_applied;
use sent::{check_replies, check_sent};
use state::{check_disk, check_status};
use steps::step;

use super::model::ModelServer;
use crate::DiskState;
use crate::event_line::{At, Entries};
use crate::rule::persistence::CRASH_IMAGE;
use crate::rule::{Hint, Rule};

/// Something that the real server handles in one step.
#[derive(Clone, Debug)]
pub(super) enum Occurrence {
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
pub(super) struct Behavior {
    /// The requests that it sent.
    pub(super) sent: Vec<(PeerId, RaftRequest)>,
    pub(super) applied: Vec<ApplyMsg>,
    /// Its disk afterwards; `None` if this lab's servers have none.
    pub(super) disk: Option<DiskState>,
    /// What it says about itself afterwards.
    pub(super) status: Option<Status>,
    /// The AppendEntries that were on their way before, each not older than a heartbeat.
    pub(super) under_way: Vec<(PeerId, AppendEntries)>,
    /// The servers that it has sent something so recently that no heartbeat is due to them.
    pub(super) heard_lately: Vec<PeerId>,
}

/// What is wrong.
pub(super) struct Complaint {
    pub(super) rule: &'static Rule,
    /// A sentence.
    pub(super) what: String,
    /// What would have been right, as a line of a script.
    pub(super) expected: String,
    /// Where to look, if the rule's own hint is not the best.
    pub(super) hint: &'static Hint,
}

impl Complaint {
    pub(super) fn new(rule: &'static Rule, what: impl Into<String>, expected: impl Into<String>) -> Complaint {
        Complaint { rule, what: what.into(), expected: expected.into(), hint: &rule.hint }
    }

    fn look_at(self, hint: &'static Hint) -> Complaint {
        Complaint { hint, ..self }
    }
}

type Verdict<T> = Result<T, Complaint>;

fn complain<T>(rule: &'static Rule, what: String, expected: impl Into<String>) -> Verdict<T> {
    Err(Complaint::new(rule, what, expected))
}

/// The states that the real server may be in, if it was in one of `states` before. The items of `occurrences`
/// may have been handled in any order.
pub(super) fn explain(
    states: &[ModelServer],
    occurrences: &[Occurrence],
    seen: &Behavior,
) -> Verdict<Vec<ModelServer>> {
    let mut search = OrderSearch { occurrences, seen, found: Vec::new(), complaint: None };
    for state in states {
        search.visit(&mut vec![state.clone()], &mut vec![false; occurrences.len()], 0);
    }
    match search.complaint {
        Some((_, complaint)) if search.found.is_empty() => Err(complaint),
        _ => Ok(search.found),
    }
}

/// The states that the real server may have been in when it crashed and left this disk.
pub(super) fn explain_crash(
    states: &[ModelServer],
    occurrences: &[Occurrence],
    disk: &DiskState,
) -> Verdict<Vec<ModelServer>> {
    let mut reached = states.to_vec();
    let mut latest = states.to_vec();
    for occurrence in occurrences {
        latest = latest.iter().flat_map(|state| handled(state, occurrence)).collect();
        reached.extend(latest.iter().cloned());
    }
    // A step that changes both ballot and log may be saved in parts: the newer term, the vote in it, and then the log.
    let with_ballot = |state: &ModelServer| {
        let left = disk.head.ballot;
        let is_newer_term = left.voted_for.is_none() && states.iter().all(|state| state.term() < left.term);
        let is_reached =
            reached.iter().any(|reached| reached.ballot == left || is_newer_term && reached.term() == left.term);
        is_reached.then(|| ModelServer { ballot: disk.head.ballot, ..state.clone() })
    };
    let is_left = |state: &ModelServer| {
        let expected = state.disk();
        (expected.head, &expected.entries, &expected.snapshot) == (disk.head, &disk.entries, &disk.snapshot)
    };
    let left: Vec<ModelServer> = reached.iter().filter_map(with_ballot).filter(is_left).collect();
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
fn handled(state: &ModelServer, occurrence: &Occurrence) -> Vec<ModelServer> {
    let mut next = state.clone();
    match occurrence {
        Occurrence::Request(_, request, Some(reply)) => {
            return step(state, &Occurrence::Request(0, request.clone(), Some(reply.clone()))).unwrap_or_default();
        }
        Occurrence::Request(_, request, None) => drop(next.handle_request(request, 0)),
        _ => return step(state, occurrence).unwrap_or_default(),
    }
    vec![next]
}

struct OrderSearch<'a> {
    occurrences: &'a [Occurrence],
    seen: &'a Behavior,
    found: Vec<ModelServer>,
    /// The first complaint of an order that explains the most.
    complaint: Option<(usize, Complaint)>,
}

impl OrderSearch<'_> {
    /// Tries every order of what is not yet `done`. `path` holds all states so far.
    fn visit(&mut self, path: &mut Vec<ModelServer>, done: &mut Vec<bool>, count: usize) {
        if count == self.occurrences.len() {
            match check_end(path, self.seen, self.occurrences) {
                Ok(state) if self.found.contains(&state) => {}
                Ok(state) => self.found.push(state),
                Err(complaint) => self.note(count, complaint),
            }
            return;
        }
        for next in 0..self.occurrences.len() {
            if done[next] {
                continue;
            }
            done[next] = true;
            let state = path.last().expect("a path begins with a state").clone();
            match step(&state, &self.occurrences[next]) {
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

/// Whether the server has sent a message of this term.
fn has_said(term: Term, seen: &Behavior, occurrences: &[Occurrence]) -> bool {
    let replied =
        |occurrence: &Occurrence| matches!(occurrence, Occurrence::Request(_, _, Some(reply)) if reply.term() == term);
    occurrences.iter().any(replied) || seen.sent.iter().any(|(_, request)| request.term() == term)
}

/// Whether the server has sent a message as the leader of this term.
fn has_led(term: Term, seen: &Behavior) -> bool {
    let is_leaders = |request: &RaftRequest| request.term() == term && !matches!(request, RaftRequest::RequestVote(_));
    seen.sent.iter().any(|(_, request)| is_leaders(request))
}

/// Checks what is there when everything is handled.
fn check_end(path: &[ModelServer], seen: &Behavior, occurrences: &[Occurrence]) -> Verdict<ModelServer> {
    let mut state = path.last().expect("a path begins with a state").clone();
    if let Some(status) = seen.status {
        let term = state.term();
        let has_led = path[0].is_leader() && path[0].term() == term || has_led(term, seen);
        check_status(&state, status, has_said(term, seen, occurrences), has_led)?;
    }
    if let Some(disk) = &seen.disk {
        check_disk(&path[0], &mut state, disk, occurrences)?;
    }
    seen.sent.iter().try_for_each(|(to, request)| check_sent(path, *to, request))?;
    check_replies(path, occurrences, seen)?;
    check_applied(path, &mut state, &seen.applied)?;
    Ok(state)
}
