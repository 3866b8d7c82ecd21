//! Servers that go and come again while messages are under way.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Lost, Network, Passage};
use labrpc::sim;
use labrpc::wire::WireError;
use labrpc::{PeerId, Port, Service, thread};

use crate::ends::{Cluster, Echo, LONG, Log, MS, calmly, simulated};

/// How long the slow servers of these tests think.
const SLOW: Duration = Duration::from_millis(100);

/// Who stands at an end is looked up when a message arrives, not when it is sent.
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

/// What arrives where nobody stands is lost, and the tap is told why.
#[test]
fn nobody_is_at_home() {
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

/// A server that crashes while it serves answers nothing, though its successor is up by then.
#[test]
fn a_crash_takes_the_answer_with_it() {
    calmly(|| {
        let cluster = Cluster::new(1);
        let (node, slow) = cluster.boot(0, Echo::thinking(SLOW));
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

/// So does one that was shut down in good order, whose threads go on for a while: its disk has
/// passed on to its successor, and it must not speak any more.
#[test]
fn a_predecessor_says_nothing_any_more() {
    calmly(|| {
        let cluster = Cluster::new(2);
        cluster.boot(1, Echo::thinking(SLOW));
        cluster.send(0, 1, 7);
        thread::sleep(SLOW / 2);
        cluster.boot(1, Echo::default());
        thread::sleep(LONG);
        assert!(cluster.servers[0].replied().is_empty());
    });
}

/// An answer to a server's earlier incarnation does not reach the later one.
#[test]
fn an_answer_to_a_predecessor_is_dropped() {
    calmly(|| {
        let cluster = Cluster::new(2);
        let log = Arc::new(Log::default());
        cluster.network.set_tap(Arc::clone(&log) as _);
        cluster.boot(1, Echo::thinking(SLOW));
        cluster.send(0, 1, 7);
        thread::sleep(SLOW / 2);
        let (_, successor) = cluster.boot(0, Echo::default());
        thread::sleep(LONG);
        assert!(successor.replied().is_empty() && cluster.servers[0].replied().is_empty());
        assert_eq!(log.passages(1, 0), [Passage::Sent, Passage::Lost(Lost::Down)]);
    });
}

/// A server that is no longer plugged in cannot send.
#[test]
fn the_unplugged_cannot_send() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.network.unplug(0);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        assert!(cluster.servers[1].requested().is_empty());
        assert_eq!(cluster.network.counts().requests, 0);
    });
}

/// A delivery that arrives at a paused server is served when it goes on.
#[test]
fn a_paused_server_serves_later() {
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
struct Farewell(Network);

impl Service for Farewell {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.counts();
    }
}

/// The network holds none of its locks while services are dropped.
#[test]
fn a_dropped_service_may_use_the_network() {
    simulated(|| {
        let cluster = Cluster::new(2);
        let farewell = || Arc::new(Farewell(cluster.network.clone()));
        cluster.network.add_service(0, Port::Kv, farewell());
        cluster.network.add_service(0, Port::Kv, farewell());
        cluster.boot(0, Echo::default());
        cluster.network.add_service(0, Port::Kv, farewell());
        cluster.network.unplug(0);
        cluster.network.add_service(1, Port::Kv, farewell());
        cluster.network.close();
    });
}

/// After its end a network holds nobody's services any more.
#[test]
fn a_closed_network_lets_its_services_go() {
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
