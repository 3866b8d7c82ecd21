//! x
#[path = "linear/agreement.rs"]
mod agreement;
#[path = "linear/brute_force.rs"]
mod brute_force;
#[path = "linear/drawing.rs"]
mod drawing;
