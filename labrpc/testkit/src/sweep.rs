//! Two things at almost the same moment: at every distance of a window, one operation after the other.
//!
//! A bug between two holds of a lock shows only if something else comes in right there. A few seeds may
//! all miss that moment. A sweep does not: it repeats a short script, and each time the second of two
//! events comes one operation later.
//!
//! ```no_run
//! # use testkit::script::ScriptedCluster;
//! # fn example<R: labrpc::Replicate>(world: &testkit::World, leader: impl Fn() -> ScriptedCluster<R>) {
//! use testkit::sweep::Sweep;
//!
//! Sweep::of(world, "a newer leader's heartbeat arrives", "a command is offered").each(|offset| {
//!     let script = leader();
//!     let heartbeat = script.leader(1).in_term(9).request();
//!     let (_, taken) = offset.meet(script.arrives(1, heartbeat), script.is_offered("x"));
//!     // … what must hold now, whichever came first …
//!     script.crash();
//! });
//! # }
//! ```

use std::fmt::Write;
use std::time::Duration;

use labrpc::sim;
use labrpc::thread;
use labrpc::time::Instant;

use crate::world::World;

/// How far apart the two events are at most, unless the test says otherwise.
const REACH: Duration = Duration::from_micros(20);
/// What one operation takes.
const STEP: Duration = Duration::from_nanos(100);
/// Both events are prepared this long before they happen.
const AHEAD: Duration = Duration::from_millis(2);
/// Enough to start a thread for each of two stimuli.
const STARTS_BOTH: Duration = Duration::from_micros(100);
/// Both events are over within this time.
const OVER: Duration = Duration::from_secs(5);

/// A sweep over all distances between two events.
pub struct Sweep<'a> {
    world: &'a World,
    first: &'static str,
    second: &'static str,
    reach: Duration,
}

/// One distance of a sweep.
pub struct Offset<'a> {
    world: &'a World,
    /// How much later the second event comes than the first, in nanoseconds; negative if it comes earlier.
    nanos: i64,
}

/// Something that a test lets happen at an exact moment.
pub struct Stimulus<T> {
    /// How long before that moment it has to begin.
    lead: Duration,
    act: Box<dyn FnOnce() -> T + Send>,
}

impl<T> Stimulus<T> {
    /// Calls `act` at the moment.
    pub fn now(act: impl FnOnce() -> T + Send + 'static) -> Stimulus<T> {
        Stimulus::in_advance(Duration::ZERO, act)
    }

    /// Calls `act` so long before the moment that its effect comes at the moment, for example as a
    /// message arrives.
    pub fn in_advance(lead: Duration, act: impl FnOnce() -> T + Send + 'static) -> Stimulus<T> {
        Stimulus { lead, act: Box::new(act) }
    }

    /// Lets it happen in a thread of its own, `ahead` from now.
    fn in_a_thread(self, ahead: Duration) -> thread::JoinHandle<T>
    where
        T: Send + 'static,
    {
        thread::spawn(move || {
            thread::sleep(ahead.saturating_sub(self.lead));
            (self.act)()
        })
    }
}

impl<A: Send + 'static, B: Send + 'static> Stimulus<(A, B)> {
    /// Both at the same moment. As one event of a sweep it lets the other event, a third thing, come in
    /// between any two operations of both.
    pub fn both(one: Stimulus<A>, other: Stimulus<B>) -> Stimulus<(A, B)> {
        let lead = one.lead.max(other.lead) + STARTS_BOTH;
        Stimulus::in_advance(lead, move || {
            let (one, other) = (one.in_a_thread(lead), other.in_a_thread(lead));
            (one.join().expect("it ended"), other.join().expect("it ended"))
        })
    }
}

impl<'a> Sweep<'a> {
    /// A sweep over 20 µs before and after. `first` and `second` are short sentences without a full stop,
    /// such as "a command is offered".
    pub fn of(world: &'a World, first: &'static str, second: &'static str) -> Sweep<'a> {
        Sweep { world, first, second, reach: REACH }
    }

    /// The two events are at most this far apart.
    pub fn within(self, reach: Duration) -> Self {
        Sweep { reach, ..self }
    }

    /// Runs `script` once for each distance. If it fails, the failure says at which. `script` must leave no
    /// server running.
    ///
    /// With seeds 1, 3, 5 and so on, nothing else happens by chance, so every place between two operations has its
    /// turn. With the others, tasks are interrupted by chance as well, which finds what takes two coincidences.
    pub fn each(&self, mut script: impl FnMut(&Offset)) {
        let (reach, step) = (self.reach.as_nanos() as i64, STEP.as_nanos() as usize);
        sim::set_punctual(true);
        sim::set_calm(self.world.is_first_of_two());
        for nanos in (-reach..=reach).step_by(step) {
            self.world.reporter().set_note(self.describe(nanos));
            script(&Offset { world: self.world, nanos });
        }
        sim::set_punctual(false);
        sim::set_calm(false);
        self.world.reporter().set_note(String::new());
    }

    fn describe(&self, nanos: i64) -> String {
        let mut text = format!("In this run {} ", self.second);
        let _ = match nanos {
            0 => write!(text, "at the moment when"),
            _ => {
                let when = if nanos < 0 { "before" } else { "after" };
                write!(text, "{:.1} µs {when}", nanos.unsigned_abs() as f64 / 1000.0)
            }
        };
        let _ = write!(text, " {}.\n\n", self.first);
        text
    }
}

impl Offset<'_> {
    /// Lets both happen, waits until both are over, and returns their results.
    ///
    /// # Panics
    ///
    /// When one of them is not over within five seconds.
    #[track_caller]
    pub fn meet<A, B>(&self, first: Stimulus<A>, second: Stimulus<B>) -> (A, B)
    where
        A: Send + 'static,
        B: Send + 'static,
    {
        let moment = Instant::now() + AHEAD;
        let first = self.schedule("first", moment.duration_since(Instant::ZERO), first);
        let second = self.schedule("second", self.later_than(moment), second);
        (over(first.join_within(OVER)), over(second.join_within(OVER)))
    }

    /// How much later the second event comes than the first; `None` if it comes earlier. For events that a test lets
    /// happen one after the other by itself.
    pub fn later(&self) -> Option<Duration> {
        u64::try_from(self.nanos).ok().map(Duration::from_nanos)
    }

    /// Lets a stimulus happen this much later than `moment`, when something happens by itself. Waits until
    /// it is over, and returns its result.
    ///
    /// # Panics
    ///
    /// When it is not over within five seconds.
    #[track_caller]
    pub fn meet_at<T: Send + 'static>(&self, moment: Instant, stimulus: Stimulus<T>) -> T {
        over(self.schedule("second", self.later_than(moment), stimulus).join_within(OVER))
    }

    /// The time from the beginning of the run to the second event.
    fn later_than(&self, moment: Instant) -> Duration {
        let (moment, distance) =
            (moment.duration_since(Instant::ZERO), Duration::from_nanos(self.nanos.unsigned_abs()));
        if self.nanos < 0 { moment.saturating_sub(distance) } else { moment + distance }
    }

    fn schedule<T: Send + 'static>(
        &self,
        name: &str,
        moment: Duration,
        Stimulus { lead, act }: Stimulus<T>,
    ) -> crate::BackgroundTask<T> {
        self.world.spawn(name, move || {
            let begin = Instant::ZERO + moment.saturating_sub(lead);
            thread::sleep(begin.duration_since(Instant::now()));
            act()
        })
    }
}

#[track_caller]
fn over<T>(result: Option<T>) -> T {
    result.unwrap_or_else(|| {
        panic!("this step is not over after {OVER:?}: a thread waits for something that does not come")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use labrpc::sim::Keep;
    use labrpc::sync::Mutex;

    use super::*;
    use crate::runner::{Lab, Recorded, run_simulated};
    use crate::token::Token;

    /// Adds one, under one hold of the lock or under two.
    fn add_one(counter: &Mutex<u64>, is_careful: bool) {
        if is_careful {
            *counter.lock() += 1;
            return;
        }
        let value = *counter.lock();
        *counter.lock() = value + 1;
    }

    /// Two threads add one each, at every distance. Returns what a failed run says, and how many distances
    /// there were.
    fn add_at_every_distance(is_careful: bool) -> (Option<String>, u64) {
        // A seed that interrupts no task by chance.
        let token = Token::of_seed("sweep", 4);
        let count = Arc::new(std::sync::Mutex::new(0));
        let counted = count.clone();
        let body = move |world: &World| {
            Sweep::of(world, "one adds", "the other adds").within(Duration::from_micros(2)).each(|offset| {
                *counted.lock().unwrap() += 1;
                let counter = Arc::new(Mutex::new(0));
                let (one, other) = (counter.clone(), counter.clone());
                let adds = |counter: Arc<Mutex<u64>>| Stimulus::now(move || add_one(&counter, is_careful));
                offset.meet(adds(one), adds(other));
                assert_eq!(*counter.lock(), 2, "both have added one");
            });
        };
        let (outcome, _) = run_simulated(&token, Keep::All, Recorded::Nothing, None, &body);
        let distances = *count.lock().unwrap();
        (outcome.err().map(|failed| failed.story(None, &Lab::guided("lab2b-log"))), distances)
    }

    /// Two stimuli that are one event happen at the same moment, each with its own lead.
    #[test]
    fn both_happen_at_one_moment() {
        let token = Token::of_seed("both", 4);
        let body = |world: &World| {
            Sweep::of(world, "two clocks are read", "nothing happens").within(Duration::ZERO).each(|offset| {
                let read = |lead| {
                    Stimulus::in_advance(lead, move || {
                        thread::sleep(lead);
                        Instant::now()
                    })
                };
                let both = Stimulus::both(read(Duration::ZERO), read(Duration::from_millis(1)));
                let ((one, other), ()) = offset.meet(both, Stimulus::now(|| ()));
                assert!(one.max(other) - one.min(other) < 10 * STEP, "one at {one:?}, the other at {other:?}");
            });
        };
        let (outcome, _) = run_simulated(&token, Keep::All, Recorded::Nothing, None, &body);
        assert_eq!(outcome.err().map(|failed| failed.story(None, &Lab::guided("lab2b-log"))), None);
    }

    /// A sweep finds a window of one operation, and says at which distance. Correct code passes at all of them.
    #[test]
    fn a_window_of_one_operation_is_found() {
        let (story, _) = add_at_every_distance(false);
        let story = story.expect("an addition under two holds of the lock is lost at some distance");
        assert!(story.starts_with("In this run the other adds "), "{story}");
        assert!(story.contains("both have added one"), "{story}");
        assert_eq!(add_at_every_distance(true), (None, 41));
    }
}
