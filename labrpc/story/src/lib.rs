//! The story of a run: what happened, in order, and what each event changed.
//!
//! The test kit writes a [`Story`]; everything that shows one reads it: the columns in a terminal, the explanation of
//! a failure and the page. Nothing here knows how a run is made or checked.
//!
//! What a server holds in memory cannot be seen from outside. A story tells of a server what its messages, its disk
//! and its service have shown so far, and no more: a server that has voted in term 3 and told nobody is still in term 2
//! here.

mod columns;
mod explain;
mod filter;
mod model;
mod repeats;
mod replay;
mod when;
mod words;

pub use columns::{Columns, columns};
pub use explain::explanation;
pub use filter::{Filter, FilterError, Topic};
pub use model::{
    Awaited, ClashStep, Curve, CurvePoint, Delta, DiskMarks, Event, Field, Kind, Lane, Lock, LogDelta, Marked, Meta,
    Position, Role, RuleText, State, Story, StoryEntry, Thread, ThreadWait, Twin, VERSION, Waited,
};
pub use repeats::Repeats;
pub use when::when_lost;
