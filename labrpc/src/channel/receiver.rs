//! The receiving end.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::simulated::Channel;
use super::timer::Timer;
use super::{Iter, RecvError, RecvTimeoutError, TryIter, TryRecvError, deadline_after, refuse_to_block};
use crate::sim::runtime;
use crate::time::Instant;

/// The receiving end of a channel. Clones receive from the same channel, from any thread; each
/// message goes to one of them.
///
/// ```
/// use labrpc::{channel, thread};
///
/// let (sender, receiver) = channel::unbounded();
/// let workers: Vec<_> = (0..2)
///     .map(|_| {
///         let receiver = receiver.clone();
///         thread::spawn(move || receiver.iter().sum::<u32>())
///     })
///     .collect();
/// (1..=4).for_each(|n| sender.send(n).unwrap());
/// drop(sender);
/// let total: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
/// assert_eq!(total, 10);
/// ```
pub struct Receiver<T> {
    pub(super) flavor: ReceiverFlavor<T>,
}

pub(super) enum ReceiverFlavor<T> {
    Real(crossbeam_channel::Receiver<T>),
    Simulated(Arc<Channel<T>>),
    Timer(Timer<T>),
}

impl<T> Receiver<T> {
    pub(super) fn of_crossbeam(receiver: crossbeam_channel::Receiver<T>) -> Receiver<T> {
        Receiver { flavor: ReceiverFlavor::Real(receiver) }
    }

    pub(super) fn of_simulated(channel: Arc<Channel<T>>) -> Receiver<T> {
        Receiver { flavor: ReceiverFlavor::Simulated(channel) }
    }

    pub(super) fn of_timer(timer: Timer<T>) -> Receiver<T> {
        Receiver { flavor: ReceiverFlavor::Timer(timer) }
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when the channel is empty and every sender is gone.
    ///
    /// # Panics
    ///
    /// When a simulated channel is used outside of its simulation, and when a real channel would have
    /// to wait inside a simulation. This holds for all operations that can wait.
    ///
    /// ```
    /// use labrpc::channel::{self, RecvError};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv(), Ok(1));
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        match &self.flavor {
            ReceiverFlavor::Real(receiver) if runtime::current().is_none() => receiver.recv(),
            _ => self.recv_until(None, Location::caller()).map_err(|_| RecvError),
        }
    }

    /// Takes a message if there is one, without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when the channel is empty. It says whether every sender is gone.
    ///
    /// ```
    /// use labrpc::channel::{self, TryRecvError};
    ///
    /// let (sender, receiver) = channel::unbounded::<u32>();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.flavor {
            ReceiverFlavor::Real(receiver) => receiver.try_recv(),
            ReceiverFlavor::Simulated(channel) => {
                let world = channel.world();
                world.operation();
                channel.try_receive(world)
            }
            ReceiverFlavor::Timer(timer) => timer.try_receive(),
        }
    }

    /// Waits for a message for at most `patience`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] when no message came in time, or when the channel is empty and every sender
    /// is gone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::channel::{self, RecvTimeoutError};
    ///
    /// let (_sender, receiver) = channel::unbounded::<u32>();
    /// assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline_after(patience)), Location::caller())
    }

    /// Waits for a message until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Receiver::recv_timeout).
    ///
    /// ```
    /// use std::time::Duration;
    /// use labrpc::channel::{self, RecvTimeoutError};
    /// use labrpc::time::Instant;
    ///
    /// let (_sender, receiver) = channel::unbounded::<u32>();
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// assert_eq!(receiver.recv_deadline(deadline), Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline), Location::caller())
    }

    /// The messages as they arrive, until every sender is gone. `next` waits.
    ///
    /// ```
    /// let (sender, receiver) = labrpc::channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.iter().sum::<u32>(), 6);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are in the channel now. `next` does not wait.
    ///
    /// ```
    /// let (sender, receiver) = labrpc::channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// assert_eq!(receiver.try_iter().count(), 3);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// The number of messages that the channel holds.
    ///
    /// ```
    /// let (sender, receiver) = labrpc::channel::unbounded();
    /// sender.send("a").unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        match &self.flavor {
            ReceiverFlavor::Real(receiver) => receiver.len(),
            ReceiverFlavor::Simulated(channel) => channel.len(),
            ReceiverFlavor::Timer(timer) => timer.len(),
        }
    }

    /// Whether the channel holds no message. A channel of capacity 0 is always empty.
    ///
    /// ```
    /// let (_sender, receiver) = labrpc::channel::unbounded::<u32>();
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the channel has no room for another message. A channel of capacity 0 is always full.
    ///
    /// ```
    /// let (_sender, receiver) = labrpc::channel::bounded::<u32>(1);
    /// assert!(!receiver.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.capacity().is_some_and(|capacity| self.len() >= capacity)
    }

    /// The number of messages that the channel can hold; `None` if it is unbounded.
    ///
    /// ```
    /// use labrpc::channel;
    ///
    /// assert_eq!(channel::bounded::<u32>(3).1.capacity(), Some(3));
    /// assert_eq!(channel::unbounded::<u32>().1.capacity(), None);
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            ReceiverFlavor::Real(receiver) => receiver.capacity(),
            ReceiverFlavor::Simulated(channel) => channel.capacity(),
            ReceiverFlavor::Timer(timer) => Some(timer.capacity()),
        }
    }

    #[track_caller]
    pub(super) fn recv_until(
        &self,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        match &self.flavor {
            ReceiverFlavor::Simulated(channel) => {
                let world = channel.world();
                world.operation();
                channel.receive(world, deadline, at)
            }
            ReceiverFlavor::Timer(timer) => timer.receive(deadline, at),
            ReceiverFlavor::Real(receiver) => match (runtime::current(), deadline) {
                (None, None) => receiver.recv().map_err(RecvTimeoutError::from),
                (None, Some(deadline)) => receiver.recv_deadline(deadline.on_real_clock()),
                (Some(_), _) => match receiver.try_recv() {
                    Ok(message) => Ok(message),
                    Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                    Err(TryRecvError::Empty) => refuse_to_block("recv"),
                },
            },
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        match &self.flavor {
            ReceiverFlavor::Real(receiver) => Receiver::of_crossbeam(receiver.clone()),
            ReceiverFlavor::Timer(timer) => Receiver::of_timer(timer.clone()),
            ReceiverFlavor::Simulated(channel) => {
                channel.add_receiver();
                Receiver::of_simulated(Arc::clone(channel))
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let ReceiverFlavor::Simulated(channel) = &self.flavor {
            channel.drop_receiver();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}
