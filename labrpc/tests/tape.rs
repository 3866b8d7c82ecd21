//! Runs that are made again without their servers' code.
#![allow(missing_docs, clippy::disallowed_types, reason = "tests; what the harness keeps is no part of the simulation")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::sim::tape::{self, Action, NoAnswer, Tape, TapeSink, Taping};
use labrpc::sim::{self, NodeId, Preemption, Report, Settings};
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::thread;
use labrpc::time::Instant;

/// A server with threads, locks and channels, which adds up numbers and tells the harness each sum.
struct Adder {
    numbers: Sender<u64>,
    total: Arc<(Mutex<u64>, Condvar)>,
    readers: RwLock<u64>,
}

impl Adder {
    fn boot(notes: &Notes) -> Adder {
        let (numbers, added): (Sender<u64>, Receiver<u64>) = channel::unbounded();
        let total = Arc::new((Mutex::new(0), Condvar::new()));
        let (sum, notes) = (total.clone(), notes.clone());
        thread::spawn(move || {
            for number in added.iter() {
                *sum.0.lock() += number;
                sum.1.notify_all();
                let noted = *sum.0.lock();
                notes.note(noted);
            }
        });
        let beat = total.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(3));
                let _total = beat.0.lock();
                thread::yield_now();
            }
        });
        Adder { numbers, total, readers: RwLock::new(0) }
    }

    fn add(&self, number: u64) -> u64 {
        *self.readers.write() += 1;
        let mut total = self.total.0.lock();
        let before = *total;
        let _ = self.numbers.send(number);
        while *total == before {
            self.total.1.wait(&mut total);
        }
        *total
    }
}

#[derive(Clone)]
struct Notes {
    notes: Arc<std::sync::Mutex<Vec<(Instant, u64)>>>,
    action: Action,
}

impl Notes {
    fn new(node: NodeId) -> Notes {
        let notes = Notes { notes: Arc::default(), action: Action::default() };
        let offered = notes.clone();
        let action = tape::offer(Some(node), move |bytes| offered.write(u64::from_le_bytes(bytes.try_into().unwrap())));
        Notes { action, ..notes }
    }

    fn note(&self, number: u64) {
        let _harness = tape::leave(self.action, || number.to_le_bytes().to_vec());
        self.write(number);
    }

    fn write(&self, number: u64) {
        // An operation of the harness, in the server's thread.
        let now = Instant::now();
        self.notes.lock().unwrap().push((now, number));
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// The harness: three clients of one server, which crashes in the end. Returns what it has seen.
fn run(seed: u64, preemption: Preemption, taping: Taping) -> (Vec<(Instant, u64)>, Report) {
    let settings = Settings { seed, preemption, taping, ..Settings::default() };
    let (seen, report) = sim::run(settings, || {
        let node = sim::new_node("server 0");
        let notes = Notes::new(node);
        let (booted, boots) = channel::unbounded();
        let for_server = notes.clone();
        sim::spawn_in(node, "boot", move || {
            let mut adder = None;
            tape::enter_for_nothing(|| adder = Some(Adder::boot(&for_server)));
            booted.send(Arc::new(adder)).unwrap();
        });
        let adder = boots.recv().unwrap();
        let (answer, answers) = channel::unbounded();
        for client in 1..=3_u64 {
            let (adder, answer) = (adder.clone(), answer.clone());
            sim::spawn_in(node, "client", move || {
                for nth in 1..=20 {
                    let add = || adder.as_ref().as_ref().expect("it is real").add(client * nth);
                    let total = tape::enter(|total| total.to_le_bytes().to_vec(), number, add);
                    answer.send((Instant::now(), total)).unwrap();
                    thread::sleep(Duration::from_micros(700 * client));
                }
            });
        }
        let mut seen: Vec<(Instant, u64)> = (0..45).map(|_| answers.recv().unwrap()).collect();
        sim::kill(node);
        seen.push((Instant::now(), 0));
        seen.extend(notes.notes.lock().unwrap().iter());
        seen
    });
    (seen.unwrap(), report)
}

/// The bytes of the tape that a run records.
fn bytes_of(run: impl FnOnce(Taping)) -> Vec<u8> {
    let bytes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = bytes.clone();
    run(Taping::Record(TapeSink::new(move |part| kept.lock().unwrap().extend_from_slice(part))));
    std::mem::take(&mut *bytes.lock().unwrap())
}

fn recorded(seed: u64, preemption: Preemption) -> (Vec<(Instant, u64)>, Report, Tape) {
    let mut result = None;
    let bytes = bytes_of(|taping| result = Some(run(seed, preemption, taping)));
    let (seen, report) = result.unwrap();
    (seen, report, Tape::read(bytes).unwrap())
}

const PREEMPTIONS: [Preemption; 3] =
    [Preemption::None, Preemption::Random { one_in: 3 }, Preemption::Priorities { change_one_in: 5 }];

/// With a player in place of the server, the harness sees the same run: the same answers at the same times, and the same
/// turns. Recording changes nothing either.
#[test]
fn a_tape_makes_the_same_run() {
    for seed in 1..=20 {
        for preemption in PREEMPTIONS {
            let (plain, report) = run(seed, preemption, Taping::Off);
            let (seen, of_recording, tape) = recorded(seed, preemption);
            assert_eq!((&seen, of_recording.trace), (&plain, report.trace));
            let (again, of_playing) = run(seed, preemption, Taping::Play(Arc::new(tape)));
            assert_eq!((again, of_playing.trace), (plain, report.trace), "seed {seed}, {preemption:?}");
        }
    }
}

/// What the run of a harness comes to that asks a function of the server's code for these numbers.
fn asking(
    numbers: &'static [u64],
    taping: Taping,
    double: fn(u64) -> u64,
) -> Result<Vec<Result<u64, NoAnswer>>, String> {
    let write = |number: &u64| number.to_le_bytes().to_vec();
    let asked =
        move || numbers.iter().map(|asked| tape::ask(|| write(asked), write, number, || double(*asked))).collect();
    sim::run(Settings { taping, is_silent: true, ..Settings::default() }, asked).0.map_err(|failure| failure.message)
}

fn recorded_answers(numbers: &'static [u64], double: fn(u64) -> u64) -> Tape {
    Tape::read(bytes_of(|taping| drop(asking(numbers, taping, double)))).unwrap()
}

fn not_called(_: u64) -> u64 {
    panic!("a tape plays");
}

/// A tape answers what a function was asked, in any order and any number of times, and nothing else.
#[test]
fn a_tape_knows_what_a_function_makes() {
    let tape = Arc::new(recorded_answers(&[1, 2, 3, 2], |number| 2 * number));
    let answers = |numbers| asking(numbers, Taping::Play(tape.clone()), not_called);
    assert_eq!(answers(&[3, 1, 2, 2, 3]), Ok([6, 2, 4, 4, 6].map(Ok).to_vec()));
    assert_eq!(answers(&[1, 4]), Ok(vec![Ok(2), Err(NoAnswer::OtherRun)]));
}

/// What gives several answers to one question is no function. A function that has panicked does it again.
#[test]
fn a_tape_finds_what_is_no_function() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let tape = recorded_answers(&[5, 7, 5], |number| number + CALLS.fetch_add(1, Ordering::Relaxed));
    let answers = asking(&[7, 5], Taping::Play(Arc::new(tape)), not_called);
    assert_eq!(answers, Ok(vec![Ok(8), Err(NoAnswer::Several)]));
    let tape = recorded_answers(&[9], |_| panic!("a mistake"));
    let answers = asking(&[9], Taping::Play(Arc::new(tape)), not_called);
    assert!(answers.is_err_and(|message| message.contains("panicked here when the tape was recorded")));
}

/// The bytes of a tape that nobody has recorded. The codes are those of `labrpc/src/sim/tape/writer.rs`.
struct Forged(Vec<u8>);

impl Forged {
    /// A tape of the default seed on which nothing happens.
    fn new() -> Forged {
        Forged(bytes_of(|taping| drop(sim::run(Settings { taping, ..Settings::default() }, || ()))))
    }

    fn code(mut self, code: u8, numbers: &[u64]) -> Forged {
        self.0.push(code);
        for mut number in numbers.iter().copied() {
            while number >= 0x80 {
                self.0.push(number as u8 | 0x80);
                number >>= 7;
            }
            self.0.push(number as u8);
        }
        self
    }

    fn segment(self, segment: u64) -> Forged {
        self.code(0, &[segment])
    }

    fn operations(self, count: u64) -> Forged {
        self.code(1, &[count])
    }

    fn park(self) -> Forged {
        self.code(4, &[1, 5])
    }

    fn spawn(self, child: u64, stack_bytes: u64) -> Forged {
        self.code(8, &[child, stack_bytes, 0])
    }

    fn panic(self) -> Forged {
        self.code(12, &[])
    }

    /// Plays it as a server that is booted, and crashes a second later.
    fn play(&self) -> sim::Failure {
        let taping = Taping::Play(Arc::new(Tape::read(self.0.clone()).unwrap()));
        let (seen, _) = sim::run(Settings { taping, operations_max: 100_000, ..Settings::default() }, || {
            let node = sim::new_node("server 0");
            sim::spawn_in(node, "boot", || tape::enter_for_nothing(|| unreachable!("a tape plays")));
            thread::sleep(Duration::from_secs(1));
            sim::kill(node);
            thread::sleep(Duration::from_secs(1));
        });
        seen.expect_err("a forged tape passes")
    }
}

/// A tape cannot ask for more operations than a run may make, not even in destructors, which nothing interrupts.
#[test]
fn a_tape_makes_no_endless_operations() {
    let failure = Forged::new().segment(0).operations(u64::MAX).play();
    assert_eq!(failure.kind, sim::FailureKind::Operations, "{failure}");
    let failure = Forged::new().segment(0).park().operations(u64::MAX).play();
    assert_eq!(failure.kind, sim::FailureKind::Operations, "{failure}");
}

/// A panic in the destructors of a crash would end the process.
#[test]
fn a_tape_does_not_panic_in_a_crash() {
    let failure = Forged::new().segment(0).park().panic().play();
    assert_eq!(failure.kind, sim::FailureKind::Reported, "{failure}");
}

/// Threads that start one another in a crash are not run one inside the other without end.
#[test]
fn a_tape_starts_no_endless_chain_of_threads_in_a_crash() {
    let first = Forged::new().segment(0).park().spawn(1, 0);
    let forged = (1..100_000).fold(first, |forged, nth| forged.segment(nth).spawn(nth + 1, 0));
    let failure = forged.play();
    assert_eq!(failure.kind, sim::FailureKind::Reported, "{failure}");
}

/// A tape starts no more threads at a time than a server may have.
#[test]
fn a_tape_starts_no_endless_number_of_threads() {
    let forged = (1..20_000).fold(Forged::new().segment(0), |forged, nth| forged.spawn(nth, 0));
    let failure = forged.play();
    assert_eq!(failure.kind, sim::FailureKind::Tasks, "{failure}");
}

/// Stacks of any size, and more parts than memory is meant for, are no tape.
#[test]
fn what_no_run_records_is_no_tape() {
    for stack_bytes in [1, 4096, 1 << 40, u64::MAX] {
        assert!(Tape::read(Forged::new().segment(0).spawn(1, stack_bytes).0).is_err(), "{stack_bytes}");
    }
    let switches = [Forged::new().0, [0, 1].repeat(4_000_000)].concat();
    assert!(Tape::read(switches.clone()).is_err());
    assert!(Tape::read(switches[..switches.len() - 4].to_vec()).is_ok());
}

/// Where no seed changes what a server does, its tape is still good for its own seed only.
#[test]
fn a_tape_is_good_for_its_seed_only() {
    let nothing = |seed, taping| {
        let settings = Settings { seed, taping, ..Settings::default() };
        sim::run(settings, || tape::enter_for_nothing(|| ())).0
    };
    let bytes = bytes_of(|taping| nothing(1, taping).unwrap());
    let tape = Arc::new(Tape::read(bytes).unwrap());
    nothing(1, Taping::Play(tape.clone())).unwrap();
    let failure = nothing(2, Taping::Play(tape)).unwrap_err();
    assert_eq!(failure.message, "the tape is of another run");
}
