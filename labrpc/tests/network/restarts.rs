//! Servers that crash, shut down or restart while messages are under way.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Lost, Network, Passage};
use labrpc::sim;
use labrpc::wire::WireError;
use labrpc::{PeerId, Port, Service, thread};

use crate::ends::{Cluster, Echo, LONG, Log, MS, calmly, simulated};

/// How long the slow servers of these tests take to serve a request.
const SLOW: Duration = Duration::from_millis(100);

/// The server at an end is looked up when a message arrives, not when it is sent.
#[test]
fn the_receiver_is_looked_up_on_arrival() {
    calmly(|| {
        let cluster = Cluster::new(2);
        cluster.network.unplug(1);
        cluster.send(0, 1, 7);
        let (_, successor) = cluster.boot(1, Echo::default());
        thread::sleep(LONG);
        assert_eq!(successor.requested(), [7], "it came up while the message was under way");
        cluster.send(0, 1, 8);
        cluster.network.unplug(1);
        thread::sleep(LONG);
        assert_eq!(successor.requested(), [7], "it was gone by then");
        assert!(cluster.servers[1].requested().is_empty());
    });
}

/// A message to an unplugged end is lost, and the tap sees why.
#[test]
fn a_message_to_an_unplugged_end_is_lost() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.network.unplug(1);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert_eq!(log.passages(0, 1), [Passage::Sent, Passage::Lost(Lost::Down)]);
        assert_eq!(cluster.network.counts().lost, 1);
    });
}

/// A server that crashes while it serves a request does not reply, even if its successor is up by then.
#[test]
fn a_crash_while_serving_loses_the_reply() {
    calmly(|| {
        let cluster = Cluster::new(1);
        let (node, slow) = cluster.boot(0, Echo::taking(SLOW));
        let network = cluster.network.clone();
        let caller = thread::spawn(move || network.link(1, 0, Port::Kv).call::<u64, u64>(&7, LONG));
        thread::sleep(SLOW / 2);
        assert_eq!(slow.requested(), [7], "it is being served");
        cluster.network.unplug(0);
        sim::kill(node);
        let (_, successor) = cluster.boot(0, Echo::default());
        assert_eq!(caller.join().unwrap(), None);
        assert!(successor.requested().is_empty());
        assert_eq!(cluster.network.counts().replies_delivered, 0);
    });
}

/// Neither does a server that was shut down, and whose threads go on for a while: its disk belongs to
/// its successor, so it must not reply any more.
#[test]
fn a_replaced_server_does_not_reply() {
    calmly(|| {
        let cluster = Cluster::new(2);
        cluster.boot(1, Echo::taking(SLOW));
        cluster.send(0, 1, 7);
        thread::sleep(SLOW / 2);
        cluster.boot(1, Echo::default());
        thread::sleep(LONG);
        assert!(cluster.servers[0].replied().is_empty());
    });
}

/// A reply to a server's earlier incarnation does not reach the later one.
#[test]
fn a_reply_to_an_earlier_incarnation_is_dropped() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.boot(1, Echo::taking(SLOW));
        cluster.send(0, 1, 7);
        thread::sleep(SLOW / 2);
        let (_, successor) = cluster.boot(0, Echo::default());
        thread::sleep(LONG);
        assert!(successor.replied().is_empty() && cluster.servers[0].replied().is_empty());
        assert_eq!(log.passages(1, 0), [Passage::Sent, Passage::Lost(Lost::Down)]);
    });
}

/// A server that is not plugged in cannot send.
#[test]
fn an_unplugged_server_cannot_send() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.unplug(0);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert!(cluster.servers[1].requested().is_empty());
        assert_eq!(cluster.network.counts().requests, 0);
    });
}

/// A request that arrives at a paused server is served when the server is resumed.
#[test]
fn a_paused_server_serves_when_it_is_resumed() {
    calmly(|| {
        let cluster = Cluster::new(2);
        sim::set_paused(cluster.nodes[1], true);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert!(cluster.servers[1].requests.try_lock().is_some_and(|requests| requests.is_empty()));
        sim::set_paused(cluster.nodes[1], false);
        thread::sleep(2 * MS);
        assert_eq!(cluster.servers[0].replied(), [7]);
    });
}

/// A service that uses the network while it is dropped.
struct UsesNetworkWhenDropped(Network);

impl Service for UsesNetworkWhenDropped {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

impl Drop for UsesNetworkWhenDropped {
    fn drop(&mut self) {
        let _ = self.0.counts();
    }
}

/// The network holds none of its locks while it drops a service.
#[test]
fn a_dropped_service_may_use_the_network() {
    simulated(|| {
        let cluster = Cluster::new(2);
        let service = || Arc::new(UsesNetworkWhenDropped(cluster.network.clone()));
        cluster.network.add_service(0, Port::Kv, service());
        cluster.network.add_service(0, Port::Kv, service());
        cluster.boot(0, Echo::default());
        cluster.network.add_service(0, Port::Kv, service());
        cluster.network.unplug(0);
        cluster.network.add_service(1, Port::Kv, service());
        cluster.network.close();
    });
}

/// A closed network holds no services any more.
#[test]
fn a_closed_network_drops_its_services() {
    simulated(|| {
        let cluster = Cluster::new(2);
        let held = Arc::downgrade(&cluster.servers[0]);
        cluster.network.close();
        drop(cluster.servers);
        assert!(held.upgrade().is_none());
        cluster.network.link(0, 1, Port::Raft).send(&7_u64);
        thread::sleep(LONG);
        assert_eq!(cluster.network.counts().requests, 0);
    });
}
