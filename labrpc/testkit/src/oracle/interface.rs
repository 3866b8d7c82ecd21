//! What every oracle does.

use crate::event::Event;
use crate::observed::ObservedState;
use crate::violation::Violation;

/// Checks one kind of rule while a run goes on.
pub(crate) trait Oracle: Send {
    /// Checks an event. `observed` has taken it in already.
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation>;
}
