//! A sample simulation: servers that call one another on a fixed schedule, over a bad network. The
//! threads of each server share a lock.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Conditions, Network};
use labrpc::sim::{self, Report, Settings, mix};
use labrpc::sync::Mutex;
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service};

use crate::worlds::{MS, at, sleep_until};

const SERVERS: usize = 3;
const ROUNDS: u32 = 100;
/// Long enough for a request and its reply to arrive before the next request.
const INTERVAL: Duration = Duration::from_millis(80);

/// What a server received: the sender of each request or reply, and the round.
type Journal = Arc<Mutex<Vec<(PeerId, u32)>>>;

struct Echo(Journal);

impl Service for Echo {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        self.0.lock().push((from, wire::decode(request)?));
        Ok(Some(request.to_vec()))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        self.0.lock().push((from, wire::decode(reply)?));
        Ok(())
    }
}

/// Eight seconds of traffic. Returns the servers' journals.
pub fn traffic() -> Vec<Vec<(PeerId, u32)>> {
    let network = Network::new(SERVERS, 0);
    network.set_conditions(Conditions::UNRELIABLE);
    let journals: Vec<Journal> = (0..SERVERS).map(|server| serve(&network, server)).collect();
    sleep_until(at(INTERVAL * (ROUNDS + 2)));
    journals.iter().map(|journal| journal.lock().clone()).collect()
}

fn serve(network: &Network, server: PeerId) -> Journal {
    let journal = Journal::default();
    let node = sim::new_node(format!("server {server}"));
    network.plug(server, Some(node));
    network.add_service(server, Port::Raft, Arc::new(Echo(Arc::clone(&journal))));
    for peer in (0..SERVERS).filter(|&peer| peer != server) {
        let link = network.link(server, peer, Port::Raft);
        // In the middle of a millisecond, so that the 100 ns of an operation do not move it to the next.
        let offset = MS * (3 * server + peer) as u32 + MS / 2;
        sim::spawn_named(node, "caller", mix(server as u64, peer as u64), move || {
            for round in 1..=ROUNDS {
                sleep_until(at(INTERVAL * round + offset));
                link.send(&round);
            }
        });
    }
    journal
}

/// Runs the traffic. Returns the report and the servers' journals.
pub fn run(settings: Settings) -> (Report, Vec<Vec<(PeerId, u32)>>) {
    let (journals, report) = sim::run(settings, traffic);
    (report, journals.unwrap_or_else(|failure| panic!("{failure}")))
}

/// Everything in a report that has to be the same each time, which excludes processor time.
pub fn reproducible_part(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let Report { trace, virtual_time, operations, switches, tasks, tasks_peak, decisions, choices, .. } =
        report.clone();
    (trace, virtual_time, operations, switches, tasks, tasks_peak, decisions, choices)
}
