//! Carries out a plan: the peers' messages reach the real server, and everything that it does is compared
//! with the model.

use std::time::Duration;

use labrpc::channel::Receiver;
use labrpc::network::{Carrier, Conditions, Port};
use labrpc::time::Instant;
use labrpc::{AppendEntries, ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, RaftReply, RaftRequest, thread};

use super::explain::{Complaint, Seen, Stimulus, explain, explain_crash};
use super::model::ModelServer;
use super::peers::{Peers, state_at};
use super::plan::{Bits, Plan, RealRole};
use super::text::TestText;
use crate::cluster::UntypedCluster;
use crate::codec::Codec;
use crate::event::EventKind;
use crate::script::{PUNCTUAL, ReceivedRequest, TRAVEL};
use crate::violation::Violation;

/// The real server's number.
const REAL: PeerId = 0;
/// A message, its reply, and a little time for the server.
const SETTLED: Duration = Duration::from_millis(3);
/// A correct server answers within this time.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);
/// After this time, a leader gives up a snapshot that was not answered.
const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(310);
/// A reply that arrives twice takes at most this long.
const LATE_MAX: Duration = Duration::from_millis(40);
/// Long enough for everything that a server does at once, whatever the turns of its threads.
const UNLUCKY: Duration = Duration::from_millis(10);
const EXPLANATIONS_MAX: usize = 3;
/// The scripted servers forget more requests of the real server than these, and older ones.
const UNANSWERED_MAX: usize = 24;
const UNANSWERED_AGE_MAX: Duration = Duration::from_secs(5);

/// Offers the real server a command; `None` if it crashed meanwhile.
pub(super) type StartCommand<'a> = &'a dyn Fn(Bytes) -> Option<Result<LogPosition, NotLeader>>;
/// Gives the real server a snapshot through an index.
pub(super) type TakeSnapshot<'a> = &'a dyn Fn(Index, Bytes);

/// What the real server can do, depending on the lab.
#[derive(Clone, Copy, Default)]
pub(super) struct Abilities<'a> {
    pub(super) start: Option<StartCommand<'a>>,
    pub(super) snapshot: Option<TakeSnapshot<'a>>,
}

/// One run.
pub(super) struct Driver<'a> {
    pub(super) cluster: &'a UntypedCluster,
    pub(super) codec: &'static dyn Codec,
    pub(super) received: &'a Receiver<ReceivedRequest>,
    pub(super) restart_from: &'a dyn Fn(&crate::DiskState),
    pub(super) abilities: Abilities<'a>,
    pub(super) peers: Peers,
    /// The scripted servers.
    pub(super) others: Vec<PeerId>,
    /// The states that the real server may be in.
    pub(super) states: Vec<ModelServer>,
    /// Everything that a scripted server has sent to the real one, or could have sent.
    pub(super) old_requests: Vec<(PeerId, RaftRequest)>,
    /// The real server's requests that are not answered, oldest first.
    pub(super) unanswered: Vec<ReceivedRequest>,
    /// What is under way, in the order in which it was sent.
    pub(super) stimuli: Vec<Stimulus>,
    pub(super) events_seen: usize,
    /// The scripted server whose replies arrive twice.
    pub(super) doubled: Option<PeerId>,
    /// The real server's latest reply.
    pub(super) latest_reply: Option<RaftReply>,
    pub(super) text: TestText,
    /// Whether something is wrong: the run is over.
    pub(super) is_over: bool,
}

impl Driver<'_> {
    pub(super) fn run(mut self, plan: &Plan) {
        let everyone: Vec<PeerId> = (0..plan.size).collect();
        if self.codec.has_disk() {
            plan.history.iter().for_each(|bits| self.peers.step(&everyone, &mut Bits(*bits)));
        } else {
            plan.history.iter().for_each(|bits| self.peers.step(&self.others, &mut Bits(*bits)));
        }
        self.boot();
        for bits in &plan.actions {
            if self.is_over {
                return;
            }
            self.act(plan.role, &mut Bits(*bits));
        }
        self.calm();
    }

    /// Boots the real server from the state that its model has reached.
    fn boot(&mut self) {
        let model = &mut self.peers.servers[REAL];
        model.restart();
        self.states = vec![model.clone()];
        let has_past = *model != ModelServer::new(REAL, model.cluster_size);
        let disk = has_past.then(|| model.disk());
        self.text.boots(self.cluster.size(), self.peers.has_log, disk.as_ref());
        if let Some(disk) = disk {
            (self.restart_from)(&disk);
        }
        self.settle();
    }

    /// The first of the states that the real server may be in.
    pub(super) fn real(&self) -> &ModelServer {
        &self.states[0]
    }

    /// Does one thing.
    fn act(&mut self, role: RealRole, bits: &mut Bits) {
        match role {
            RealRole::Follower => self.act_on_follower(bits),
            RealRole::Leader => self.act_on_leader(bits),
        }
        self.settle();
    }

    fn act_on_follower(&mut self, bits: &mut Bits) {
        match bits.below(100) {
            0..16 => self.act_among_peers(bits),
            16..46 => self.send_as_leader(bits, true),
            46..54 => self.send_as_candidate(bits, true),
            54..61 => self.send_again(bits, true),
            61..66 => self.answer(bits),
            66..70 => (0..bits.between(1, 6)).for_each(|_| self.answer(bits)),
            70..76 => self.start(bits),
            76..82 => self.compact(bits),
            82..90 => self.act_together(bits),
            90..93 => self.restart(),
            93..96 => self.crash_at_save(bits),
            96..98 => self.wait(Duration::from_millis(bits.between(1, 120))),
            _ => self.await_campaign(bits),
        }
    }

    fn act_on_leader(&mut self, bits: &mut Bits) {
        if !self.real().is_leader() && bits.one_in(2) {
            return match self.can_win() {
                true => self.await_campaign(bits),
                false => self.bring_up_to_date(bits.one_in(3)),
            };
        }
        match bits.below(200) {
            0..60 => self.answer(bits),
            60..90 => (0..bits.between(1, 8)).for_each(|_| self.answer(bits)),
            90..120 => (0..bits.between(1, 3)).for_each(|_| self.start(bits)),
            120..140 => self.compact(bits),
            140..160 => self.wait(Duration::from_millis(bits.between(1, 120))),
            160..166 => self.wait(SNAPSHOT_PATIENCE),
            166..176 => self.act_together(bits),
            176..180 => self.act_among_peers(bits),
            180..188 => self.send_as_leader(bits, true),
            188..191 => self.send_as_candidate(bits, true),
            191..194 => self.send_again(bits, true),
            194..197 => self.restart(),
            _ => self.crash_at_save(bits),
        }
    }

    /// Something happens among the scripted servers.
    fn act_among_peers(&mut self, bits: &mut Bits) {
        let others = std::mem::take(&mut self.others);
        self.peers.step(&others, bits);
        self.others = others;
    }

    /// Two things reach the real server at the same time.
    fn act_together(&mut self, bits: &mut Bits) {
        self.send_something(bits, false);
        match bits.below(4) {
            0 if self.abilities.start.is_some() => {
                thread::sleep(TRAVEL);
                self.start(bits);
            }
            1 if self.abilities.snapshot.is_some() => {
                thread::sleep(TRAVEL);
                self.compact(bits);
            }
            2 => self.answer_without_settling(bits),
            _ => self.send_something(bits, false),
        }
    }

    fn send_something(&mut self, bits: &mut Bits, is_alone: bool) {
        match bits.below(4) {
            0 => self.send_as_candidate(bits, is_alone),
            1 => self.send_again(bits, is_alone),
            _ => self.send_as_leader(bits, is_alone),
        }
    }

    fn send_as_leader(&mut self, bits: &mut Bits, is_alone: bool) {
        if let Some((from, request)) = self.peers.leaders_request(&self.others, self.real(), bits) {
            self.old_requests.push((from, request.clone()));
            // Or it is on its way for long.
            if !bits.one_in(6) {
                self.send(from, request, is_alone);
            }
        }
    }

    fn send_as_candidate(&mut self, bits: &mut Bits, is_alone: bool) {
        if let Some((from, request)) = self.peers.candidates_request(&self.others, bits) {
            self.old_requests.push((from, request.clone()));
            if !bits.one_in(6) {
                self.send(from, request, is_alone);
            }
        }
    }

    /// A message arrives late, or a second time.
    fn send_again(&mut self, bits: &mut Bits, is_alone: bool) {
        if self.old_requests.is_empty() {
            return;
        }
        let which = bits.below(self.old_requests.len() as u64) as usize;
        let (from, request) = self.old_requests[which].clone();
        self.send(from, request, is_alone);
    }

    pub(super) fn send(&mut self, from: PeerId, request: RaftRequest, is_alone: bool) {
        self.text.sends(from, &request, is_alone);
        self.cluster.network().send(from, REAL, Port::Raft, self.codec.write_request(&request));
        self.stimuli.push(Stimulus::Request(from, request, None));
    }

    /// A scripted server answers a request of the real one.
    fn answer(&mut self, bits: &mut Bits) {
        self.answer_without_settling(bits);
        self.settle();
    }

    fn answer_without_settling(&mut self, bits: &mut Bits) {
        let (mut peer, is_newest) = (bits.pick(&self.others).expect("there are peers"), bits.one_in(2));
        // The last server is slow, and falls behind.
        if peer == self.others.len() && !bits.one_in(6) {
            peer = 1;
        }
        let is_to = |received: &ReceivedRequest| received.to == peer;
        let place =
            if is_newest { self.unanswered.iter().rposition(is_to) } else { self.unanswered.iter().position(is_to) };
        if let Some(place) = place {
            self.answer_at(place, bits);
        }
    }

    /// A scripted server answers one of the requests that wait for an answer.
    pub(super) fn answer_at(&mut self, place: usize, bits: &mut Bits) {
        let received = self.unanswered.remove(place);
        let peer = received.to;
        let is_oldest = !self.unanswered[..place].iter().any(|earlier| earlier.to == peer);
        let reply = self.peers.servers[peer].handle_request(&received.request, bits.next());
        self.text.answers(peer, !is_oldest, &reply);
        if bits.one_in(4) {
            self.double_replies(peer);
        }
        received.reply(reply);
    }

    /// The next reply of a scripted server arrives twice, and each copy may be late.
    fn double_replies(&mut self, peer: PeerId) {
        self.text.doubles(peer);
        self.doubled = Some(peer);
        let twice = Conditions { duplicates_per_mille: 1000, delay_max: LATE_MAX, ..PUNCTUAL };
        self.cluster.network().set_link_conditions(peer, REAL, Some(twice));
    }

    /// A client proposes a command.
    fn start(&mut self, bits: &mut Bits) {
        let command = self.peers.command(bits);
        self.start_command(command);
    }

    pub(super) fn start_command(&mut self, command: Bytes) {
        let Some(start) = self.abilities.start else { return };
        if let Some(outcome) = start(command.clone()) {
            if outcome.is_ok() {
                self.text.add(format!("script.start({});", super::text::bytes(&command)));
            }
            self.stimuli.push(Stimulus::Start(command, outcome));
        }
    }

    /// The service takes a snapshot of what it has applied, or of something earlier.
    fn compact(&mut self, bits: &mut Bits) {
        let Some(snapshot) = self.abilities.snapshot else { return };
        let real = self.real();
        if real.applied == 0 {
            return;
        }
        let through = if bits.one_in(2) { real.applied } else { bits.between(1, real.applied) };
        let Some(position) = real.position(through) else { return };
        let bytes = state_at(position);
        self.text.add(format!("script.snapshot({through}, {});", super::text::bytes(&bytes)));
        snapshot(through, bytes.clone());
        self.stimuli.push(Stimulus::Compact(through, bytes));
    }

    fn restart(&mut self) {
        if self.codec.has_disk() {
            self.text.add("script.restart();".into());
            self.cluster.restart(REAL);
            self.forget();
        }
    }

    /// A request arrives, and the real server crashes at the next save.
    fn crash_at_save(&mut self, bits: &mut Bits) {
        if !self.codec.has_disk() {
            return;
        }
        let persister = self.cluster.persister(REAL);
        self.text.add("script.persister().set_crashes_per_mille(1000);".into());
        persister.set_crashes_per_mille(1000);
        self.send_something(bits, false);
        thread::sleep(SETTLED);
        persister.set_crashes_per_mille(0);
        self.text.add("thread::sleep(3 * TRAVEL);".into());
        self.text.add("script.persister().set_crashes_per_mille(0);".into());
        if !self.cluster.is_up(REAL) {
            self.boot_after_crash();
        }
    }

    fn boot_after_crash(&mut self) {
        let seen = self.look();
        let disk = seen.disk.expect("servers that crash at saves have disks");
        match explain_crash(&self.states, &self.stimuli, &disk) {
            Ok(states) => self.states = states,
            Err(complaint) => return self.report(complaint),
        }
        self.stimuli.clear();
        self.text.add("script.restart();".into());
        self.cluster.start(REAL);
        self.forget();
    }

    /// The real server has crashed and booted again.
    fn forget(&mut self) {
        self.states.iter_mut().for_each(ModelServer::restart);
        let mut states = std::mem::take(&mut self.states);
        states.dedup();
        self.states = states;
        // Nobody waits for these answers any more.
        self.collect();
        self.unanswered.clear();
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.text.add(format!("thread::sleep(Duration::from_millis({}));", duration.as_millis()));
        thread::sleep(duration);
    }

    /// Waits until the real server campaigns, and lets some of the others answer at once.
    fn await_campaign(&mut self, bits: &mut Bits) {
        if self.real().is_leader() {
            return self.wait(self.codec.timing().heartbeat_interval);
        }
        if !self.wait_for_campaign() {
            return;
        }
        for _ in 0..bits.below(self.others.len() as u64 + 1) {
            self.answer(bits);
        }
    }

    /// Waits until the real server campaigns or leads; false if it does neither in time.
    pub(super) fn wait_for_campaign(&mut self) -> bool {
        let before = self.real().term();
        self.text.add("script.expect_campaign();".into());
        let until = Instant::now() + self.codec.timing().election_timeout_max + ANSWER_PATIENCE;
        while Instant::now() < until && !self.is_over {
            thread::sleep(Duration::from_millis(10));
            self.settle();
            // A late vote may have won the campaign before.
            if self.real().term() > before || self.real().is_leader() {
                self.settle(); // Its requests arrive.
                return true;
            }
        }
        false
    }

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
        let mut seen = self.look();
        seen.under_way = self.under_way();
        let until = Instant::now() + ANSWER_PATIENCE;
        while self.stimuli.iter().any(|stimulus| matches!(stimulus, Stimulus::Request(_, _, None)))
            && Instant::now() < until
        {
            thread::sleep(SETTLED);
            seen.add(self.look());
        }
        self.look_at_rest(&mut seen);
        if let Some(peer) = self.doubled.take() {
            self.cluster.network().set_link_conditions(peer, REAL, None);
        }
        let mut explained = explain(&self.states, &self.stimuli, &seen);
        for _ in 1..EXPLANATIONS_MAX {
            if explained.is_ok() {
                break;
            }
            // Perhaps it is not done yet: with unlucky turns, many entries take a while to apply.
            thread::sleep(UNLUCKY);
            self.look_at_rest(&mut seen);
            explained = explain(&self.states, &self.stimuli, &seen);
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
            |received: &&ReceivedRequest| received.at.elapsed() + 3 * SETTLED < self.codec.timing().heartbeat_interval;
        let append = |received: &ReceivedRequest| match &received.request {
            RaftRequest::AppendEntries(append) => Some((received.to, append.clone())),
            _ => None,
        };
        self.unanswered.iter().filter(young).filter_map(append).collect()
    }

    /// Adds what has happened since, up to a moment in which nothing happens. The server may campaign while
    /// it is asked about itself, or a late reply may arrive.
    fn look_at_rest(&mut self, seen: &mut Seen) {
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

    /// The scripted servers receive the real server's replies.
    fn tell_peers(&mut self) {
        for stimulus in std::mem::take(&mut self.stimuli) {
            if let Stimulus::Request(from, _, Some(reply)) = stimulus {
                self.peers.servers[from].handle_reply(REAL, &reply);
                self.latest_reply = Some(reply);
            }
        }
    }

    /// What happened since the last look. Replies and campaigns go to the stimuli.
    fn look(&mut self) -> Seen {
        let observer = self.cluster.observer().expect("a run with random peers has an observer");
        let events = observer.events_from(self.events_seen);
        self.events_seen += events.len();
        let mut seen = Seen::default();
        for event in events {
            match event.kind {
                EventKind::Sent(envelope) if envelope.from == REAL => match (envelope.reply(), envelope.request()) {
                    (Some((request, reply)), _) => self.note_reply(envelope.to, request, reply),
                    (None, Some(request)) => {
                        self.note_campaign(request);
                        seen.sent.push((envelope.to, request.clone()));
                    }
                    (None, None) => {}
                },
                EventKind::Arrived(envelope, _) if envelope.to == REAL => {
                    if let Some((_, reply)) = envelope.reply() {
                        self.stimuli.push(Stimulus::Reply(envelope.from, reply.clone()));
                    }
                }
                EventKind::Applied(REAL, message) => seen.applied.push(message),
                _ => {}
            }
        }
        seen.disk = self.codec.has_disk().then(|| observer.look(|observed| observed.servers[REAL].disk.clone()));
        seen
    }

    fn note_reply(&mut self, to: PeerId, request: &RaftRequest, reply: &RaftReply) {
        let waiting = self.stimuli.iter_mut().find_map(|stimulus| match stimulus {
            Stimulus::Request(from, asked, answer @ None) if *from == to && asked == request => Some(answer),
            _ => None,
        });
        if let Some(answer) = waiting {
            *answer = Some(reply.clone());
        }
    }

    /// A request for votes in a term that the real server had not reached is the sign of a campaign.
    fn note_campaign(&mut self, request: &RaftRequest) {
        let RaftRequest::RequestVote(request) = request else { return };
        let is_known = |stimulus: &Stimulus| matches!(stimulus, Stimulus::Campaign(term) if *term == request.term);
        let is_old =
            self.states.iter().any(|state| state.term() == request.term && state.ballot.voted_for == Some(REAL));
        if !is_old && !self.stimuli.iter().any(is_known) {
            self.stimuli.push(Stimulus::Campaign(request.term));
        }
    }

    pub(super) fn report(&mut self, complaint: Complaint) {
        self.is_over = true;
        self.text.expect(&complaint.expected);
        self.cluster.world().report_violation(Violation::new(complaint.rule, complaint.what));
    }
}

impl Seen {
    fn add(&mut self, later: Seen) {
        self.sent.extend(later.sent);
        self.applied.extend::<Vec<ApplyMsg>>(later.applied);
        self.disk = later.disk;
    }
}
