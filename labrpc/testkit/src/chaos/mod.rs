//! Random faults over a cluster at work, every oracle on; then all is healed, and progress must
//! resume within a stated bound.
//!
//! Each decision about a fault stands on an absolute schedule and has a calm value, nothing. So a
//! failing run can be told with fewer faults, and the others stay where they were.

mod faults;
mod run;
mod saves;

pub use faults::Faults;
pub(crate) use faults::random_faults;
pub use run::{elections, replication};
pub use saves::CrashesAtSaves;

use crate::world::World;

/// One to seven servers, by the seed: even numbers, too.
pub fn any_size(world: &World) -> usize {
    1 + world.rng("size").random_range(0..7) as usize
}

/// Three servers or five, by the seed.
pub fn odd_size(world: &World) -> usize {
    3 + 2 * world.rng("size").random_range(0..2) as usize
}
