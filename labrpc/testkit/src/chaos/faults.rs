//! The faults of a cluster, and how long each lasts.

use std::time::Duration;

use labrpc::network::Conditions;
use labrpc::time::Instant;
use labrpc::{PeerId, thread};

use crate::cluster::UntypedCluster;
use crate::world::TestRng;

/// The faults that may occur besides faults of links, which always may: one-way cuts, partitions,
/// slow and lossy links, duplicated and reordered messages.
///
/// ```
/// use testkit::chaos::Faults;
///
/// assert!(Faults::ALL.crashes && !Faults::OF_LINKS.crashes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Servers crash at any point or save, and boot from what they saved (from lab 2C on).
    pub crashes: bool,
    /// Saves take time.
    pub slow_disks: bool,
    /// Servers stop for a while and then go on.
    pub pauses: bool,
}

impl Faults {
    /// For servers without disks.
    pub const OF_LINKS: Faults = Faults { crashes: false, slow_disks: false, pauses: true };
    /// For servers with disks.
    pub const ALL: Faults = Faults { crashes: true, slow_disks: true, pauses: true };
}

/// A new fault may begin in each slot of this length.
const SLOT: Duration = Duration::from_millis(100);
/// A new fault begins in one slot out of this many.
const FAULT_ONE_IN: u64 = 3;
/// The most slots that a fault lasts: long enough for an election and more.
const SLOTS_MAX: u64 = 15;
/// The most time that a slow save takes: a fraction of the time that oracles allow for prompt actions.
const SAVE_TIME_MAX_MS: u64 = 10;
/// With a fragile disk, a server crashes at this many of a thousand saves.
const CRASHES_PER_MILLE: u64 = 100;

/// A slow link: a message may arrive after the next heartbeat.
const SLOW: Conditions =
    Conditions { delay_min: Duration::from_millis(20), delay_max: Duration::from_millis(250), ..Conditions::RELIABLE };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CutOneWay(PeerId, PeerId),
    Isolate(PeerId),
    /// Servers on different sides are cut off from each other: bit i is the side of server i.
    Split(u64),
    Slow(PeerId, PeerId),
    Lossy(PeerId, PeerId),
    Pause(PeerId),
    Crash(PeerId),
    SlowDisk(PeerId, u64),
    /// The server crashes at some of its saves.
    FragileDisk(PeerId),
}

impl Fault {
    fn cuts(self, from: PeerId, to: PeerId) -> bool {
        match self {
            Fault::CutOneWay(a, b) => (a, b) == (from, to),
            Fault::Isolate(server) => server == from || server == to,
            Fault::Split(sides) => sides >> from & 1 != sides >> to & 1,
            _ => false,
        }
    }

    fn conditions(self, from: PeerId, to: PeerId) -> Option<Conditions> {
        match self {
            Fault::Slow(a, b) if (a, b) == (from, to) => Some(SLOW),
            Fault::Lossy(a, b) if (a, b) == (from, to) => {
                Some(Conditions { loss_per_mille: 400, duplicates_per_mille: 200, ..Conditions::UNRELIABLE })
            }
            _ => None,
        }
    }

    /// A fault from random bits, and how many slots it lasts.
    fn of(bits: u64, size: usize, faults: Faults) -> (Fault, u64) {
        let server = |shift: u32| (bits >> shift) as usize % size;
        let (one, other) = (server(8), server(16));
        let fault = match bits % 12 {
            0 | 1 => Fault::CutOneWay(one, other),
            2 | 3 => Fault::Isolate(one),
            4 => Fault::Split(bits >> 32),
            5 => Fault::Slow(one, other),
            6 => Fault::Lossy(one, other),
            7 if faults.pauses => Fault::Pause(one),
            8 | 9 if faults.crashes => Fault::Crash(one),
            10 if faults.crashes => Fault::FragileDisk(one),
            11 if faults.slow_disks => Fault::SlowDisk(one, 1 + (bits >> 40) % SAVE_TIME_MAX_MS),
            _ => Fault::Isolate(other),
        };
        (fault, 1 + (bits >> 48) % SLOTS_MAX)
    }
}

/// Starts and ends random faults for `duration`, and calls `work` in each slot. Then ends all faults.
pub fn random_faults(
    cluster: &UntypedCluster,
    rng: &TestRng,
    faults: Faults,
    duration: Duration,
    mut work: impl FnMut(),
) {
    let slots = (duration.as_millis() / SLOT.as_millis()) as u64;
    let conditions = rng.fault(Conditions::RELIABLE, |bits| match bits % 3 {
        0 => Conditions::RELIABLE,
        1 => Conditions::UNRELIABLE,
        _ => Conditions::UNRELIABLE.with_long_reordering(),
    });
    cluster.set_conditions(conditions);
    let began = Instant::now();
    let mut active: Vec<(Fault, u64)> = Vec::new();
    for slot in 0..slots {
        active.retain(|(_, until)| *until > slot);
        let new = rng.fault(None, |bits| {
            (bits % FAULT_ONE_IN == 0).then(|| Fault::of(bits / FAULT_ONE_IN, cluster.size(), faults))
        });
        active.extend(new.map(|(fault, slots)| (fault, slot + slots)));
        let now: Vec<Fault> = active.iter().map(|(fault, _)| *fault).collect();
        apply_faults(cluster, &now);
        work();
        // Each slot begins on time, even if `work` takes long: the time is part of each fault's name.
        let next = began + SLOT * (slot as u32 + 1);
        thread::sleep(next.duration_since(Instant::now()));
    }
    apply_faults(cluster, &[]);
    cluster.set_conditions(Conditions::RELIABLE);
    // A slow save that began during the faults may still end in a crash.
    thread::sleep(Duration::from_millis(SAVE_TIME_MAX_MS));
    apply_faults(cluster, &[]);
}

/// Sets the active faults to exactly these.
fn apply_faults(cluster: &UntypedCluster, faults: &[Fault]) {
    for from in cluster.servers() {
        for to in cluster.servers().filter(|&to| to != from) {
            cluster.network().set_cut(from, to, faults.iter().any(|fault| fault.cuts(from, to)));
            let conditions = faults.iter().find_map(|fault| fault.conditions(from, to));
            cluster.network().set_link_conditions(from, to, conditions);
        }
    }
    for server in cluster.servers() {
        let has = |wanted: Fault| faults.contains(&wanted);
        let save_ms = faults.iter().find_map(|fault| match fault {
            Fault::SlowDisk(slow, ms) if *slow == server => Some(*ms),
            _ => None,
        });
        let disk = cluster.persister(server);
        disk.set_save_time(Duration::from_millis(save_ms.unwrap_or_default()));
        disk.set_crashes_per_mille(if has(Fault::FragileDisk(server)) { CRASHES_PER_MILLE } else { 0 });
        match (has(Fault::Crash(server)), cluster.is_crashed(server)) {
            (true, false) => cluster.crash(server),
            (false, true) => cluster.start(server),
            _ => {}
        }
        cluster.set_paused(server, has(Fault::Pause(server)));
    }
}
