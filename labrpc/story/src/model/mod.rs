//! The data of a story. As JSON, names are short and what is missing is left out.

mod ending;
mod event;
mod state;
mod story;

pub use ending::{Awaited, Lock, Thread, ThreadWait, Waited};
pub use event::{Event, Field, Kind};
pub use state::{Delta, DiskMarks, LogDelta, Position, Role, State, StoryEntry};
pub use story::{ClashStep, Curve, CurvePoint, Lane, Marked, Meta, RuleText, Story, Twin, VERSION};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
