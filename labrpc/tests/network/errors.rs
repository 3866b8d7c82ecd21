//! Bytes that are no message, and links that lead nowhere, are told in one line.

use std::sync::Arc;

use labrpc::sim::{Failure, FailureKind};
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service, thread};

use crate::ends::{Cluster, LONG, MS, failing};

/// Answers anything with a text, where numbers are expected.
struct Chatty;

impl Service for Chatty {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(Some(wire::encode("hello")))
    }
}

/// The failure of a run in one line, with the type, the sender and the reason in it.
fn assert_told(failure: &Failure, sender: &str, receiver: &str) {
    assert_eq!(failure.kind, FailureKind::Reported);
    let message = &failure.message;
    assert_eq!(message.lines().count(), 1, "{message}");
    for word in [sender, receiver, "do not decode as u64", "bytes"] {
        assert!(message.contains(word), "{word:?} is missing: {message}");
    }
}

/// A request that does not decode fails the run, and names who sent it to whom.
#[test]
fn a_request_that_does_not_decode_fails_the_run() {
    let failure = failing(|| {
        let cluster = Cluster::new(2);
        cluster.network.link(0, 1, Port::Raft).send(&7_u8);
        thread::sleep(LONG);
    });
    assert_told(&failure, "from sender 0", "server 1");
    assert_eq!(failure.node, "server 1");
}

/// So does an answer, at the door.
#[test]
fn an_answer_that_does_not_decode_fails_the_run() {
    let failure = failing(|| {
        let cluster = Cluster::new(2);
        cluster.network.add_service(1, Port::Raft, Arc::new(Chatty));
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
    });
    assert_told(&failure, "from sender 1", "server 0");
    assert_eq!(failure.node, "server 0");
}

/// And an answer to a call.
#[test]
fn an_answer_to_a_call_that_does_not_decode_fails_the_run() {
    let failure = failing(|| {
        let cluster = Cluster::new(1);
        cluster.network.add_service(0, Port::Kv, Arc::new(Chatty));
        assert_eq!(cluster.call(0, 7, LONG), None);
        thread::sleep(MS);
        unreachable!("the run is over");
    });
    assert_told(&failure, "from sender 0", "");
}

/// Every kind of bytes that is no message is survived, none of them by a panic.
#[test]
fn no_bytes_panic_the_world() {
    for len in 0..20 {
        for byte in [0, 1, 255] {
            let failure = failing(|| {
                let cluster = Cluster::new(2);
                cluster.network.add_service(1, Port::Raft, Arc::new(Picky));
                cluster.network.link(0, 1, Port::Raft).send(&vec![byte; len]);
                thread::sleep(LONG);
            });
            assert_eq!(failure.kind, FailureKind::Reported, "{len} bytes of {byte}: {failure}");
        }
    }
}

/// Expects what nobody sends.
struct Picky;

impl Service for Picky {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        wire::decode::<(bool, String, Vec<String>)>(&request[8..])
            .map(|_| panic!("decoded"))
            .map_err(|error| error.sent_by(from))
    }
}

/// A link to an end that the network does not have says so.
#[test]
fn a_link_to_nowhere_is_an_error() {
    let failure = failing(|| Cluster::new(2).send(0, 7, 1));
    assert!(failure.message.contains("there is no link from 0 to 7"), "{failure}");
}

/// A service is added to a server that is plugged in.
#[test]
fn a_service_needs_a_server() {
    let failure = failing(|| {
        let cluster = Cluster::new(1);
        cluster.network.add_service(1, Port::Kv, Arc::new(Chatty));
    });
    assert!(failure.message.contains("plugged in before its services"), "{failure}");
}
