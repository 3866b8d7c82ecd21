//! A client of the service: it finds the leader, and asks until it gets an answer.

use std::time::Duration;

use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::{KvClient, Link, thread};

/// One client. It does one operation at a time, which `&mut self` ensures, and cannot be
/// cloned: a copy would give another operation the same number.
pub struct Clerk {
    client: ClientId,
    /// The number of the latest operation; 0 before the first.
    sequence: u64,
    /// The server that answered last, and is asked first.
    leader: usize,
    /// One link to each server.
    links: Vec<Link>,
}

impl Clerk {
    /// How long a clerk waits for one server.
    ///
    /// A healthy leader is slow to answer when a command has to wait until the batch before it has
    /// reached the followers: three round trips of up to 72 ms. If it takes longer, a message was
    /// lost or the server is gone. Asking again too soon costs only an entry in the log, but waiting
    /// is expensive when one request in ten is lost.
    pub const PATIENCE: Duration = Duration::from_millis(250);

    /// How long a clerk pauses after all servers have failed to answer.
    ///
    /// There is no leader then, and an election takes up to a second. Asking ten times in that
    /// second finds the new leader soon, and keeps the network free for the election.
    pub const PAUSE: Duration = Duration::from_millis(100);

    /// A client with a link to each server. No other client may ever use the id `client`.
    ///
    /// # Panics
    ///
    /// When `links` is empty.
    pub fn new(client: ClientId, links: Vec<Link>) -> Clerk {
        assert!(!links.is_empty(), "a clerk needs a link to at least one server");
        Clerk { client, sequence: 0, leader: 0, links }
    }

    /// Returns the answer to an operation, however long that takes. Each server is given [`Clerk::PATIENCE`], and
    /// the network is left alone for [`Clerk::PAUSE`] when none of them has an answer. The server that answered
    /// is asked first the next time.
    ///
    /// A refusal or a timeout does not mean that the operation was not done: the servers must recognize it when
    /// they are asked again.
    fn run(&mut self, op: Op) -> String {
        // BEGIN 3A §8, clients
        // HINT What must be the same in all requests for one operation, and what must no two operations share?
        // HINT Refused, or no answer: on to the next server, in a circle. Where does the search begin the next time?
        // HINT The number once, before the loop; `call` with PATIENCE; after a whole round, sleep for PAUSE.
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

impl KvClient for Clerk {
    fn get(&mut self, key: &str) -> String {
        self.run(logged(Op::Get { key: key.to_string() }))
    }

    fn put(&mut self, key: &str, value: &str) {
        self.run(logged(Op::Put { key: key.to_string(), value: value.to_string() }));
    }

    fn append(&mut self, key: &str, value: &str) {
        self.run(logged(Op::Append { key: key.to_string(), value: value.to_string() }));
    }
}

/// Writes a log line about an operation that begins.
fn logged(op: Op) -> Op {
    log::debug!("begins {op:?}");
    op
}
