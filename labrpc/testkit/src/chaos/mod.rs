//! Random faults over a cluster at work, every oracle on; then all is healed, and progress must
//! resume within a stated bound.
//!
//! Each decision about a fault stands on an absolute schedule and has a calm value, nothing. So a
//! failing run can be told with fewer faults, and the others stay where they were.

mod faults;
mod run;

pub use faults::Faults;
pub(crate) use faults::storm;
pub use run::{elections, replication};
