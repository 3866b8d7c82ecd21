//! A channel of capacity 0 holds no message: a sender and a receiver have to meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sim::runtime::Key;

/// A task that waits for its counterpart at a channel of capacity 0. The task parks on its address.
pub(super) struct Rendezvous {
    is_claimed: AtomicBool,
}

impl Rendezvous {
    pub(super) fn new() -> Arc<Rendezvous> {
        Arc::new(Rendezvous { is_claimed: AtomicBool::new(false) })
    }

    pub(super) fn key(&self) -> Key {
        std::ptr::from_ref(self) as Key
    }

    pub(super) fn is_claimed(&self) -> bool {
        self.is_claimed.load(Ordering::Relaxed)
    }

    /// True for the first caller only. A `select!` registers one rendezvous with several channels, and
    /// must be met in one of them only.
    pub(super) fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::Relaxed)
    }
}
