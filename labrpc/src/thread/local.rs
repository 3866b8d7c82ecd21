//! Values of which each thread has its own.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::sim::runtime;

/// The values of one thread, by the address of their key.
#[derive(Default)]
pub(crate) struct Locals(FxHashMap<usize, Rc<dyn Any>>);

impl Locals {
    fn find(&self, key: usize) -> Option<Rc<dyn Any>> {
        self.0.get(&key).map(Rc::clone)
    }

    /// The value of a key: the present one, if there is one by now.
    fn find_or_insert(&mut self, key: usize, value: Rc<dyn Any>) -> Rc<dyn Any> {
        Rc::clone(self.0.entry(key).or_insert(value))
    }
}

std::thread_local! {
    /// Those of threads of the operating system.
    static OF_OS_THREAD: RefCell<Locals> = RefCell::default();
}

/// Declares values of which each thread has its own, as [`std::thread_local!`] does. In a simulation each simulated
/// thread has its own. std's macro would let all threads of all servers share one value there, because they all
/// run on one thread of the operating system.
///
/// ```
/// use std::cell::Cell;
/// use labrpc::thread;
///
/// labrpc::thread_local! {
///     static REQUESTS: Cell<u64> = Cell::new(0);
/// }
///
/// REQUESTS.set(7);
/// thread::spawn(|| assert_eq!(REQUESTS.get(), 0)).join().unwrap();
/// assert_eq!(REQUESTS.get(), 7);
/// ```
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = const $value:block $(; $($rest:tt)*)?) => {
        $(#[$attribute])* $visibility static $name: $crate::thread::LocalKey<$type> =
            $crate::thread::LocalKey::new(|| $value);
        $($crate::thread_local!($($rest)*);)?
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $value:expr $(; $($rest:tt)*)?) => {
        $(#[$attribute])* $visibility static $name: $crate::thread::LocalKey<$type> =
            $crate::thread::LocalKey::new(|| $value);
        $($crate::thread_local!($($rest)*);)?
    };
}

/// A value of which each thread has its own, made by [`thread_local!`](crate::thread_local!). A thread's value is
/// made at its first use and dropped at the end of the thread.
pub struct LocalKey<T: 'static> {
    make: fn() -> T,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(make: fn() -> T) -> LocalKey<T> {
        LocalKey { make }
    }

    /// Calls `look` with the calling thread's value.
    ///
    /// ```
    /// labrpc::thread_local! {
    ///     static NAME: String = "ticker".to_string();
    /// }
    ///
    /// assert_eq!(NAME.with(|name| name.len()), 6);
    /// ```
    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        let key = std::ptr::from_ref(self) as usize;
        let in_locals = |access: &mut dyn FnMut(&mut Locals)| match runtime::current() {
            Some(world) if world.is_in_task() => world.with_locals(access),
            _ => OF_OS_THREAD.with_borrow_mut(access),
        };
        let mut value = None;
        in_locals(&mut |locals| value = locals.find(key));
        if value.is_none() {
            // Made while nothing is borrowed: it may use other keys.
            let made: Rc<dyn Any> = Rc::new((self.make)());
            in_locals(&mut |locals| value = Some(locals.find_or_insert(key, Rc::clone(&made))));
        }
        let value = value.expect("it was just made");
        look(value.downcast_ref().expect("the value of a key has the key's type"))
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// A copy of the calling thread's value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Changes the calling thread's value.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// Changes the calling thread's value and returns the one before.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    /// Takes the calling thread's value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `look` with the calling thread's value.
    ///
    /// # Panics
    ///
    /// When the value is borrowed mutably now.
    pub fn with_borrow<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| look(&cell.borrow()))
    }

    /// Calls `change` with the calling thread's value.
    ///
    /// # Panics
    ///
    /// When the value is borrowed now.
    pub fn with_borrow_mut<R>(&'static self, change: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| change(&mut cell.borrow_mut()))
    }

    /// Changes the calling thread's value.
    ///
    /// # Panics
    ///
    /// When the value is borrowed now.
    pub fn set(&'static self, value: T) {
        self.replace(value);
    }

    /// Changes the calling thread's value and returns the one before.
    ///
    /// # Panics
    ///
    /// When the value is borrowed now.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    /// Takes the calling thread's value and leaves the default.
    ///
    /// # Panics
    ///
    /// When the value is borrowed now.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
