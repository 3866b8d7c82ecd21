//! What happens to the service: requests, commits, elections and snapshots, as chance has it.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::kv::{Command, Op};
use labrpc::time::Instant;
use labrpc::{Index, Term, thread};

use super::ServiceUnderTest;
use super::clients::{Clients, KEYS};
use super::model::ModelStore;
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
    log: Vec<Command>,
    applied: usize,
    /// The indices of entries whose clients are told by another server, once they are committed.
    answered_elsewhere: BTreeSet<usize>,
    pub(super) waiting: Vec<OpenRequest>,
    asked: usize,
    pub(super) size: SizeWatch,
    text: TestText,
    pub(super) is_over: bool,
}

/// The client that reads the store at the end.
const READER: u64 = 9;
/// What an operation of a thread takes.
const OPERATION: Duration = Duration::from_nanos(100);
const PAUSE_OPERATIONS_MAX: u64 = 80;
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
            clients: Clients::new(false),
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
        self.clients = Clients::new(plan.is_odd());
        for bits in plan.actions() {
            self.act(&mut Bits(*bits));
            self.settle();
            if self.is_over {
                return;
            }
        }
        self.read_everything();
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
    fn request(&mut self, command: Command, is_alone: bool) {
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
            is_covered: false,
            versions_before,
        });
        self.take_started();
    }

    /// The commands that the service has started since the last look are in the log now.
    fn take_started(&mut self) {
        for command in self.raft.take_started(self.world.codec()) {
            let is_starter = |waiting: &&mut OpenRequest| waiting.command == command && waiting.own_entry.is_none();
            let starter = self.waiting.iter_mut().find(is_starter);
            self.log.push(command.clone());
            if let Some(waiting) = starter {
                waiting.own_entry = Some(self.log.len());
            }
        }
    }

    /// Drops the entries after index `last`: another leader has replaced them.
    fn truncate(&mut self, last: usize) {
        self.log.truncate(last);
        self.answered_elsewhere.retain(|index| *index <= last);
        self.raft.truncate(last as Index);
        self.text.add(format!("service.raft().truncate({last});"));
        for waiting in &mut self.waiting {
            waiting.own_entry.take_if(|index| *index > last);
        }
    }

    /// How many entries the service has received.
    pub(super) fn applied(&self) -> usize {
        self.applied
    }

    /// The next entries are committed.
    fn apply(&mut self, count: u64) {
        for _ in 0..count {
            let Some(command) = self.log.get(self.applied).cloned() else { return };
            if let Some(snapshots) = &self.under_test.snapshots {
                self.size.look(snapshots);
            }
            self.applied += 1;
            self.text.add(format!("service.raft().commit({}, &{});", self.applied, code(&command)));
            self.model.apply(&command);
            self.tell_elsewhere(self.applied);
            self.raft.commit(self.applied as Index, &command);
        }
    }

    /// The entry at an index is committed: another server may tell its client.
    fn tell_elsewhere(&mut self, index: usize) {
        if self.answered_elsewhere.remove(&index) {
            self.clients.done(&self.log[index - 1]);
        }
    }

    /// Another leader commits commands: new ones, retries of those that wait here, and late copies.
    fn apply_of_others(&mut self, bits: &mut Bits) {
        if self.is_leader {
            return;
        }
        if bits.one_in(4) {
            // Many at once, which are committed later.
            return (0..bits.between(1, 24)).for_each(|_| self.others_commands(bits));
        }
        self.others_commands(bits);
        self.apply(u64::MAX);
    }

    /// Another leader takes commands into the log. Some of its clients are told at once.
    fn others_commands(&mut self, bits: &mut Bits) {
        for _ in 0..bits.between(1, 4) {
            let earlier = if bits.one_in(5) { self.clients.earlier(bits) } else { None };
            let command = earlier.unwrap_or_else(|| self.clients.next(bits));
            self.raft.push(&command);
            self.log.push(command.clone());
            // The other leader answers when it has applied the command; or its answer is lost.
            if bits.one_in(2) {
                self.answered_elsewhere.insert(self.log.len());
            }
        }
    }

    /// The server loses its leadership, or learns of a newer term. Entries that are not committed may be lost.
    fn lose(&mut self, bits: &mut Bits) {
        self.set_status(self.term + 1, false);
        let left = bits.between(self.applied as u64, self.log.len() as u64) as usize;
        if left < self.log.len() {
            self.truncate(left);
        }
    }

    /// The server wins an election. A client may ask before the service has heard of it.
    fn win(&mut self, bits: &mut Bits) {
        self.set_status(self.term + 1, false);
        if bits.one_in(2) {
            self.settle();
        }
        self.set_status(self.term, true);
        if bits.one_in(2) {
            let command = self.clients.next(bits);
            self.request(command, false);
        }
    }

    fn set_status(&mut self, term: Term, is_leader: bool) {
        (self.term, self.is_leader) = (term, is_leader);
        for waiting in &mut self.waiting {
            waiting.led_always &= is_leader;
            waiting.led_once |= is_leader;
        }
        self.text.add(format!("service.raft().set_status({term}, {is_leader});"));
        self.raft.set_status(term, is_leader);
        self.take_started();
    }

    /// Another leader sends a snapshot of commands that this server has not seen.
    fn install(&mut self, bits: &mut Bits) {
        let Some(snapshots) = self.under_test.snapshots else { return };
        // A snapshot may overtake the news that the leadership is lost.
        let was_leader = self.is_leader;
        if was_leader {
            self.settle();
            self.truncate(self.applied);
        }
        self.others_commands(bits);
        self.log[self.applied..].iter().for_each(|command| self.model.apply(command));
        let seen = std::mem::replace(&mut self.applied, self.log.len());
        (seen + 1..=self.applied).for_each(|index| self.tell_elsewhere(index));
        let all: Vec<String> = self.log.iter().map(code).collect();
        self.text.add(format!("let commands = [{}];", all.join(", ")));
        self.text
            .add(format!("service.install({}, lab3b_kvsnap::snapshot::encode(&store_of(commands)));", self.applied));
        self.raft.install(self.applied as Index, (snapshots.of)(&self.log));
        // What a snapshot does not tell is the result of a read, or of a write before the latest one.
        for waiting in &mut self.waiting {
            waiting.own_entry.take_if(|index| *index > seen);
            let has_gone_on = self.clients.has_gone_on(&waiting.command);
            waiting.is_covered = !has_gone_on && self.model.has_just_written(&waiting.command);
        }
        if was_leader {
            if bits.one_in(2) {
                self.settle();
            }
            self.set_status(self.term + 1, false);
        }
    }

    fn wait(&mut self, bits: &mut Bits) {
        let millis = bits.between(1, 400);
        self.text.add(format!("thread::sleep(Duration::from_millis({millis}));"));
        thread::sleep(Duration::from_millis(millis));
    }

    /// The server wins an election, takes a request, and loses its leadership, all within microseconds.
    fn lead_for_a_moment(&mut self, bits: &mut Bits) {
        self.set_status(self.term + 1, true);
        self.pause(bits);
        let command = self.clients.next(bits);
        self.request(command, false);
        self.pause(bits);
        self.set_status(self.term + 1, false);
    }

    /// Some operations of other threads.
    fn pause(&mut self, bits: &mut Bits) {
        let duration = OPERATION * bits.below(PAUSE_OPERATIONS_MAX) as u32;
        self.text.add(format!("thread::sleep(Duration::from_nanos({}));", duration.as_nanos()));
        thread::sleep(duration);
    }

    /// A request comes at the same moment as something else.
    fn act_together(&mut self, bits: &mut Bits) {
        let command = self.clients.next(bits);
        match bits.below(4) {
            0 => self.apply(1),
            1 => self.set_status(self.term + 1, false),
            _ => {}
        }
        self.request(command, false);
        match bits.below(4) {
            0 => self.apply(1),
            1 => self.set_status(self.term + 1, false),
            2 => {
                let other = self.clients.next(bits);
                self.request(other, false);
            }
            _ => {}
        }
    }

    /// Every thread has its turn; then all answers are checked.
    fn settle(&mut self) {
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

pub(super) fn key_of(op: &Op) -> &str {
    match op {
        Op::Get { key } | Op::Put { key, .. } | Op::Append { key, .. } => key,
    }
}

/// A command as Rust code.
fn code(command: &Command) -> String {
    let Command { client, sequence, op } = command;
    match op {
        Op::Get { key } => format!("get({client}, {sequence}, {key:?})"),
        Op::Put { key, value } => format!("put({client}, {sequence}, {key:?}, {})", value_code(value)),
        Op::Append { key, value } => format!("append({client}, {sequence}, {key:?}, {})", value_code(value)),
    }
}

/// A value as Rust code. Long values repeat a short one.
fn value_code(value: &str) -> String {
    let unit = value.split_inclusive('.').next().unwrap_or_default();
    match value.len().checked_div(unit.len()) {
        Some(times) if times > 1 => format!("&{unit:?}.repeat({times})"),
        _ => format!("{value:?}"),
    }
}
