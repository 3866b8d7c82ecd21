//! Clients that do one operation after the other, and retry each until it is done.

use labrpc::kv::{ClientId, Command, Op};

use crate::random_peers::Bits;

/// The clients, and everything that they have ever asked.
pub(super) struct Clients {
    /// The latest operation of each client, and whether the client knows that it is done.
    latest: Vec<(Command, bool)>,
    history: Vec<Command>,
    values: u64,
    /// Of this many operations, all but one are reads; otherwise two of three are writes.
    reads: Option<u64>,
}

/// The names of the clients. Some differ only in their high bits, or only in their low ones.
const NAMES: [[u64; 3]; 3] = [[0, 1, 2], [1, 1 << 32 | 1, 1 << 63 | 1], [u64::MAX, u64::MAX >> 32, u64::MAX - 1]];
/// The number of each client's first operation.
const FIRST_NUMBERS: [u64; 4] = [1, 1, (1 << 32) - 2, (1 << 63) - 2];
/// A client may leave numbers out, so that the next one differs from the last in its high bits only.
const LEAP: u64 = 1 << 32;
const READS: u64 = 10;
/// Some values are this many times as long as the others, so that logs reach their limit.
const LARGE: usize = 100;
/// Keys are any strings.
pub(super) const KEYS: [&str; 3] = ["x", "y=\n", ""];
/// Values are any strings, too: each has one of these in it, in turn.
const ODD: [&str; 10] = ["", "", "=", "", "\n", "\"", "", "\0", "é", "\\"];
/// One value of this many is empty.
pub(super) const EMPTY_ONE_IN: u64 = 6;

impl Clients {
    /// Clients whose names and first numbers are as `circumstances` decide.
    pub(super) fn new(is_reading: bool, circumstances: &mut Bits) -> Clients {
        let names = circumstances.pick(&NAMES).expect("there are names");
        let first = circumstances.pick(&FIRST_NUMBERS).expect("there are numbers");
        let none = |client| {
            let op = Op::Get { key: KEYS[0].into() };
            (Command { client: ClientId(client), sequence: first - 1, op }, true)
        };
        Clients {
            latest: names.into_iter().map(none).collect(),
            history: Vec::new(),
            values: 0,
            reads: is_reading.then_some(READS),
        }
    }

    /// A client's next operation, or a retry of one that may not be done.
    pub(super) fn next(&mut self, bits: &mut Bits) -> Command {
        let slot = bits.below(self.latest.len() as u64) as usize;
        let (latest, is_done) = &self.latest[slot];
        if !is_done {
            return latest.clone();
        }
        let leap = if bits.one_in(16) { LEAP } else { 1 };
        let (client, sequence) = (latest.client, latest.sequence + leap);
        let key = bits.pick(&KEYS).expect("there are keys").to_string();
        self.values += 1;
        let times = match () {
            _ if bits.one_in(EMPTY_ONE_IN) => 0,
            _ if bits.one_in(8) => LARGE,
            _ => 1,
        };
        let odd = ODD[self.values as usize % ODD.len()];
        let value = format!("{}{odd}.", self.values).repeat(times);
        let is_read = self.reads.is_some_and(|reads| !bits.one_in(reads));
        let op = match if is_read { 0 } else { bits.below(3) } {
            0 => Op::Get { key },
            1 => Op::Put { key, value },
            _ => Op::Append { key, value },
        };
        let command = Command { client, sequence, op };
        self.latest[slot] = (command.clone(), false);
        self.history.push(command.clone());
        command
    }

    /// An operation that some client has asked before: a late copy.
    pub(super) fn earlier(&self, bits: &mut Bits) -> Option<Command> {
        let at = bits.below(self.history.len().max(1) as u64) as usize;
        self.history.get(at).cloned()
    }

    /// Whether the client has gone on to a later operation: it ignores every answer to this one.
    pub(super) fn has_gone_on(&self, command: &Command) -> bool {
        self.latest.iter().any(|(latest, _)| latest.client == command.client && latest.sequence > command.sequence)
    }

    /// The client of this command has its result.
    pub(super) fn done(&mut self, command: &Command) {
        let client = self.latest.iter_mut().find(|(latest, _)| latest == command);
        if let Some((_, is_done)) = client {
            *is_done = true;
        }
    }
}
