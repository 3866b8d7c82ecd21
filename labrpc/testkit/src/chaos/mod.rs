//! Random faults in a cluster at work. After they end, the cluster must make progress within a
//! stated time. All oracles check the run.
//!
//! Faults come on a fixed schedule, and the calm value of each decision means "no fault". So a run can
//! be repeated with fewer faults, and the faults that are left stay the same.

mod faults;
mod run;
mod saves;

pub use faults::Faults;
pub use faults::random_faults;
pub use run::{elections, replication};
pub use saves::CrashesAtSaves;

use crate::world::World;

/// The size that is easiest to follow, and that still has majorities and minorities.
const FEW: u64 = 3;

/// A random cluster size from one to seven, even sizes included.
pub fn any_size(world: &World) -> usize {
    world.rng("size").random_range_or(FEW, 1..8) as usize
}

/// A random cluster size: three or five.
pub fn odd_size(world: &World) -> usize {
    1 + 2 * world.rng("size").random_range_or(1, 1..3) as usize
}
