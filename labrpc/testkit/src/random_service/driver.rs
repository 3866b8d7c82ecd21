//! What happens to the service: requests, commits, elections and snapshots, as chance has it.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::kv::Command;
use labrpc::time::Instant;
use labrpc::{Term, thread};

use super::ServiceUnderTest;
use super::clients::{Clients, KEYS};
use super::code::code;
use super::model::{ModelStore, key_of};
use super::size::SizeWatch;
use crate::random_peers::{Bits, RunPlan, TestText};
use crate::script::{PendingAnswer, ScriptedRaft, get};
use crate::violation::Violation;
use crate::world::World;

/// Asks the service, in a thread of its own. With `true`, every thread has had its turn when this returns.
type Ask<'a> = &'a dyn Fn(&Command, bool) -> PendingAnswer;

/// A request that waits for its answer.
pub(super) struct OpenRequest {
    pub(super) command: Command,
    pub(super) answer: PendingAnswer,
    pub(super) since: Instant,
    /// The server's term when the request came.
    pub(super) term: Term,
    /// Whether the server has been the leader at every moment since.
    pub(super) led_always: bool,
    /// Whether it has been the leader at some moment since.
    pub(super) led_once: bool,
    /// The index of the entry that it has put into the log, if there is one.
    pub(super) own_entry: Option<usize>,
    /// The index of that entry, if a snapshot has replaced it: nobody knows what became of its command.
    pub(super) replaced: Option<usize>,
    /// Whether a snapshot says that its write is done.
    pub(super) is_covered: bool,
    /// How many values the key of its command had had when it came.
    pub(super) versions_before: usize,
}

pub(super) struct ServiceRun<'a> {
    pub(super) world: &'a World,
    pub(super) raft: &'a ScriptedRaft,
    ask: Ask<'a>,
    pub(super) under_test: ServiceUnderTest<'a>,
    pub(super) clients: Clients,
    pub(super) model: ModelStore,
    pub(super) term: Term,
    pub(super) is_leader: bool,
    /// All entries; the service has received the first `applied` of them.
    pub(super) log: Vec<Command>,
    pub(super) applied: usize,
    /// The indices of entries whose clients are told by another server, once they are committed.
    pub(super) answered_elsewhere: BTreeSet<usize>,
    pub(super) waiting: Vec<OpenRequest>,
    asked: usize,
    pub(super) size: SizeWatch,
    pub(super) text: TestText,
    pub(super) is_over: bool,
}

/// The client that reads the store at the end.
const READER: u64 = 9;
/// What an operation of a thread takes.
pub(super) const OPERATION: Duration = Duration::from_nanos(100);
/// In a run of which the news of a new status comes late, it is late by at most this many operations.
const NEWS_OPERATIONS_MAX: u64 = 60;
/// Long enough for every thread's turn.
const TURNS: Duration = Duration::from_millis(1);

impl<'a> ServiceRun<'a> {
    pub(super) fn new(
        world: &'a World,
        raft: &'a ScriptedRaft,
        ask: Ask<'a>,
        under_test: ServiceUnderTest<'a>,
        text: TestText,
    ) -> ServiceRun<'a> {
        ServiceRun {
            world,
            raft,
            ask,
            under_test,
            clients: Clients::new(false, &mut Bits(0)),
            model: ModelStore::default(),
            term: 1,
            is_leader: true,
            log: Vec::new(),
            applied: 0,
            answered_elsewhere: BTreeSet::new(),
            waiting: Vec::new(),
            asked: 0,
            size: SizeWatch::default(),
            text,
            is_over: false,
        }
    }

    pub(super) fn run(mut self, plan: &RunPlan) {
        let mut circumstances = plan.circumstances();
        self.clients = Clients::new(plan.is_odd(), &mut circumstances);
        self.delay_news(&mut circumstances);
        for bits in plan.actions() {
            self.act(&mut Bits(*bits));
            self.settle();
            if self.is_over {
                return;
            }
        }
        self.read_everything();
    }

    /// In some runs the service hears of a new status so late that another one, or a request, comes first.
    fn delay_news(&self, circumstances: &mut Bits) {
        if circumstances.one_in(2) {
            let delay = OPERATION * circumstances.between(1, NEWS_OPERATIONS_MAX) as u32;
            self.text.add(format!("service.raft().delay_news(Duration::from_nanos({}));", delay.as_nanos()));
            self.raft.delay_news(delay);
        }
    }

    fn act(&mut self, bits: &mut Bits) {
        match bits.below(100) {
            0..32 => {
                let command = self.clients.next(bits);
                self.request(command, true);
            }
            32..38 => {
                if let Some(command) = self.clients.earlier(bits) {
                    self.request(command, true);
                }
            }
            38..62 => self.apply(bits.between(1, 3)),
            62..68 => self.apply_of_others(bits),
            68..74 => self.lose(bits),
            74..82 => self.win(bits),
            82..88 => self.install(bits),
            88..91 => self.wait(bits),
            91..95 => self.lead_for_a_moment(bits),
            _ => self.act_together(bits),
        }
    }

    /// A client asks.
    pub(super) fn request(&mut self, command: Command, is_alone: bool) {
        self.asked += 1;
        let call = if is_alone { "ask" } else { "ask_and_go_on" };
        self.text.add(format!("let _request_{} = service.{call}({});", self.asked, code(&command)));
        let versions_before = self.model.versions_count(key_of(&command.op));
        let answer = (self.ask)(&command, is_alone);
        let (term, led_always) = (self.term, self.is_leader);
        let since = Instant::now();
        self.waiting.push(OpenRequest {
            command,
            answer,
            since,
            term,
            led_always,
            led_once: led_always,
            own_entry: None,
            replaced: None,
            is_covered: false,
            versions_before,
        });
        self.take_started();
    }

    /// The commands that the service has started since the last look are in the log now.
    pub(super) fn take_started(&mut self) {
        for command in self.raft.take_started() {
            let is_starter = |waiting: &&mut OpenRequest| waiting.command == command && waiting.own_entry.is_none();
            let starter = self.waiting.iter_mut().find(is_starter);
            self.log.push(command.clone());
            if let Some(waiting) = starter {
                waiting.own_entry = Some(self.log.len());
            }
        }
    }

    /// How many entries the service has received.
    pub(super) fn applied(&self) -> usize {
        self.applied
    }

    fn wait(&mut self, bits: &mut Bits) {
        let millis = bits.between(1, 400);
        self.text.add(format!("thread::sleep(Duration::from_millis({millis}));"));
        thread::sleep(Duration::from_millis(millis));
    }

    /// Every thread has its turn; then all answers are checked.
    pub(super) fn settle(&mut self) {
        thread::sleep(TURNS);
        self.take_started();
        for command in self.check_answers() {
            self.clients.done(&command);
        }
        if !self.is_over {
            self.check_size();
        }
    }

    /// At the end the server leads, and a client reads every key.
    fn read_everything(&mut self) {
        self.set_status(self.term + 1, true);
        self.settle();
        for (key, sequence) in KEYS.into_iter().zip(1..) {
            self.request(get(READER, sequence, key), true);
            self.settle();
            self.apply(u64::MAX);
            self.settle();
        }
    }

    pub(super) fn report(&mut self, violation: Violation) {
        self.is_over = true;
        self.text.add(format!("// Here: {}.", violation.what));
        self.world.report_violation(violation);
    }
}
