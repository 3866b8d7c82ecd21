//! Requests and replies, without faults.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Conditions, Counts, Network};
use labrpc::sim::{self, NodeId};
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service, thread};

use crate::ends::{Cluster, Echo, LONG, MS, calmly, simulated};

/// A request that is sent is served once, and its reply goes to the sender's service once.
#[test]
fn a_reply_goes_to_the_senders_service() {
    simulated(|| {
        let cluster = Cluster::new(2);
        cluster.send(0, 1, 7);
        thread::sleep(LONG);
        let requests: Vec<_> = cluster.servers[1].requests.lock().iter().map(|&(from, n, _)| (from, n)).collect();
        let replies: Vec<_> = cluster.servers[0].replies.lock().iter().map(|&(from, n, _)| (from, n)).collect();
        assert_eq!((requests, replies), (vec![(0, 7)], vec![(1, 7)]));
        assert!(cluster.servers[0].requested().is_empty() && cluster.servers[1].replied().is_empty());
    });
}

/// A call blocks until its reply comes, and the reply does not go to the sender's service.
#[test]
fn a_call_waits_for_its_reply() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_conditions(Conditions::RELIABLE);
        for number in 0..50 {
            let asked = Instant::now();
            assert_eq!(cluster.call(0, number, LONG), Some(number));
            assert!((2 * MS..21 * MS).contains(&asked.elapsed()), "1 to 10 ms each way: {:?}", asked.elapsed());
        }
        assert!(cluster.servers[0].replied().is_empty());
    });
}

/// If every decision is calm, a message takes the shortest time, each way.
#[test]
fn a_calm_message_takes_the_shortest_time() {
    calmly(|| {
        let cluster = Cluster::new(1);
        cluster.network.set_conditions(Conditions::UNRELIABLE.with_long_reordering().with_long_delays());
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, LONG), Some(7));
        assert!((2 * MS..2 * MS + MS / 100).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    });
}

/// A caller waits no longer than its patience, and a reply that comes too late is lost.
#[test]
fn a_call_times_out_and_its_late_reply_is_lost() {
    simulated(|| {
        let cluster = Cluster::new(1);
        cluster.boot(0, Echo::taking(Duration::from_secs(1)));
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, 100 * MS), None);
        assert!((100 * MS..101 * MS).contains(&asked.elapsed()), "{:?}", asked.elapsed());
        thread::sleep(LONG);
        let counts = cluster.network.counts();
        assert_eq!((counts.replies_delivered, counts.lost), (0, 1), "the reply came after the caller had given up");
        assert_eq!(cluster.call(0, 8, LONG), Some(8), "the next call gets its own reply");
    });
}

/// Records the node in which it is called, and does not reply.
struct NoReply(Arc<Mutex<Vec<NodeId>>>);

impl Service for NoReply {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        self.0.lock().push(sim::node());
        Ok(None)
    }
}

/// If a service returns no reply, the call times out.
#[test]
fn a_call_without_a_reply_times_out() {
    simulated(|| {
        let cluster = Cluster::new(1);
        let served_in = Arc::default();
        cluster.network.add_service(0, Port::Kv, Arc::new(NoReply(Arc::clone(&served_in))));
        let asked = Instant::now();
        assert_eq!(cluster.call(0, 7, 50 * MS), None);
        assert!(asked.elapsed() >= 50 * MS);
        assert_eq!(*served_in.lock(), cluster.nodes, "it is served in its server's node");
        assert_eq!(cluster.network.counts().replies_delivered, 0);
    });
}

/// A server serves several requests at once.
#[test]
fn requests_are_served_side_by_side() {
    simulated(|| {
        let cluster = Arc::new(Cluster::new(1));
        cluster.boot(0, Echo::taking(Duration::from_secs(1)));
        let asked = Instant::now();
        let callers: Vec<_> = (0..10)
            .map(|number| {
                let cluster = Arc::clone(&cluster);
                thread::spawn(move || cluster.call(0, number, LONG))
            })
            .collect();
        for (number, caller) in callers.into_iter().enumerate() {
            assert_eq!(caller.join().unwrap(), Some(number as u64));
        }
        assert!(asked.elapsed() < Duration::from_millis(1100));
    });
}

/// Each port of an end leads to its own service.
#[test]
fn each_port_has_its_own_service() {
    simulated(|| {
        let network = Network::new(2, 0);
        let (raft, kv) = (Arc::new(Echo::default()), Arc::new(Echo::default()));
        network.plug(0, Some(sim::new_node("server 0")));
        network.add_service(0, Port::Raft, Arc::clone(&raft) as Arc<dyn Service>);
        network.add_service(0, Port::Kv, Arc::clone(&kv) as Arc<dyn Service>);
        let ask = |port, number: u64| network.link(1, 0, port).call::<u64, u64>(&number, LONG);
        assert_eq!((ask(Port::Raft, 1), ask(Port::Kv, 2)), (Some(1), Some(2)));
        assert_eq!((raft.requested(), kv.requested()), (vec![1], vec![2]));
    });
}

/// Requests, replies and bytes are counted, and clerks' requests separately.
#[test]
fn traffic_is_counted() {
    simulated(|| {
        let cluster = Cluster::new(2);
        assert_eq!((cluster.network.counts(), cluster.network.ends()), (Counts::default(), 3));
        cluster.send(0, 1, 7);
        cluster.send(1, 0, 8);
        assert_eq!(cluster.call(0, 9, LONG), Some(9));
        thread::sleep(LONG);
        let number_bytes = wire::encode(&7_u64).len() as u64;
        let expected = Counts {
            requests: 3,
            requests_of_clerks: 1,
            replies_delivered: 3,
            bytes: 6 * number_bytes,
            ..Counts::default()
        };
        assert_eq!(cluster.network.counts(), expected);
        assert_eq!([0, 1, 2].map(|at| cluster.network.served(at)), [2, 1, 0]);
    });
}

/// A link knows its ends, and so does its clone.
#[test]
fn a_link_knows_its_ends() {
    simulated(|| {
        let link = Cluster::new(2).network.link(0, 1, Port::Raft).clone();
        assert_eq!((link.from(), link.to()), (0, 1));
    });
}
