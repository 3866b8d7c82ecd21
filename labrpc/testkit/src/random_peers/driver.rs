//! Carries out a plan: the peers' messages reach the real server, and everything that it does is compared
//! with the model.

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::channel::Receiver;
use labrpc::time::Instant;
use labrpc::{Bytes, Index, LogPosition, NotLeader, PeerId, RaftReply, RaftRequest};

use super::explain::Occurrence;
use super::model::ModelServer;
use super::peers::Peers;
use super::plan::{Bits, RunPlan};
use super::text::TestText;
use crate::cluster::UntypedCluster;
use crate::contract::Contract;
use crate::script::ReceivedRequest;

/// The real server's number.
pub(super) const REAL: PeerId = 0;
/// A message, its reply, and a little time for the server.
pub(super) const SETTLED: Duration = Duration::from_millis(3);
/// A correct server answers within this time.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

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
pub(super) struct PeersRun<'a> {
    pub(super) cluster: &'a UntypedCluster,
    pub(super) contract: &'static Contract,
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
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) events_seen: usize,
    /// The scripted server whose replies arrive twice.
    pub(super) doubled: Option<PeerId>,
    /// When the real server last heard from a leader, since it booted.
    pub(super) led_at: Option<Instant>,
    /// When the real server last sent something to each of the others.
    pub(super) sent_at: BTreeMap<PeerId, Instant>,
    /// The real server's latest reply.
    pub(super) latest_reply: Option<RaftReply>,
    pub(super) text: TestText,
    /// Whether something is wrong: the run is over.
    pub(super) is_over: bool,
}

impl PeersRun<'_> {
    pub(super) fn run(mut self, plan: &RunPlan) {
        let everyone: Vec<PeerId> = (0..plan.size).collect();
        if self.contract.has_disk {
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
}
