//! Messages that do not decode, and links that lead nowhere, are reported in one line.

use std::sync::Arc;

use labrpc::sim::{Failure, FailureKind};
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service, thread};

use crate::ends::{Cluster, LONG, MS, failing};

/// Replies with a text where numbers are expected.
struct TextReply;

impl Service for TextReply {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(Some(wire::encode("hello")))
    }
}

/// Checks that a failure names the type, the sender and the receiver in one line.
fn assert_reported(failure: &Failure, sender: &str, receiver: &str) {
    assert_eq!(failure.kind, FailureKind::Undecodable);
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
    assert_reported(&failure, "from sender 0", "server 1");
    assert_eq!(failure.node, "server 1");
}

/// A reply that does not decode fails the run as well.
#[test]
fn a_reply_that_does_not_decode_fails_the_run() {
    let failure = failing(|| {
        let cluster = Cluster::new(2);
        cluster.network.add_service(1, Port::Raft, Arc::new(TextReply));
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
    });
    assert_reported(&failure, "from sender 1", "server 0");
    assert_eq!(failure.node, "server 0");
}

/// So does the reply to a call.
#[test]
fn a_reply_to_a_call_that_does_not_decode_fails_the_run() {
    let failure = failing(|| {
        let cluster = Cluster::new(1);
        cluster.network.add_service(0, Port::Kv, Arc::new(TextReply));
        assert_eq!(cluster.call(0, 7, LONG), None);
        thread::sleep(MS);
        unreachable!("the run is over");
    });
    assert_reported(&failure, "from sender 0", "in the call at labrpc/tests/network/");
}

/// Whatever the bytes are, they are reported, and never make the network panic.
#[test]
fn bytes_that_do_not_decode_are_reported_and_do_not_panic() {
    for len in 0..20 {
        for byte in [0, 1, 255] {
            let failure = failing(|| {
                let cluster = Cluster::new(2);
                cluster.network.add_service(1, Port::Raft, Arc::new(OtherType));
                cluster.network.link(0, 1, Port::Raft).send(&vec![byte; len]);
                thread::sleep(LONG);
            });
            assert_eq!(failure.kind, FailureKind::Undecodable, "{len} bytes of {byte}: {failure}");
        }
    }
}

/// Decodes requests as a type that no test sends.
struct OtherType;

impl Service for OtherType {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        wire::decode::<(bool, String, Vec<String>)>(&request[8..])
            .map(|_| panic!("decoded"))
            .map_err(|error| error.sent_by(from))
    }
}

/// Using a link to an end that the network does not have panics with a clear message.
#[test]
fn a_link_to_a_missing_end_panics() {
    let failure = failing(|| Cluster::new(2).send(0, 7, 1));
    assert!(failure.message.contains("there is no link from 0 to 7"), "{failure}");
}

/// A service can be added only to a server that is plugged in.
#[test]
fn a_service_needs_a_plugged_in_server() {
    let failure = failing(|| {
        let cluster = Cluster::new(1);
        cluster.network.add_service(1, Port::Kv, Arc::new(TextReply));
    });
    assert!(failure.message.contains("plugged in before its services"), "{failure}");
}
