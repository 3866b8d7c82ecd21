//! The sending end.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::simulated::Channel;
use super::{SendError, SendTimeoutError, TrySendError, deadline_after, refuse_to_block};
use crate::sim::runtime;
use crate::time::Instant;

/// The sending end of a channel. Clones send on the same channel, from any thread.
///
/// ```
/// use labrpc::{channel, thread};
///
/// let (sender, receiver) = channel::unbounded();
/// for server in 0..3 {
///     let sender = sender.clone();
///     thread::spawn(move || sender.send(server).unwrap());
/// }
/// drop(sender);
/// let mut servers: Vec<u32> = receiver.iter().collect();
/// servers.sort();
/// assert_eq!(servers, [0, 1, 2]);
/// ```
pub struct Sender<T> {
    pub(super) flavor: SenderFlavor<T>,
}

pub(super) enum SenderFlavor<T> {
    Real(crossbeam_channel::Sender<T>),
    Simulated(Arc<Channel<T>>),
}

impl<T> Sender<T> {
    pub(super) fn of_crossbeam(sender: crossbeam_channel::Sender<T>) -> Sender<T> {
        Sender { flavor: SenderFlavor::Real(sender) }
    }

    pub(super) fn of_simulated(channel: Arc<Channel<T>>) -> Sender<T> {
        Sender { flavor: SenderFlavor::Simulated(channel) }
    }

    /// Sends a message. Waits while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message in it, when every receiver is gone.
    ///
    /// # Panics
    ///
    /// When a simulated channel is used outside of its simulation, and when a real channel would have
    /// to wait inside a simulation. This holds for all operations that can wait.
    ///
    /// ```
    /// use labrpc::channel::{self, SendError};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// assert_eq!(sender.send(1), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// ```
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match &self.flavor {
            SenderFlavor::Real(sender) if runtime::current().is_none() => sender.send(message),
            _ => self.send_until(message, None, Location::caller()).map_err(|error| SendError(error.into_inner())),
        }
    }

    /// Sends a message if that is possible without waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the message in it, when the channel is full or every receiver is gone.
    ///
    /// ```
    /// use labrpc::channel::{self, TrySendError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match &self.flavor {
            SenderFlavor::Real(sender) => sender.try_send(message),
            SenderFlavor::Simulated(channel) => {
                let world = channel.world();
                world.operation();
                channel.try_send(world, message)
            }
        }
    }

    /// Sends a message. Waits for room for at most `patience`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the message in it, when there was no room in time, or when every
    /// receiver is gone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::channel::{self, SendTimeoutError};
    ///
    /// let (sender, _receiver) = channel::bounded(0);
    /// assert_eq!(sender.send_timeout(1, Duration::from_millis(1)), Err(SendTimeoutError::Timeout(1)));
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, message: T, patience: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Some(deadline_after(patience)), Location::caller())
    }

    /// Sends a message. Waits for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Sender::send_timeout).
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::channel::{self, SendTimeoutError};
    /// use labrpc::time::Instant;
    ///
    /// let (sender, _receiver) = channel::bounded(0);
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// assert_eq!(sender.send_deadline(1, deadline), Err(SendTimeoutError::Timeout(1)));
    /// ```
    #[track_caller]
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Some(deadline), Location::caller())
    }

    /// The number of messages that the channel holds.
    ///
    /// ```
    /// let (sender, _receiver) = labrpc::channel::unbounded();
    /// sender.send("a").unwrap();
    /// assert_eq!(sender.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        match &self.flavor {
            SenderFlavor::Real(sender) => sender.len(),
            SenderFlavor::Simulated(channel) => channel.len(),
        }
    }

    /// Whether the channel holds no message. A channel of capacity 0 is always empty.
    ///
    /// ```
    /// let (sender, _receiver) = labrpc::channel::unbounded::<u32>();
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the channel has no room for another message. A channel of capacity 0 is always full.
    ///
    /// ```
    /// let (sender, _receiver) = labrpc::channel::bounded(1);
    /// sender.send("a").unwrap();
    /// assert!(sender.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.capacity().is_some_and(|capacity| self.len() >= capacity)
    }

    /// The number of messages that the channel can hold; `None` if it is unbounded.
    ///
    /// ```
    /// use labrpc::channel;
    ///
    /// assert_eq!(channel::bounded::<u32>(3).0.capacity(), Some(3));
    /// assert_eq!(channel::unbounded::<u32>().0.capacity(), None);
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            SenderFlavor::Real(sender) => sender.capacity(),
            SenderFlavor::Simulated(channel) => channel.capacity(),
        }
    }

    #[track_caller]
    fn send_until(
        &self,
        message: T,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<(), SendTimeoutError<T>> {
        match &self.flavor {
            SenderFlavor::Simulated(channel) => {
                let world = channel.world();
                world.operation();
                channel.send(world, message, deadline, at)
            }
            SenderFlavor::Real(sender) => match (runtime::current(), deadline) {
                (None, None) => sender.send(message).map_err(SendTimeoutError::from),
                (None, Some(deadline)) => sender.send_deadline(message, deadline.on_real_clock()),
                (Some(_), _) => match sender.try_send(message) {
                    Ok(()) => Ok(()),
                    Err(TrySendError::Disconnected(message)) => Err(SendTimeoutError::Disconnected(message)),
                    Err(TrySendError::Full(_)) => refuse_to_block("send"),
                },
            },
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        match &self.flavor {
            SenderFlavor::Real(sender) => Sender::of_crossbeam(sender.clone()),
            SenderFlavor::Simulated(channel) => {
                channel.add_sender();
                Sender::of_simulated(Arc::clone(channel))
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let SenderFlavor::Simulated(channel) = &self.flavor {
            channel.drop_sender();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}
