//! A client of the service: it finds the leader, and asks until it is answered.

use std::time::Duration;

use labrpc::{Link, thread};

use crate::message::Answer;
use crate::store::{ClientId, Command, Op};

/// One client. It does one operation at a time, which `&mut self` sees to, and cannot be
/// cloned: a copy would give another operation the same number.
pub struct Clerk {
    client: ClientId,
    /// The number of the latest operation; 0 before the first.
    sequence: u64,
    /// Which server answered last, and is asked first.
    leader: usize,
    /// One link to each server.
    links: Vec<Link>,
}

impl Clerk {
    /// How long a clerk waits for one server.
    ///
    /// A healthy leader is slow to answer when a command finds a batch on its way to the
    /// followers and has to wait for the next: three round trips of up to 72 ms. Whoever takes
    /// longer has lost a message, or is gone. To ask again too soon costs an entry in the log
    /// and nothing else; to wait is dear where one request in ten is lost.
    pub const PATIENCE: Duration = Duration::from_millis(250);

    /// How long a clerk rests once it has asked all servers in vain.
    ///
    /// There is no leader then, and an election takes up to a second. To ask ten times in that
    /// second finds the new leader soon, and keeps the network free for the election.
    pub const PAUSE: Duration = Duration::from_millis(100);

    /// A client with a name that no other client ever has, and a link to each server.
    ///
    /// # Panics
    ///
    /// When there is no server to ask.
    pub fn new(client: ClientId, links: Vec<Link>) -> Clerk {
        assert!(!links.is_empty(), "a clerk needs a link to at least one server");
        Clerk { client, sequence: 0, leader: 0, links }
    }

    /// What a key holds: the empty string if it was never written.
    pub fn get(&mut self, key: &str) -> String {
        self.run(Op::Get { key: key.to_string() })
    }

    /// Replaces what a key holds.
    pub fn put(&mut self, key: &str, value: &str) {
        self.run(Op::Put { key: key.to_string(), value: value.to_string() });
    }

    /// Extends what a key holds, exactly once.
    pub fn append(&mut self, key: &str, value: &str) {
        self.run(Op::Append { key: key.to_string(), value: value.to_string() });
    }

    /// Has an operation done, however many servers have to be asked, and however often.
    ///
    /// A refusal or a silence does not say that the operation was not done. It can be asked for
    /// again only because it keeps its number, by which the servers know it.
    fn run(&mut self, op: Op) -> String {
        // BEGIN 3A §8, clients: one number for one operation; the next server after a refusal or a silence; no flood
        self.sequence += 1;
        let command = Command { client: self.client, sequence: self.sequence, op };
        loop {
            for _ in 0..self.links.len() {
                let answer: Option<Answer> = self.links[self.leader].call(&command, Clerk::PATIENCE);
                if let Some(Ok(value)) = answer {
                    return value;
                }
                self.leader = (self.leader + 1) % self.links.len();
            }
            thread::sleep(Clerk::PAUSE);
        }
        // END
    }
}
