//! What is seen of the real server after each step, and what follows from it.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{AppendEntries, AppendOutcome, ApplyMsg, PeerId, RaftReply, RaftRequest, thread};

use super::driver::{ANSWER_PATIENCE, PeersRun, REAL, SETTLED};
use super::explain::{Behavior, Complaint, Occurrence, explain};
use super::model::Led;
use crate::event::EventKind;
use crate::script::{ReceivedRequest, TRAVEL};
use crate::violation::Violation;

/// Long enough for everything that a server does at once, whatever the turns of its threads.
const UNLUCKY: Duration = Duration::from_millis(10);
const EXPLANATIONS_MAX: usize = 3;
/// The scripted servers forget more requests of the real server than these, and older ones.
const UNANSWERED_MAX: usize = 24;
const UNANSWERED_AGE_MAX: Duration = Duration::from_secs(5);

impl PeersRun<'_> {
    /// Moves what the real server has sent to the unanswered requests.
    pub(super) fn collect(&mut self) {
        self.unanswered.extend(self.received.try_iter());
        self.unanswered.retain(|received| received.at.elapsed() < UNANSWERED_AGE_MAX);
        let surplus = self.unanswered.len().saturating_sub(UNANSWERED_MAX);
        self.unanswered.drain(..surplus);
    }

    /// Waits until everything under way is handled, and compares the real server with the model.
    pub(super) fn settle(&mut self) {
        if self.is_over {
            return;
        }
        thread::sleep(SETTLED);
        if !self.cluster.is_up(REAL) {
            return;
        }
        let before = (self.under_way(), self.heard_lately());
        let mut seen = self.look();
        (seen.under_way, seen.heard_lately) = before;
        let until = Instant::now() + ANSWER_PATIENCE;
        while self.occurrences.iter().any(|occurrence| matches!(occurrence, Occurrence::Request(_, _, None)))
            && Instant::now() < until
        {
            thread::sleep(SETTLED);
            seen.add(self.look());
        }
        self.look_at_rest(&mut seen);
        self.note_time();
        if let Some(peer) = self.doubled.take() {
            self.cluster.network().set_link_conditions(peer, REAL, None);
        }
        let mut explained = explain(&self.states, &self.occurrences, &seen);
        for _ in 1..EXPLANATIONS_MAX {
            if explained.is_ok() {
                break;
            }
            // Perhaps it is not done yet: with unlucky turns, many entries take a while to apply.
            thread::sleep(UNLUCKY);
            self.look_at_rest(&mut seen);
            explained = explain(&self.states, &self.occurrences, &seen);
        }
        match explained {
            Ok(states) => {
                self.states = states;
                self.tell_peers();
            }
            Err(complaint) => self.report(complaint),
        }
    }

    /// The real server's AppendEntries that are not answered, if they left less than a heartbeat ago.
    fn under_way(&self) -> Vec<(PeerId, AppendEntries)> {
        let young =
            |received: &&ReceivedRequest| received.at.elapsed() + 3 * SETTLED < self.contract.timing.heartbeat_interval;
        let append = |received: &ReceivedRequest| match &received.request {
            RaftRequest::AppendEntries(append) => Some((received.to, append.clone())),
            _ => None,
        };
        self.unanswered.iter().filter(young).filter_map(append).collect()
    }

    /// The servers that the real one has sent something before this step, and not half a heartbeat ago.
    fn heard_lately(&self) -> Vec<PeerId> {
        let half = self.contract.timing.heartbeat_interval / 2;
        self.sent_at.iter().filter(|(_, at)| at.elapsed() < half).map(|(peer, _)| *peer).collect()
    }

    /// Adds what has happened since, up to a moment in which nothing happens. The server may campaign while
    /// it is asked about itself, or a late reply may arrive.
    fn look_at_rest(&mut self, seen: &mut Behavior) {
        seen.add(self.look());
        loop {
            seen.status = self.cluster.status(REAL);
            let before = self.events_seen;
            seen.add(self.look());
            if self.events_seen == before {
                break;
            }
            thread::sleep(TRAVEL);
            seen.add(self.look());
        }
        self.collect();
    }

    /// Tells the model how long ago the real server has heard from a leader.
    fn note_time(&mut self) {
        let timeout_min = self.contract.timing.election_timeout_min;
        let led = match self.led_at.map(|at| at.elapsed()) {
            Some(age) if age < timeout_min / 2 => Led::Surely,
            Some(age) if age < timeout_min + ANSWER_PATIENCE => Led::Perhaps,
            _ => Led::No,
        };
        self.states.iter_mut().for_each(|state| state.led = led);
    }

    /// The scripted servers receive the real server's replies.
    fn tell_peers(&mut self) {
        for occurrence in std::mem::take(&mut self.occurrences) {
            if let Occurrence::Request(from, _, Some(reply)) = occurrence {
                let is_led = matches!(&reply, RaftReply::AppendEntries(reply) if !matches!(reply.outcome, AppendOutcome::StaleTerm));
                if is_led {
                    self.led_at = Some(Instant::now());
                }
                self.peers.servers[from].handle_reply(REAL, &reply);
                self.latest_reply = Some(reply);
            }
        }
    }

    /// What happened since the last look. Replies and campaigns go to the occurrences.
    pub(super) fn look(&mut self) -> Behavior {
        let observer = self.cluster.observer().expect("a run with random peers has an observer");
        let events = observer.events_from(self.events_seen);
        self.events_seen += events.len();
        let mut seen = Behavior::default();
        for event in events {
            match event.kind {
                EventKind::Sent(envelope) if envelope.from == REAL => match (envelope.reply(), envelope.request()) {
                    (Some((request, reply)), _) => self.note_reply(envelope.to, request, reply),
                    (None, Some(request)) => {
                        self.note_campaign(request);
                        self.sent_at.insert(envelope.to, event.id.at);
                        seen.sent.push((envelope.to, request.clone()));
                    }
                    (None, None) => {}
                },
                EventKind::Arrived(envelope, _) if envelope.to == REAL => {
                    if let Some((_, reply)) = envelope.reply() {
                        self.occurrences.push(Occurrence::Reply(envelope.from, reply.clone()));
                    }
                }
                EventKind::Applied(REAL, message) => seen.applied.push(message),
                _ => {}
            }
        }
        seen.disk = self.contract.has_disk.then(|| observer.look(|observed| observed.servers[REAL].disk.clone()));
        seen
    }

    fn note_reply(&mut self, to: PeerId, request: &RaftRequest, reply: &RaftReply) {
        let waiting = self.occurrences.iter_mut().find_map(|occurrence| match occurrence {
            Occurrence::Request(from, asked, answer @ None) if *from == to && asked == request => Some(answer),
            _ => None,
        });
        if let Some(answer) = waiting {
            *answer = Some(reply.clone());
        }
    }

    /// A request for votes in a term that the real server had not reached is the sign of a campaign.
    fn note_campaign(&mut self, request: &RaftRequest) {
        let RaftRequest::RequestVote(request) = request else { return };
        let is_known =
            |occurrence: &Occurrence| matches!(occurrence, Occurrence::Campaign(term) if *term == request.term);
        let is_old =
            self.states.iter().any(|state| state.term() == request.term && state.ballot.voted_for == Some(REAL));
        if !is_old && !self.occurrences.iter().any(is_known) {
            self.occurrences.push(Occurrence::Campaign(request.term));
        }
    }

    pub(super) fn report(&mut self, complaint: Complaint) {
        self.is_over = true;
        self.text.expect(&complaint.expected);
        self.cluster.world().report_violation(Violation::new(complaint.rule, complaint.what).look_at(complaint.hint));
    }
}

impl Behavior {
    fn add(&mut self, later: Behavior) {
        self.sent.extend(later.sent);
        self.applied.extend::<Vec<ApplyMsg>>(later.applied);
        self.disk = later.disk;
    }
}
