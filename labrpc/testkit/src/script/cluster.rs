//! One real server among played ones.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Receiver};
use labrpc::network::{Carrier, Network, Port};
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, RaftReply, RaftRequest, RequestVote,
    RequestVoteReply,
};
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Image, Index, LogPosition, NotLeader, PeerId, Persister, Replicate, Status, Term,
    sim, thread,
};

use super::PUNCTUAL;
use super::peer::{Part, ReceivedRequest, ScriptedPeer};
use crate::DiskState;
use crate::cluster::{Boot, Booted, Cluster};
use crate::world::World;

/// A real server, number 0, among played ones.
///
/// The oracles watch it, too; but of the others they believe nothing.
pub struct ScriptedCluster<R: Elect> {
    cluster: Cluster<R>,
    received: Receiver<ReceivedRequest>,
    part: Part,
    applied: Receiver<ApplyMsg>,
}

/// The real server.
pub(super) const ME: PeerId = 0;
/// A server that is right answers within this.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);
/// And campaigns within this.
const CAMPAIGN_PATIENCE: Duration = Duration::from_secs(5);

impl<R: Elect> ScriptedCluster<R> {
    /// Boots the real server of a cluster of so many. If its service is booted with it, nothing is
    /// seen of what it applies.
    pub fn new(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        let (_, applied) = channel::bounded(0);
        ScriptedCluster::raise(Cluster::with_scripted_peers(world, size, |server| server == ME, boot), applied)
    }

    fn raise(cluster: Cluster<R>, applied: Receiver<ApplyMsg>) -> ScriptedCluster<R> {
        let network = cluster.network();
        network.set_conditions(PUNCTUAL);
        let codec = cluster.world().codec().expect("a script needs to know how the lab's messages are read");
        let (hears, received) = channel::unbounded();
        let part = Part::default();
        for peer in cluster.servers().filter(|&server| server != ME) {
            let scripted_peer = ScriptedPeer { me: peer, codec, received: hears.clone(), part: part.clone() };
            network.plug(peer, Some(sim::new_node(format!("played server {peer}"))));
            network.add_service(peer, Port::Raft, Arc::new(scripted_peer));
        }
        cluster.observer().iter().for_each(|observer| observer.record()); // a script is short
        cluster.start(ME);
        ScriptedCluster { cluster, received, part, applied }
    }

    /// The cluster of which the real server believes to be a part.
    pub fn cluster(&self) -> &Cluster<R> {
        &self.cluster
    }

    /// The network, for faults.
    pub fn network(&self) -> &Network {
        self.cluster.network()
    }

    /// The real server's disk, read.
    pub fn disk(&self) -> DiskState {
        self.cluster.observer().expect("a stage is watched").look(|observed| observed.servers[ME].disk.clone())
    }

    /// What the real server believes about itself.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn status(&self) -> Status {
        self.cluster.status(ME).expect("the server is up")
    }

    /// Played servers answer by themselves from now on whatever `part` has an answer to; the rest
    /// waits for the script.
    pub fn play(&self, part: impl FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send + 'static) {
        *self.part.lock() = Some(Box::new(part));
    }

    /// Played servers vote for the real one and agree to all that it sends, from now on.
    pub fn play_along(&self) {
        self.play(|_, request| Some(super::obedient(request)));
    }

    /// Played servers answer nothing by themselves from now on.
    pub fn play_dead(&self) {
        *self.part.lock() = None;
    }

    /// A played server asks, and is answered.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    #[track_caller]
    pub fn ask(&self, from: PeerId, request: RaftRequest) -> RaftReply {
        self.try_ask(from, request.clone())
            .unwrap_or_else(|| panic!("server {ME} did not answer within {ANSWER_PATIENCE:?}: {request:?}"))
    }

    /// As [`ask`](ScriptedCluster::ask), for a server that may crash, or is busy.
    pub fn try_ask(&self, from: PeerId, request: RaftRequest) -> Option<RaftReply> {
        let codec = self.cluster.world().codec().expect("a stage has eyes");
        let reply = self.network().call(from, ME, Port::Raft, codec.write_request(&request), ANSWER_PATIENCE)?;
        Some(codec.read_reply(&request, &reply).unwrap_or_else(|error| panic!("{error}")))
    }

    /// A played candidate asks for a vote, and is told term and verdict.
    #[track_caller]
    pub fn request_vote(&self, from: PeerId, term: Term, last_log: LogPosition) -> (Term, bool) {
        match self.ask(from, RaftRequest::RequestVote(RequestVote { term, candidate: from, last_log })) {
            RaftReply::RequestVote(RequestVoteReply { term, granted }) => (term, granted),
            other => panic!("a vote was asked for, and answered with {other:?}"),
        }
    }

    /// A played leader sends entries, and is told term and outcome. Lab 2A's answer has no outcome:
    /// it is an agreement unless the term is over.
    #[track_caller]
    pub fn append(
        &self,
        from: PeerId,
        term: Term,
        prev: LogPosition,
        entries: Vec<Entry>,
        leader_commit: Index,
    ) -> (Term, AppendOutcome) {
        let request = RaftRequest::AppendEntries(AppendEntries { term, leader: from, prev, entries, leader_commit });
        outcome(self.ask(from, request))
    }

    /// A played leader sends a heartbeat that vouches for nothing.
    #[track_caller]
    pub fn heartbeat(&self, from: PeerId, term: Term) -> (Term, AppendOutcome) {
        self.append(from, term, LogPosition::ZERO, Vec::new(), 0)
    }

    /// A played leader sends a snapshot.
    #[track_caller]
    pub fn install(&self, from: PeerId, term: Term, through: LogPosition, snapshot: Bytes) -> (Term, AppendOutcome) {
        outcome(self.ask(
            from,
            RaftRequest::InstallSnapshot(InstallSnapshot { term, leader: from, last_included: through, snapshot }),
        ))
    }

    /// The next request that the real server sends, if it comes within `patience`.
    pub fn hear(&self, patience: Duration) -> Option<ReceivedRequest> {
        self.received.recv_timeout(patience).ok()
    }

    /// All that the real server sends for so long.
    pub fn hear_all(&self, duration: Duration) -> Vec<ReceivedRequest> {
        let until = Instant::now() + duration;
        let mut all = Vec::new();
        loop {
            let left = until.duration_since(Instant::now());
            match self.hear(left) {
                Some(received) => all.push(received),
                None => return all,
            }
        }
    }

    /// Forgets what the real server has sent so far. What was not answered never will be.
    pub fn forget_heard(&self) {
        self.received.try_iter().for_each(drop);
    }

    /// The next request that `wanted` wants; what comes before it is dropped.
    ///
    /// # Panics
    ///
    /// When there is none within `patience`.
    #[track_caller]
    pub fn await_request(
        &self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&RaftRequest) -> bool,
    ) -> ReceivedRequest {
        let until = Instant::now() + patience;
        loop {
            let received = self.hear(until.duration_since(Instant::now()));
            match received {
                Some(received) if wanted(&received.request) => return received,
                Some(_) => {}
                None => panic!("server {ME} did not send {what} within {patience:?}"),
            }
        }
    }

    /// The real server's next campaign: its term, and the requests for votes, one for each other
    /// server, unanswered.
    ///
    /// # Panics
    ///
    /// When it does not campaign within five seconds, or does not ask everyone.
    #[track_caller]
    pub fn await_campaign(&self) -> (Term, Vec<ReceivedRequest>) {
        let is_campaign = |request: &RaftRequest| matches!(request, RaftRequest::RequestVote(_));
        let first = self.await_request("a request for votes", CAMPAIGN_PATIENCE, is_campaign);
        let term = first.request.term();
        let mut round = vec![first];
        while round.len() + 1 < self.cluster.size() {
            round.push(self.await_request("a request for votes to everyone", super::TRAVEL, |request| {
                is_campaign(request) && request.term() == term
            }));
        }
        (term, round)
    }

    /// Lets the real server win an election with the votes of all, and gives its term and the first
    /// requests that it sends as a leader, one for each other server, unanswered.
    ///
    /// # Panics
    ///
    /// When it does not campaign, or does not speak at once when it has won.
    #[track_caller]
    pub fn elect(&self) -> (Term, Vec<ReceivedRequest>) {
        let (term, round) = self.await_campaign();
        round.into_iter().for_each(|received| received.reply(super::granted(term)));
        let mut greeting = Vec::new();
        while greeting.len() + 1 < self.cluster.size() {
            // There and back again, and a little for the server itself.
            greeting.push(self.await_request("a first heartbeat to everyone at once", 4 * super::TRAVEL, |request| {
                !matches!(request, RaftRequest::RequestVote(_)) && request.term() == term
            }));
        }
        (term, greeting)
    }

    /// Whether the real server is up: it may have crashed at a save.
    pub fn is_up(&self) -> bool {
        self.cluster.is_up(ME)
    }

    /// Crashes the real server.
    pub fn crash(&self) {
        self.cluster.crash(ME);
    }

    /// Crashes the real server, and boots it from its disk.
    pub fn restart(&self) {
        self.cluster.restart(ME);
    }

    /// Crashes the real server, and boots it from a disk that holds this.
    pub fn restart_from(&self, disk: &DiskState) {
        let codec =
            self.cluster.world().codec().filter(|codec| codec.has_disk()).expect("this lab's servers have disks");
        let image = Image {
            head: codec.write_head(&disk.head),
            entries: disk.entries.iter().map(|entry| codec.write_entry(entry)).collect(),
            snapshot: disk.snapshot.clone(),
        };
        if self.is_up() {
            self.crash();
        }
        self.cluster.set_persister(ME, Persister::from_image(ME, image));
        self.cluster.start(ME);
    }
}

impl<R: Replicate> ScriptedCluster<R> {
    /// Boots the real server of a cluster of so many, and sees what it applies.
    pub fn replicating(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        ScriptedCluster::with_service(world, size, boot, |_, _| ())
    }

    /// As [`replicating`](ScriptedCluster::replicating), with a service that does something about each message
    /// before it takes the next.
    pub fn with_service(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
        service: impl Fn(&R, &ApplyMsg) + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        let (noted, applied) = channel::unbounded();
        let service = Arc::new(service);
        let boot = move |start: Boot| {
            let (apply_rx, noted, service) = (start.apply_rx.clone(), noted.clone(), service.clone());
            let booted = boot(start);
            let raft = booted.server.clone();
            let serve = move || {
                for message in apply_rx.iter() {
                    service(&raft, &message);
                    let _ = noted.send(message);
                }
            };
            thread::Builder::new().name("service".into()).spawn(serve).expect("a thread for the service");
            booted
        };
        ScriptedCluster::raise(Cluster::with_scripted_peers(world, size, |server| server == ME, boot), applied)
    }

    /// Offers the real server a command.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn start(&self, command: impl Into<Bytes>) -> Result<LogPosition, NotLeader> {
        let command = command.into();
        self.cluster.start_command_at(ME, command).expect("the server is up")
    }

    /// What the service took since the last time that it was asked for.
    pub fn applied(&self) -> Vec<ApplyMsg> {
        self.applied.try_iter().collect()
    }

    /// The indices of the commands that the service took since the last time that it was asked for.
    pub fn applied_indices(&self) -> Vec<Index> {
        let index = |message| match message {
            ApplyMsg::Command { at, .. } => at.index,
            ApplyMsg::Snapshot { through, .. } => through.index,
        };
        self.applied().into_iter().map(index).collect()
    }
}

impl<R: Compact> ScriptedCluster<R> {
    /// The service gives its server a snapshot.
    pub fn snapshot(&self, through: Index, snapshot: impl Into<Bytes>) {
        let snapshot = snapshot.into();
        self.cluster.visit(ME, move |server| server.snapshot(through, snapshot));
    }
}

fn outcome(reply: RaftReply) -> (Term, AppendOutcome) {
    match reply {
        RaftReply::AppendEntries(AppendEntriesReply { term, outcome }) => (term, outcome),
        other => panic!("a leader spoke, and was answered with {other:?}"),
    }
}
