//! Receiving in a `for` loop.

use super::Receiver;

/// The messages as they arrive; see [`Receiver::iter`].
///
/// ```
/// let (sender, receiver) = labrpc::channel::unbounded();
/// sender.send(1).unwrap();
/// drop(sender);
/// for message in &receiver {
///     assert_eq!(message, 1);
/// }
/// ```
#[derive(Debug)]
pub struct Iter<'a, T> {
    pub(super) receiver: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

/// The messages that are in the channel now; see [`Receiver::try_iter`].
///
/// ```
/// let (sender, receiver) = labrpc::channel::unbounded();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.try_iter().collect::<Vec<u32>>(), [1]);
/// ```
#[derive(Debug)]
pub struct TryIter<'a, T> {
    pub(super) receiver: &'a Receiver<T>,
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

/// The messages as they arrive; owns the receiver.
///
/// ```
/// let (sender, receiver) = labrpc::channel::unbounded();
/// sender.send(1).unwrap();
/// drop(sender);
/// for message in receiver {
///     assert_eq!(message, 1);
/// }
/// ```
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
