//! Random servers: one real clerk among scripted servers that answer, refuse, stay silent or answer too late.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::kv::{Command, Op};
use labrpc::time::Instant;
use labrpc::{KvClient, PeerId, thread};

use super::clients::{EMPTY_ONE_IN, KEYS};
use crate::event_line::Asked;
use crate::random_peers::{Bits, RunPlan};
use crate::rule::Rule;
use crate::rule::service::{CLIENT_TRAFFIC, EARNED, KNOWN_LEADER, NEXT_SERVER, NUMBERED, PATIENT_CLERK};
use crate::script::{ClerkRequest, ScriptedServers};
use crate::violation::Violation;
use crate::world::CLERK_LABEL;

/// An answer reaches the clerk, and its next request reaches a server, within this time.
const AT_ONCE: Duration = Duration::from_millis(5);
/// A clerk waits at least this long for a server that does not answer.
const PATIENCE_MIN: Duration = Duration::from_millis(100);
/// After a round in which no server had an answer, it pauses at least this long.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// It waits and pauses no longer than this.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// What a scripted server does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaction {
    Done,
    Refused,
    Silent,
    TooLate,
}

/// What is known of the clerk.
struct Watch<'a> {
    script: &'a ScriptedServers,
    servers: usize,
    /// The latest request.
    latest: Option<Asking>,
    /// The server that answered the last operation that was done.
    leader: Option<PeerId>,
    /// The servers that have failed in this round of this operation.
    failed: BTreeSet<PeerId>,
    /// The answers that the operation has had so far, late ones included.
    values: Vec<String>,
    operations: u64,
}

struct Asking {
    command: Command,
    server: PeerId,
    at: Instant,
    reaction: Reaction,
}

impl ScriptedServers {
    /// Lets random servers answer a clerk, which does one operation for each number of the plan's actions.
    pub fn play<C: KvClient>(&self, plan: &RunPlan, clerk: C) {
        let mut clerk = self.told(clerk);
        let mut watch = Watch {
            script: self,
            servers: self.size(),
            latest: None,
            leader: None,
            failed: BTreeSet::new(),
            values: Vec::new(),
            operations: 0,
        };
        let (ask, asked) = labrpc::channel::unbounded::<Op>();
        let (tell, told) = labrpc::channel::unbounded::<String>();
        let work = self.world().spawn(CLERK_LABEL, move || {
            for op in asked {
                let value = match op {
                    Op::Get { key } => clerk.get(&key),
                    Op::Put { key, value } => {
                        clerk.put(&key, &value);
                        String::new()
                    }
                    Op::Append { key, value } => {
                        clerk.append(&key, &value);
                        String::new()
                    }
                };
                let _ = tell.send(value);
            }
        });
        for bits in plan.actions() {
            let mut bits = Bits(*bits);
            let op = operation(&mut bits);
            watch.begin();
            let _ = ask.send(op.clone());
            if !watch.serve(&op, &mut bits) {
                return;
            }
            match told.recv_timeout(AT_ONCE) {
                Err(_) => {
                    return watch.report(&EARNED, "the clerk has its answer, and the operation does not return".into());
                }
                Ok(value) if matches!(op, Op::Get { .. }) && !watch.values.contains(&value) => {
                    let what =
                        format!("the clerk's get returns {value:?}, and the servers have answered {:?}", watch.values);
                    return watch.report(&EARNED, what);
                }
                Ok(_) => {}
            }
        }
        drop(ask);
        work.join();
    }
}

/// A short text; sometimes an empty one, rarely one of a few kB.
fn some_text(number: u64, unit: &str, bits: &mut Bits) -> String {
    match () {
        _ if bits.one_in(EMPTY_ONE_IN) => String::new(),
        _ if bits.one_in(20) => unit.repeat(3_000),
        _ => format!("{number}{unit}"),
    }
}

fn operation(bits: &mut Bits) -> Op {
    let key = bits.pick(&KEYS).expect("there are keys").to_string();
    let value = some_text(bits.below(1000), ".", bits);
    match bits.below(3) {
        0 => Op::Get { key },
        1 => Op::Put { key, value },
        _ => Op::Append { key, value },
    }
}

impl Watch<'_> {
    fn begin(&mut self) {
        self.operations += 1;
        self.failed.clear();
        self.values.clear();
        self.latest = None;
    }

    fn report(&self, rule: &'static Rule, what: String) {
        self.script.world().report_violation(Violation::new(rule, what));
    }

    /// Answers requests until the operation is done; false if the clerk has broken a rule.
    fn serve(&mut self, op: &Op, bits: &mut Bits) -> bool {
        loop {
            let Some(received) = self.script.next_request(WAIT_MAX) else {
                self.report(
                    &NEXT_SERVER,
                    format!("the clerk asks nobody for {WAIT_MAX:?}, and its operation is not done"),
                );
                return false;
            };
            if let Some((rule, what)) = self.wrong(&received, op) {
                self.report(rule, what);
                return false;
            }
            if self.react(received, bits) == Reaction::Done {
                return true;
            }
        }
    }

    /// What is wrong with a request.
    fn wrong(&self, received: &ClerkRequest, op: &Op) -> Option<(&'static Rule, String)> {
        let ClerkRequest { at, server, request, .. } = received;
        let asks = format!("the clerk asks server {server} for {}", Asked(request));
        if request.sequence != self.operations || request.op != *op {
            return Some((&NUMBERED, format!("{asks}, and this is its operation {}, {op:?}", self.operations)));
        }
        let Some(before) = &self.latest else {
            return match self.leader {
                Some(leader) if leader != *server => {
                    Some((&KNOWN_LEADER, format!("{asks} first, and server {leader} answered its last operation")))
                }
                _ => None,
            };
        };
        if before.command != *request {
            return Some((&NUMBERED, format!("{asks}, a retry of {}", Asked(&before.command))));
        }
        if self.failed.contains(server) {
            let failed = &self.failed;
            return Some((&NEXT_SERVER, format!("{asks} again, and has not asked every server: only {failed:?}")));
        }
        let waited = *at - before.at;
        let is_round_over = self.failed.is_empty();
        let refused = before.reaction == Reaction::Refused;
        match (refused, is_round_over) {
            (true, false) if waited > AT_ONCE => Some((
                &NEXT_SERVER,
                format!("{asks} {waited:?} after server {} has refused, and not at once", before.server),
            )),
            (true, true) if waited < PAUSE_MIN => {
                Some((&CLIENT_TRAFFIC, format!("{asks} without a pause, and every server has just failed")))
            }
            (false, _) if waited < PATIENCE_MIN => Some((
                &PATIENT_CLERK,
                format!("{asks} {waited:?} after server {}, which may still answer", before.server),
            )),
            _ => None,
        }
    }

    /// A scripted server does something with a request.
    fn react(&mut self, received: ClerkRequest, bits: &mut Bits) -> Reaction {
        let (server, at, command) = (received.server, received.at, received.request.clone());
        let reaction = match bits.below(100) {
            0..45 => Reaction::Done,
            45..80 => Reaction::Refused,
            80..95 => Reaction::Silent,
            _ => Reaction::TooLate,
        };
        let value = some_text(self.values.len() as u64, &format!(" of {server}"), bits);
        match reaction {
            Reaction::Done => {
                self.values.push(value.clone());
                self.leader = Some(server);
                received.done(&value);
            }
            Reaction::Refused => received.refuse(),
            Reaction::Silent => drop(received),
            Reaction::TooLate => {
                self.values.push(value.clone());
                self.script.world().spawn("a late answer", move || {
                    thread::sleep(WAIT_MAX);
                    received.done(&value);
                });
            }
        }
        self.failed.insert(server);
        if self.failed.len() == self.servers {
            self.failed.clear();
        }
        self.latest = Some(Asking { command, server, at, reaction });
        reaction
    }
}
