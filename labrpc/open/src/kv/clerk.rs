//! A client of the service (§8).

use std::time::Duration;

use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::{KvClient, Link, thread};

/// How long it pauses when no server has answered: a part of the time that an election takes.
const PAUSE: Duration = Duration::from_millis(100);

/// A client, which does one operation at a time.
pub struct Clerk {
    client: ClientId,
    servers: Vec<Link>,
    /// How long it waits for one server.
    patience: Duration,
    /// The server that answered last.
    leader: usize,
    /// How many operations it has begun.
    operations: u64,
}

impl Clerk {
    /// A client with a link to each server, which waits so long for one of them. No other client has its name.
    pub fn new(client: ClientId, servers: Vec<Link>, patience: Duration) -> Clerk {
        Clerk { client, servers, patience, leader: 0, operations: 0 }
    }

    /// Asks one server after the other, under one number, until one has done it.
    fn run(&mut self, op: Op) -> String {
        self.operations += 1;
        let command = Command { client: self.client, sequence: self.operations, op };
        loop {
            for _ in 0..self.servers.len() {
                let answer: Option<Answer> = self.servers[self.leader].call(&command, self.patience);
                if let Some(Ok(value)) = answer {
                    return value;
                }
                self.leader = (self.leader + 1) % self.servers.len();
            }
            thread::sleep(PAUSE);
        }
    }
}

impl KvClient for Clerk {
    fn get(&mut self, key: &str) -> String {
        self.run(Op::Get { key: key.into() })
    }

    fn put(&mut self, key: &str, value: &str) {
        self.run(Op::Put { key: key.into(), value: value.into() });
    }

    fn append(&mut self, key: &str, value: &str) {
        self.run(Op::Append { key: key.into(), value: value.into() });
    }
}
