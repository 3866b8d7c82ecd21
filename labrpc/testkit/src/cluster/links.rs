//! Links between servers, and clerks' links.

use labrpc::PeerId;
use labrpc::network::{Conditions, Link, Port};

use super::untyped::UntypedCluster;

impl UntypedCluster {
    /// Sets the conditions of all links.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.network().set_conditions(conditions);
    }

    /// Restores a server's links to all connected servers.
    pub fn connect(&self, server: PeerId) {
        self.set_connected(server, true);
    }

    /// Cuts a server's links to all other servers, in both directions.
    pub fn disconnect(&self, server: PeerId) {
        self.set_connected(server, false);
    }

    fn set_connected(&self, server: PeerId, is_connected: bool) {
        self.inner.slots.lock()[server].is_connected = is_connected;
        for other in self.servers().filter(|&other| other != server) {
            let is_cut = !(is_connected && self.is_connected(other));
            self.network().set_cut(server, other, is_cut);
            self.network().set_cut(other, server, is_cut);
        }
    }

    /// Whether a server is connected: `disconnect` was not called, or `connect` after it.
    pub fn is_connected(&self, server: PeerId) -> bool {
        self.inner.slots.lock()[server].is_connected
    }

    /// The servers that are up and connected.
    pub fn reachable(&self) -> Vec<PeerId> {
        self.servers().filter(|&server| self.is_up(server) && self.is_connected(server)).collect()
    }

    /// Cuts all links between servers on different sides, and restores the others. `sides[i]` is the side of server i.
    pub fn partition(&self, sides: &[usize]) {
        assert_eq!(sides.len(), self.size(), "each server has a side");
        for from in self.servers() {
            for to in self.servers() {
                self.network().set_cut(from, to, sides[from] != sides[to]);
            }
        }
    }

    /// Connects all servers, and restores all links.
    pub fn heal(&self) {
        self.servers().for_each(|server| self.connect(server));
        self.partition(&vec![0; self.size()]);
    }

    /// A new clerk's number, and its links to all servers.
    pub fn clerk_links(&self) -> (u64, Vec<Link>) {
        let end = {
            let mut next = self.inner.next_clerk.lock();
            *next += 1;
            *next - 1
        };
        self.network().add_ends(end + 1);
        let links = self.servers().map(|server| self.network().link(end, server, Port::Kv)).collect();
        ((end - self.size()) as u64, links)
    }

    /// Cuts a clerk's links to all servers except these.
    pub fn confine_clerk(&self, links: &[Link], servers: &[PeerId]) {
        for link in links {
            let is_cut = !servers.contains(&link.to());
            self.network().set_cut(link.from(), link.to(), is_cut);
            self.network().set_cut(link.to(), link.from(), is_cut);
        }
    }
}
