//! Lab 2D's server: the whole of Raft, as far as this course goes.

use std::sync::Arc;

use lab2a_election::{Election, Raft};
use lab2c_persist::Disk;
use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, Persister};

use crate::compacting::Compacting;

/// Starts lab 2D's server with the state that its persister holds. The other end of
/// `apply_ch` receives first the snapshot, if there is one, and then what is committed.
///
/// From the inside out: an election (lab 2A) in a replica (2B), with a snapshot (2D), saved to disk
/// (2C), behind a lock (2A), with an applier (2B).
pub fn boot(
    election: Election,
    persister: Arc<Persister>,
    links: Vec<Link>,
    apply_ch: Sender<ApplyMsg>,
) -> Raft<Compacting> {
    let mut core = Compacting::new(election);
    let mut disk = Disk::new(persister);
    core.restore(&mut disk);
    lab2b_log::spawn(core, move |core| core.save(&mut disk), links, apply_ch)
}
