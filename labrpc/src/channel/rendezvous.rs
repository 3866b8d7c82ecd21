//! From hand to hand: who waits for another hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sim::runtime::Key;

/// One who waits for another hand. Its address is what it parks on.
pub(super) struct Ticket {
    is_served: AtomicBool,
}

impl Ticket {
    pub(super) fn new() -> Arc<Ticket> {
        Arc::new(Ticket { is_served: AtomicBool::new(false) })
    }

    pub(super) fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    pub(super) fn is_served(&self) -> bool {
        self.is_served.load(Ordering::Relaxed)
    }

    /// Whether the caller is the first to serve it. A `select!` holds the same ticket in several
    /// channels.
    pub(super) fn serve(&self) -> bool {
        !self.is_served.swap(true, Ordering::Relaxed)
    }
}
