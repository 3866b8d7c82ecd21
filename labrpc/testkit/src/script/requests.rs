//! What the real server sends: the script takes its requests one by one, in order of arrival.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Elect, PeerId, RaftRequest, Term, thread};

use super::cluster::REAL;
use super::steps::{about, fail, prepare};
use super::{ReceivedRequest, ScriptedCluster, TRAVEL};
use crate::rule::Rule;
use crate::rule::election::{CAMPAIGN, CAMPAIGN_DUE, FIRST_HEARTBEAT, LEADER_IN_TIME};
use crate::waited::{Awaited, Wait, waited_for};

/// What a server sends every other one at once, if it has sent it to some of them already.
fn expected_of_all(what: &str, sent: &[ReceivedRequest]) -> String {
    let to: Vec<String> = sent.iter().map(|received| received.to.to_string()).collect();
    match &to[..] {
        [] => format!("{what} to every server, at once"),
        [one] => format!("{what} to the other servers besides server {one}, at once"),
        _ => format!("{what} to the other servers besides servers {}, at once", to.join(" and ")),
    }
}

/// A message, its reply, and a little time for the server.
const ROUND_TRIP: Duration = Duration::from_millis(3);
/// A correct server campaigns within this time.
const CAMPAIGN_PATIENCE: Duration = Duration::from_secs(5);

impl<R: Elect> ScriptedCluster<R> {
    /// The next request that the real server sends, if it comes within `patience`.
    pub fn next_request(&self, patience: Duration) -> Option<ReceivedRequest> {
        let received = self.received.recv_timeout(patience).ok();
        if received.is_none() {
            self.cluster().look_for_overdue();
        }
        received
    }

    /// The next request to one server, if it comes within `patience`. Requests to others are dropped.
    pub fn next_request_to(&self, peer: PeerId, patience: Duration) -> Option<ReceivedRequest> {
        let until = Instant::now() + patience;
        std::iter::from_fn(|| self.next_request(until.duration_since(Instant::now())))
            .find(|received| received.to == peer)
    }

    /// Waits for the real server's next campaign, and takes none of its requests: see
    /// [`oldest_to`](ScriptedCluster::oldest_to).
    ///
    /// # Panics
    ///
    /// When it does not campaign within five seconds.
    #[track_caller]
    pub fn await_campaign(&self) {
        let until = Instant::now() + CAMPAIGN_PATIENCE;
        loop {
            let Some(received) = self.next_request(until.duration_since(Instant::now())) else {
                let expected = format!("a RequestVote, within {CAMPAIGN_PATIENCE:?}");
                waited_for(Wait::new(Awaited::Message(REAL, "a RequestVote".into()), CAMPAIGN_PATIENCE));
                fail(&format!("server {REAL} does not campaign"), &[("expected", &expected), ("got", &"none")]);
            };
            let is_campaign = matches!(received.request, RaftRequest::RequestVote(_));
            self.untaken.lock().push(received);
            if is_campaign {
                return thread::sleep(ROUND_TRIP);
            }
        }
    }

    /// Waits until the real server listens to candidates again, and returns a term that is newer than its own. While it hears
    /// from a leader, it may ignore them (§6): so it has campaigned meanwhile.
    ///
    /// # Panics
    ///
    /// As [`expect_campaign`](ScriptedCluster::expect_campaign).
    #[track_caller]
    pub fn await_newer_term(&self) -> Term {
        self.expect_campaign().0 + 1
    }

    /// Of the requests to one server that the script has not taken, the one that came first. Requests to
    /// others stay.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn oldest_to(&self, peer: PeerId) -> ReceivedRequest {
        self.take_untaken(peer, |requests| requests.iter().position(|received| received.to == peer))
    }

    /// Of the requests to one server that the script has not taken, the one that came last. Requests to
    /// others stay.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn newest_to(&self, peer: PeerId) -> ReceivedRequest {
        self.take_untaken(peer, |requests| requests.iter().rposition(|received| received.to == peer))
    }

    #[track_caller]
    fn take_untaken(&self, peer: PeerId, choose: impl Fn(&[ReceivedRequest]) -> Option<usize>) -> ReceivedRequest {
        thread::sleep(ROUND_TRIP);
        let mut untaken = self.untaken.lock();
        untaken.extend(self.received.try_iter());
        match choose(&untaken) {
            Some(place) => untaken.remove(place),
            None => {
                let expected = format!("a request to server {peer} that has no answer");
                fail(&format!("server {REAL} has not sent it"), &[("expected", &expected), ("got", &"none")])
            }
        }
    }

    /// All requests that the real server sends in the next `duration`.
    pub fn requests_within(&self, duration: Duration) -> Vec<ReceivedRequest> {
        let until = Instant::now() + duration;
        std::iter::from_fn(|| self.next_request(until.duration_since(Instant::now()))).collect()
    }

    /// Drops all requests so far. They stay without an answer.
    pub fn discard_requests(&self) {
        self.received.try_iter().for_each(drop);
    }

    /// The next request that satisfies `is_wanted`. `what` names it; others are dropped.
    ///
    /// # Panics
    ///
    /// When there is none within `patience`.
    #[track_caller]
    pub fn expect_request(
        &self,
        what: &str,
        patience: Duration,
        is_wanted: impl Fn(&ReceivedRequest) -> bool,
    ) -> ReceivedRequest {
        self.expect_request_about(what, patience, || None, is_wanted)
    }

    /// As [`expect_request`](ScriptedCluster::expect_request). If there is none, that breaks the rule
    /// which `rule` returns.
    #[track_caller]
    fn expect_request_about(
        &self,
        what: &str,
        patience: Duration,
        rule: impl Fn() -> Option<&'static Rule>,
        is_wanted: impl Fn(&ReceivedRequest) -> bool,
    ) -> ReceivedRequest {
        let until = Instant::now() + patience;
        let mut others = 0;
        loop {
            match self.next_request(until.duration_since(Instant::now())) {
                Some(received) if is_wanted(&received) => return received,
                Some(_) => others += 1,
                None => {
                    if let Some(rule) = rule().filter(|_| self.is_up()) {
                        about(rule);
                    }
                    let expected = format!("{what}, within {patience:?}");
                    waited_for(Wait::new(Awaited::Message(REAL, what.into()), patience));
                    let got =
                        if others == 0 { "no further request".into() } else { format!("{others} other requests") };
                    fail(&format!("server {REAL} does not send it"), &[("expected", &expected), ("got", &got)]);
                }
            }
        }
    }

    /// The next AppendEntries to one server; others are dropped. `what` names it.
    ///
    /// # Panics
    ///
    /// When there is none until the next heartbeat is due.
    #[track_caller]
    pub fn expect_append_to(&self, peer: PeerId, what: &str) -> ReceivedRequest {
        // The time starts anew with each AppendEntries to another server.
        loop {
            let patience = self.timing().heartbeat_interval + 2 * TRAVEL;
            let received = self.expect_request(what, patience, ReceivedRequest::is_append);
            if received.to == peer {
                return received;
            }
        }
    }

    /// The real server's next campaign: its term, and a RequestVote to each other server, unanswered.
    ///
    /// # Panics
    ///
    /// When it does not campaign within five seconds, or does not ask every server.
    #[track_caller]
    pub fn expect_campaign(&self) -> (Term, Vec<ReceivedRequest>) {
        let is_campaign = |received: &ReceivedRequest| matches!(received.request, RaftRequest::RequestVote(_));
        let due = || Some(&CAMPAIGN_DUE);
        let first = self.expect_request_about("a RequestVote", CAMPAIGN_PATIENCE, due, is_campaign);
        let term = first.term();
        let mut requests = vec![first];
        while requests.len() + 1 < self.cluster().size() {
            let is_same = |received: &ReceivedRequest| is_campaign(received) && received.term() == term;
            let what = expected_of_all("a RequestVote", &requests);
            requests.push(self.expect_request_about(&what, TRAVEL, || Some(&CAMPAIGN), is_same));
        }
        (term, requests)
    }

    /// The next campaign in a later term than `term`. A candidate without an answer may repeat its
    /// requests before that.
    ///
    /// # Panics
    ///
    /// As [`expect_campaign`](ScriptedCluster::expect_campaign).
    #[track_caller]
    pub fn expect_campaign_after(&self, term: Term) -> (Term, Vec<ReceivedRequest>) {
        loop {
            let (next, requests) = self.expect_campaign();
            if next > term {
                return (next, requests);
            }
        }
    }

    /// Lets the real server win an election with the votes of all: its term, and the first request
    /// that it sends to each other server as the leader, unanswered.
    ///
    /// # Panics
    ///
    /// When it does not campaign, or sends nothing at once after it has won.
    #[track_caller]
    pub fn elect(&self) -> (Term, Vec<ReceivedRequest>) {
        let elected = prepare("server 0 becomes the leader");
        let (term, requests) = self.expect_campaign();
        requests.into_iter().for_each(ReceivedRequest::grant);
        let is_first = |received: &ReceivedRequest| {
            !matches!(received.request, RaftRequest::RequestVote(_)) && received.term() == term
        };
        let mut heartbeats = Vec::new();
        while heartbeats.len() + 1 < self.cluster().size() {
            // Votes and heartbeats travel for two milliseconds; the rest is for the server itself.
            let what = expected_of_all("a first heartbeat", &heartbeats);
            let rule = || Some(if self.status().is_leader { &FIRST_HEARTBEAT } else { &LEADER_IN_TIME });
            heartbeats.push(self.expect_request_about(&what, 4 * TRAVEL, rule, is_first));
        }
        elected.done();
        (term, heartbeats)
    }

    /// Server 1 leads for a moment, and then the real server leads again, in the term that is returned. The
    /// scripted servers must [agree to everything](ScriptedCluster::agree_to_everything).
    ///
    /// # Panics
    ///
    /// When the real server does not campaign.
    #[track_caller]
    pub fn lead_anew(&self) -> Term {
        let before = self.status().term + 1;
        self.leader(1).in_term(before).heartbeat();
        let is_of_leader = |received: &ReceivedRequest| {
            received.term() > before && !matches!(received.request, RaftRequest::RequestVote(_))
        };
        self.expect_request("a first heartbeat, after an election", CAMPAIGN_PATIENCE, is_of_leader).term()
    }

    /// The real server sends nothing in the next `duration`.
    ///
    /// # Panics
    ///
    /// When it sends something.
    #[track_caller]
    pub fn expect_silence(&self, duration: Duration, why: impl std::fmt::Display) {
        if let Some(received) = self.next_request(duration) {
            fail(
                &format!("server {REAL} should be silent"),
                &[("expected", &format!("no request within {duration:?}")), ("because", &why), ("got", &received)],
            );
        }
    }
}
