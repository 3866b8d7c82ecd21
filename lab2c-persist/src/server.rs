//! Lab 2C's server: lab 2B's server with a disk.

use std::sync::Arc;

use lab2a_election::{Election, Raft};
use lab2b_log::{Replica, VecLog};
use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, Persister};

use crate::disk::Disk;

/// Starts lab 2C's server with the state that its persister holds. Committed commands come out of
/// the other end of `apply_ch`.
pub fn boot(
    election: Election,
    persister: Arc<Persister>,
    links: Vec<Link>,
    apply_ch: Sender<ApplyMsg>,
) -> Raft<Replica<VecLog>> {
    let mut replica = Replica::new(election);
    let mut disk = Disk::new(persister);
    disk.restore(&mut replica);
    lab2b_log::spawn(replica, move |replica| disk.save(replica, None), links, apply_ch)
}
