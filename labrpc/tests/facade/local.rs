//! Each thread has its own value of a `thread_local!`, simulated or real.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use labrpc::sim;
use labrpc::sync::Mutex;
use labrpc::thread;

use crate::worlds::everywhere;

const MS: Duration = Duration::from_millis(1);

labrpc::thread_local! {
    /// Two keys in one declaration, the second of which is made with the first.
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static NAMES: RefCell<Vec<u32>> = RefCell::new(vec![COUNT.get()])
}

/// Threads that take turns do not see one another's values.
#[test]
fn each_thread_has_its_own_value() {
    everywhere(|| {
        COUNT.set(100);
        let threads: Vec<_> = (0..4)
            .map(|n| {
                thread::spawn(move || {
                    for round in 0..5 {
                        NAMES.with_borrow_mut(|names| {
                            names.push(n);
                            assert_eq!(names.len(), round + 2);
                        });
                        thread::sleep(MS);
                        COUNT.set(COUNT.get() + 1);
                    }
                    assert!(NAMES.with_borrow(|names| names[1..].iter().all(|&name| name == n)));
                    (COUNT.get(), NAMES.take()[0])
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), (5, 0)));
        assert_eq!((COUNT.replace(1), COUNT.take(), COUNT.get()), (100, 1, 0));
    });
}

/// A thread's values are dropped at its end, also if a crash ends it.
#[test]
fn values_are_dropped_with_their_thread() {
    static DROPPED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    struct Noted(Cell<&'static str>);
    impl Drop for Noted {
        fn drop(&mut self) {
            DROPPED.lock().push(self.0.get());
        }
    }
    labrpc::thread_local!(static NOTED: Noted = Noted(Cell::new("unused")));
    let (result, _) = sim::run(sim::Settings::default(), || {
        let node = sim::new_node("server 0");
        sim::spawn_in(node, "crashed", || {
            NOTED.with(|noted| noted.0.set("crashed"));
            thread::sleep(1000 * MS);
        });
        thread::spawn(|| NOTED.with(|noted| noted.0.set("ended"))).join().unwrap();
        assert_eq!(*DROPPED.lock(), ["ended"]);
        sim::kill(node);
        assert_eq!(*DROPPED.lock(), ["ended", "crashed"]);
    });
    result.unwrap();
}
