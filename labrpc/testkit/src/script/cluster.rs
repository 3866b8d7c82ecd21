//! One real server among scripted ones: it boots, crashes and restarts here.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Receiver};
use labrpc::network::{Carrier, Conditions, Network, Port};
use labrpc::sim::tape;
use labrpc::sync::Mutex;
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, LogPosition, NotLeader, PeerId, RaftReply, RaftRequest, Replicate, Status,
    Timing, sim, thread,
};

use super::peers::{AutomaticReply, ReceivedRequest, ScriptedPeer};
use super::steps::{about, fail};
use super::{PUNCTUAL, TRAVEL};
use crate::Event;
use crate::cluster::{Boot, Booted, Cluster};
use crate::contract::Contract;
use crate::event_line::{Direction, Request};
use crate::rule::life::{ANSWERS, STUCK};
use crate::rule::replication::START;
use crate::taped::{Taped, read_message, write_message};
use crate::waited::{Awaited, Wait, waited_for};
use crate::world::{BackgroundTask, World};

/// One real server, number 0, among scripted ones.
///
/// The oracles watch the real server. They believe nothing that the scripted servers say.
pub struct ScriptedCluster<R: Elect> {
    cluster: Cluster<R>,
    pub(crate) received: Receiver<ReceivedRequest>,
    /// Those that were received and that the script has not taken yet, see [`oldest_to`](ScriptedCluster::oldest_to).
    pub(super) untaken: Mutex<Vec<ReceivedRequest>>,
    automatic: AutomaticReply,
    applied: Receiver<ApplyMsg>,
    at_boot: AtBoot,
}

/// What the real server is sent at its next boot.
type AtBoot = Arc<Mutex<Option<EarlyRequest>>>;

/// A request that arrives when a server has just booted.
struct EarlyRequest {
    /// How long after the boot it arrives.
    after: Duration,
    from: PeerId,
    bytes: Vec<u8>,
}

/// A boot function that also lets an early request arrive. It is called by the task that boots the server: none of the
/// server's threads has had a turn yet if it comes at once.
fn with_early_request<R: Elect>(
    at_boot: AtBoot,
    boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
) -> impl Fn(Boot) -> Booted<R> + Send + Sync + 'static {
    move |start: Boot| {
        let booted = boot(start);
        let early = at_boot.lock().take();
        if let Some(EarlyRequest { after, from, bytes }) = early {
            if after > Duration::ZERO {
                thread::sleep(after);
            }
            booted.raft.request(from, &bytes).unwrap_or_else(|error| panic!("{error}"));
        }
        booted
    }
}

/// The real server.
pub(super) const REAL: PeerId = 0;
/// A correct server answers within this time.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_millis(200);
pub(super) const HAS_CONTRACT: &str = "a script needs a lab with a contract";

impl<R: Elect> ScriptedCluster<R> {
    /// Boots the real server of a cluster of `size`, with a service of its own: the script does not
    /// see what that service applies.
    pub fn new(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        let (_, applied) = channel::bounded(0);
        ScriptedCluster::connect(world, size, boot, applied)
    }

    fn connect(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
        applied: Receiver<ApplyMsg>,
    ) -> ScriptedCluster<R> {
        let at_boot = AtBoot::default();
        let boot = with_early_request(at_boot.clone(), boot);
        let cluster = Cluster::with_scripted_peers(world, size, |server| server == REAL, boot);
        let network = cluster.network();
        network.set_conditions(PUNCTUAL);
        let contract = cluster.world().contract().expect(HAS_CONTRACT);
        let (receives, received) = channel::unbounded();
        let automatic = AutomaticReply::default();
        for peer in cluster.servers().filter(|&server| server != REAL) {
            let scripted =
                ScriptedPeer { me: peer, contract, received: receives.clone(), automatic: automatic.clone() };
            network.plug(peer, Some(sim::new_node(format!("scripted server {peer}"))));
            network.add_service(peer, Port::Raft, Arc::new(scripted));
        }
        cluster.observer().iter().for_each(|observer| observer.record()); // A script is short.
        cluster.start(REAL);
        ScriptedCluster { cluster, received, untaken: Mutex::default(), automatic, applied, at_boot }
    }

    pub(crate) fn contract(&self) -> &'static Contract {
        self.cluster.world().contract().expect(HAS_CONTRACT)
    }

    /// The cluster that the real server belongs to.
    pub fn cluster(&self) -> &Cluster<R> {
        &self.cluster
    }

    /// The network, for faults.
    pub fn network(&self) -> &Network {
        self.cluster.network()
    }

    /// The timing that the lab's servers promise to keep.
    pub fn timing(&self) -> Timing {
        self.contract().timing
    }

    /// The number of the real server's own threads, see [`World::threads_in`](crate::World::threads_in).
    ///
    /// # Panics
    ///
    /// When the server is down.
    pub fn threads(&self) -> usize {
        let observer = self.cluster.observer().expect(HAS_CONTRACT);
        let node = observer.look(|observed| observed.servers[REAL].node()).expect("the server is up");
        self.cluster.world().threads_in(node)
    }

    /// All events since the script began.
    pub fn events(&self) -> Vec<Event> {
        self.cluster.observer().expect(HAS_CONTRACT).events()
    }

    /// What the real server believes about itself.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn status(&self) -> Status {
        self.cluster.status(REAL).expect("the server is up")
    }

    /// Watches the real server's status in a thread of the test's own, which ends when the status is another one than
    /// `seen`, or when the server has crashed.
    pub fn watch(&self, world: &World, seen: Status) -> BackgroundTask<Option<Status>> {
        let cluster = self.cluster.clone();
        world.spawn("watcher", move || cluster.visit(REAL, move |server| server.watch(seen)).flatten())
    }

    /// From now on the scripted servers reply by themselves with what `reply_to` returns. Where it
    /// returns `None`, the request waits for the script.
    pub fn answer_with(&self, reply_to: impl FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send + 'static) {
        *self.automatic.lock() = Some(Box::new(reply_to));
    }

    /// From now on the scripted servers vote for the real one and agree to everything it sends.
    pub fn agree_to_everything(&self) {
        self.answer_with(|_, request| Some(super::agreement(request)));
    }

    /// Sends the real server a request, and waits for the reply.
    ///
    /// # Panics
    ///
    /// When there is no reply within 200 ms.
    #[track_caller]
    pub fn ask(&self, from: PeerId, request: &RaftRequest) -> RaftReply {
        let Some(reply) = self.try_ask(from, request) else {
            if self.is_up() {
                about(&ANSWERS);
            }
            let sent = format!("{}{}", Direction(from, REAL), Request(request));
            let expected = format!("a reply within {ANSWER_PATIENCE:?}");
            waited_for(Wait::new(Awaited::Reply(REAL, None), ANSWER_PATIENCE));
            fail(
                &format!("server {REAL} does not answer"),
                &[("sent", &sent), ("expected", &expected), ("got", &"nothing")],
            );
        };
        reply
    }

    /// As [`ask`](ScriptedCluster::ask), for a server that may crash: `None` without a reply.
    pub fn try_ask(&self, from: PeerId, request: &RaftRequest) -> Option<RaftReply> {
        let contract = self.contract();
        let reply = self.network().call(from, REAL, Port::Raft, contract.write_request(request), ANSWER_PATIENCE)?;
        Some(contract.codec().read_reply(request, &reply).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Sends the real server a request, and does not wait for the reply.
    pub fn post(&self, from: PeerId, request: &RaftRequest) {
        self.network().send(from, REAL, Port::Raft, self.contract().write_request(request));
    }

    /// Whether the real server is up. It may have crashed at a save.
    pub fn is_up(&self) -> bool {
        self.cluster.is_up(REAL)
    }

    /// Crashes the real server.
    pub fn crash(&self) {
        self.cluster.crash(REAL);
    }

    /// Crashes the real server, and boots it from its disk.
    pub fn restart(&self) {
        self.cluster.restart(REAL);
    }

    /// Crashes the real server and boots it from its disk. A request of server `from` arrives so long `after` the boot:
    /// with zero, before any thread of the server has had its turn. The reply is lost.
    pub fn restart_into(&self, after: Duration, from: PeerId, request: &RaftRequest) {
        let bytes = self.contract().write_request(request);
        *self.at_boot.lock() = Some(EarlyRequest { after, from, bytes });
        self.restart();
    }

    /// From now on each reply of a scripted server arrives twice, and each copy may be up to 40 ms late.
    pub fn replies_arrive_twice(&self, peer: PeerId) {
        const LATE_MAX: Duration = Duration::from_millis(40);
        let twice = Conditions { duplicates_per_mille: 1000, delay_max: LATE_MAX, ..PUNCTUAL };
        self.network().set_link_conditions(peer, REAL, Some(twice));
    }

    /// Waits until the replies so far have left, and ends what [`replies_arrive_twice`](Self::replies_arrive_twice) began.
    pub fn replies_arrive_once(&self, peer: PeerId) {
        thread::sleep(3 * TRAVEL);
        self.network().set_link_conditions(peer, REAL, None);
    }
}

impl<R: Replicate> ScriptedCluster<R> {
    /// Boots the real server of a cluster of `size`, and receives what it applies.
    pub fn replicating(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        ScriptedCluster::with_service(world, size, boot, |_, _| ())
    }

    /// As [`replicating`](ScriptedCluster::replicating), with a service that runs `service` for each
    /// message before it takes the next one.
    pub fn with_service(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
        service: impl Fn(&R, &ApplyMsg) + Send + Sync + 'static,
    ) -> ScriptedCluster<R> {
        let (noted, applied) = channel::unbounded();
        let service = Arc::new(service);
        let of_player = noted.clone();
        let action = tape::offer(None, move |message| match read_message(message) {
            Some(message) => drop(of_player.send(message)),
            None => sim::fail("the tape applies nothing that can be read"),
        });
        let boot = move |start: Boot| {
            let (apply_rx, noted, service) = (start.apply_rx.clone(), noted.clone(), service.clone());
            let booted = boot(start);
            let raft = booted.server.clone();
            let serve = move || {
                for message in apply_rx.iter() {
                    service(&raft, &message);
                    let _harness = tape::leave(action, || write_message(&message));
                    let _ = noted.send(message);
                }
            };
            thread::Builder::new().name("service".into()).spawn(serve).expect("a thread for the service");
            booted
        };
        ScriptedCluster::connect(world, size, boot, applied)
    }

    /// Offers the real server a command.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn start(&self, command: impl Into<Bytes>) -> Result<LogPosition, NotLeader> {
        let command = command.into();
        self.cluster.start_command_at(REAL, command).expect("the server is up")
    }

    /// Offers the real server a command, which it must take because it leads. Returns the position.
    ///
    /// # Panics
    ///
    /// When it refuses the command, or is down.
    #[track_caller]
    pub fn take(&self, command: impl Into<Bytes>) -> LogPosition {
        match self.start(command) {
            Ok(at) => at,
            Err(NotLeader) => {
                let status = self.status();
                if status.is_leader {
                    about(&START);
                }
                let got = format!("refused; its status is {status:?}");
                fail("`start` is wrong", &[("expected", &"taken, because it leads"), ("got", &got)])
            }
        }
    }

    /// What the service has received since the last call.
    pub fn applied(&self) -> Vec<ApplyMsg> {
        self.applied.try_iter().collect()
    }

    /// The indices of the messages that the service has received since the last call.
    pub fn applied_indices(&self) -> Vec<Index> {
        let index = |message| match message {
            ApplyMsg::Command { at, .. } => at.index,
            ApplyMsg::Snapshot { through, .. } => through.index,
        };
        self.applied().into_iter().map(index).collect()
    }
}

impl<R: Compact> ScriptedCluster<R> {
    /// The service gives its server a snapshot that covers the entries through index `through`.
    pub fn snapshot(&self, through: Index, snapshot: impl Into<Bytes>) {
        let snapshot = snapshot.into();
        let cuts = move |server: &Taped<R>| server.snapshot(through, snapshot);
        self.cluster.visit_typed_promptly(REAL, "snapshot", &STUCK, cuts);
    }
}
