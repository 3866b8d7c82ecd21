//! Servers whose messages are not what their codec says, and an honest one.
#![allow(clippy::disallowed_types, reason = "what a liar keeps is no part of the simulation")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use labrpc::channel::Sender;
use labrpc::network::{Carrier, Port};
use labrpc::wire::{self, WireError};
use labrpc::{
    ApplyMsg, Codec, Elect, Link, LogPosition, LogServer, NotLeader, PeerId, Persister, RaftReply, RaftRequest,
    Replicate, Service, Status,
};

/// The code that a process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Lab 2C's server, and its codec.
    Honest,
    /// No server and no codec.
    None,
    /// The same server. Its codec reads a heartbeat that comes again and again as if nothing were committed.
    Memory,
    /// The same server. It sends numbers, and what they mean is in the process's memory.
    Numbers,
}

impl Code {
    /// The code of this process; `None` if it is not a child of the tests.
    pub fn of_this_process() -> Option<Code> {
        Some(match std::env::var(super::CODE).ok()?.as_str() {
            "honest" => Code::Honest,
            "none" => Code::None,
            "memory" => Code::Memory,
            "numbers" => Code::Numbers,
            other => panic!("there is no code {other}"),
        })
    }

    /// Starts a server.
    pub fn boot(
        self,
        me: PeerId,
        links: Vec<Link>,
        seed: u64,
        apply_ch: Sender<ApplyMsg>,
        persister: Arc<Persister>,
    ) -> Arc<dyn LogServer> {
        assert_ne!(self, Code::None, "the server's code is called");
        let links = if self == Code::Numbers { links.into_iter().map(numbered).collect() } else { links };
        let server = open::lab2c::boot(me, links, seed, apply_ch, persister);
        if self == Code::Numbers { Arc::new(Numbered(server)) } else { server }
    }
}

/// The codec of this process's code.
pub struct ChosenCodec;

pub static CODEC: ChosenCodec = ChosenCodec;

fn code() -> Code {
    let code = Code::of_this_process().expect("this is a child");
    assert_ne!(code, Code::None, "the codec is called");
    code
}

/// What is sent for these bytes, and what they are of which that was sent.
fn sent(bytes: Vec<u8>) -> Vec<u8> {
    if code() == Code::Numbers { wire::encode(&number_of(bytes)) } else { bytes }
}

fn meant(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    if code() == Code::Numbers { wire::decode(bytes).map(bytes_of) } else { Ok(bytes.to_vec()) }
}

impl Codec for ChosenCodec {
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        let mut request = open::lab2c::CODEC.read_request(&meant(bytes)?)?;
        if let (Code::Memory, RaftRequest::AppendEntries(append)) = (code(), &mut request)
            && append.entries.is_empty()
            && count_of(bytes) > READ_RIGHT
        {
            append.leader_commit = 0;
        }
        Ok(request)
    }

    fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        sent(open::lab2c::CODEC.write_request(request))
    }

    fn read_reply(&self, request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
        open::lab2c::CODEC.read_reply(request, &meant(bytes)?)
    }

    fn write_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        sent(open::lab2c::CODEC.write_reply(request, reply))
    }

    fn read_head(&self, bytes: &[u8]) -> Result<labrpc::Head, WireError> {
        code();
        open::lab2c::CODEC.read_head(bytes)
    }

    fn read_entry(&self, bytes: &[u8]) -> Result<labrpc::Entry, WireError> {
        code();
        open::lab2c::CODEC.read_entry(bytes)
    }
}

/// So often a heartbeat is read as it is: both followers get it, and more than once.
const READ_RIGHT: usize = 8;

/// How often these bytes were read.
fn count_of(bytes: &[u8]) -> usize {
    static COUNTS: Mutex<BTreeMap<Vec<u8>, usize>> = Mutex::new(BTreeMap::new());
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(bytes.to_vec()).or_default();
    *count += 1;
    *count
}

/// What the numbers mean.
static MEANINGS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn number_of(bytes: Vec<u8>) -> u64 {
    let mut meanings = MEANINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = meanings.iter().position(|meaning| *meaning == bytes);
    known.unwrap_or_else(|| {
        meanings.push(bytes);
        meanings.len() - 1
    }) as u64
}

fn bytes_of(number: u64) -> Vec<u8> {
    MEANINGS.lock().unwrap_or_else(PoisonError::into_inner)[number as usize].clone()
}

/// Sends numbers on a link.
struct Numbers(Link);

fn numbered(link: Link) -> Link {
    Link::new(link.from(), link.to(), Port::Raft, Arc::new(Numbers(link)))
}

impl Carrier for Numbers {
    fn send(&self, _: PeerId, _: PeerId, _: Port, request: Vec<u8>) {
        self.0.send(&number_of(request));
    }

    fn call(&self, _: PeerId, _: PeerId, _: Port, request: Vec<u8>, patience: Duration) -> Option<Vec<u8>> {
        self.0.call(&number_of(request), patience).map(bytes_of)
    }

    fn report(&self, error: WireError) {
        panic!("{error}");
    }
}

/// A server that receives numbers.
struct Numbered(Arc<dyn LogServer>);

impl Service for Numbered {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let reply = self.0.request(from, &bytes_of(wire::decode(request)?))?;
        Ok(reply.map(|reply| wire::encode(&number_of(reply))))
    }
}

impl Elect for Numbered {
    fn status(&self) -> Status {
        self.0.status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        self.0.watch(seen)
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl Replicate for Numbered {
    fn start(&self, command: labrpc::Bytes) -> Result<LogPosition, NotLeader> {
        self.0.start(command)
    }
}
