//! A disk survives its server, and holds only whole saves, whenever the crash comes.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use labrpc::persister::DiskTap;
use labrpc::sim::{self, Keep, Kind, Settings, mix};
use labrpc::time::Instant;
use labrpc::{Bytes, Image, PeerId, Persister, Save, thread};

const MS: Duration = Duration::from_millis(1);
const SERVER: PeerId = 2;

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn head(text: &str) -> Save {
    Save { head: bytes(text), ..Save::default() }
}

/// A random save that fits a log of `held` entries: some are forgotten, some cut off, some appended.
fn any_save(step: u64, held: usize) -> Save {
    let random = |aspect: u64, below: usize| mix(step, aspect) as usize % below;
    let forget = random(1, held + 1) / 4;
    let keep = held - forget - random(2, held - forget + 1) / 4;
    let append = (0..random(3, 4)).map(|n| bytes(&"x".repeat(random(n as u64 + 4, 20)))).collect();
    let snapshot = (random(9, 5) == 0).then(|| bytes(&"s".repeat(random(10, 100))));
    Save { head: bytes(&format!("term {step}")), forget, keep, append, snapshot }
}

/// The image is the sum of all saves, and the reported sizes are those of the image.
#[test]
fn the_image_is_the_sum_of_all_saves() {
    let disk = Persister::new(SERVER);
    assert_eq!((disk.image(), disk.saves(), disk.raft_state_bytes(), disk.snapshot_bytes()), (None, 0, 0, 0));
    let (mut entries, mut snapshot, mut written) = (VecDeque::new(), Bytes::default(), 0);
    for step in 1..=500 {
        let save = any_save(step, entries.len());
        entries = entries.into_iter().skip(save.forget).take(save.keep).chain(save.append.clone()).collect();
        snapshot = save.snapshot.clone().unwrap_or(snapshot);
        written += save.bytes() as u64;
        let expected = Image { head: save.head.clone(), entries: entries.clone(), snapshot: snapshot.clone() };
        disk.save(save);
        let state_bytes = expected.head.len() + entries.iter().map(|entry| entry.len()).sum::<usize>();
        assert_eq!((disk.raft_state_bytes(), disk.snapshot_bytes()), (state_bytes, snapshot.len()), "step {step}");
        assert_eq!(disk.image(), Some(expected), "step {step}");
        assert_eq!((disk.saves(), disk.saved_bytes()), (step, written));
    }
}

/// A whole state is saved by what differs. An equal snapshot is written again only if the log may begin later than before, because it
/// then covers more than it did.
#[test]
fn a_whole_state_is_saved_by_what_differs() {
    let snapshot = || Some(bytes("a large snapshot"));
    let saved_by = |head: &str, entries: &[&str]| {
        let disk = Persister::new(SERVER);
        let entry = |text: &&str| bytes(text);
        disk.save_state(bytes("h"), &["a", "b", "c"].map(bytes), snapshot());
        let before = disk.saved_bytes();
        disk.save_state(bytes(head), &entries.iter().map(entry).collect::<Vec<_>>(), snapshot());
        let entries: Vec<Bytes> = entries.iter().map(entry).collect();
        let expected = Image { head: bytes(head), entries: entries.into(), snapshot: snapshot().unwrap() };
        assert_eq!(disk.image(), Some(expected));
        disk.saved_bytes() - before
    };
    let whole = snapshot().unwrap().len() as u64;
    assert_eq!(saved_by("h", &["a", "b", "c"]), 0, "nothing has changed");
    assert_eq!(saved_by("H", &["a", "b", "c"]), 1, "another term, for example");
    assert_eq!(saved_by("H", &["a", "b", "c", "d"]), 2, "another term, and an entry");
    assert_eq!(saved_by("h", &["a", "x"]), 2, "a conflict in the same term");
    assert_eq!(saved_by("H", &["b", "c", "d"]), 2 + whole, "the log begins later");
    assert_eq!(saved_by("H", &[]), 1 + whole, "the log begins later, and nothing is left of it");
}

/// A save that forgets and keeps more entries than there are panics with a clear message.
#[test]
fn a_save_of_missing_entries_panics() {
    let disk = Persister::new(SERVER);
    disk.save(Save { append: vec![bytes("a"), bytes("b")], ..Save::default() });
    let misfit = Save { forget: 1, keep: 2, ..Save::default() };
    let panic = catch_unwind(AssertUnwindSafe(|| disk.save(misfit))).unwrap_err();
    let expected = "a save forgets 1 entries and keeps 2, but only 2 are on disk";
    assert_eq!(panic.downcast_ref::<String>().unwrap(), expected);
}

/// A disk that was copied, or made from an image, has the same content, and is independent.
#[test]
fn copies_are_independent() {
    let disk = Persister::new(SERVER);
    disk.save(Save { append: vec![bytes("entry")], snapshot: Some(bytes("snapshot")), ..head("term 1") });
    let (copy, restored) = (disk.copy(), Persister::from_image(SERVER, disk.image().unwrap()));
    for other in [&copy, &restored] {
        assert_eq!(other.image(), disk.image());
        assert_eq!((other.raft_state_bytes(), other.snapshot_bytes()), (11, 8));
        other.save(Save { forget: 1, ..head("term 2") });
        assert_eq!(other.raft_state_bytes(), 6);
    }
    assert_eq!(disk.raft_state_bytes(), 11, "the original is unchanged");
}

/// The outcome of a run in which a server saves twice, and may crash at a save.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Outcome {
    on_disk: Option<String>,
    saves: u64,
    returned: u64,
    is_alive: bool,
    is_neighbour_alive: bool,
}

/// Runs a server with two threads, one of which saves twice.
fn crash_at_save(settings: Settings, crashes_per_mille: u64) -> (Outcome, sim::Report) {
    let (result, report) = sim::run(settings, || {
        let disk = Arc::new(Persister::new(SERVER));
        disk.set_crashes_per_mille(crashes_per_mille);
        let (returned, alive) = (Arc::new(parking_lot::Mutex::new(0)), Arc::new(()));
        let node = sim::new_node("server 2");
        let neighbour = Arc::clone(&alive);
        sim::spawn_in(node, "neighbour", move || {
            let _alive = neighbour;
            thread::sleep(1000 * MS);
        });
        let (writing, counting) = (Arc::clone(&disk), Arc::clone(&returned));
        sim::spawn_in(node, "writer", move || {
            for term in 1..=2 {
                writing.save(head(&format!("term {term}")));
                *counting.lock() += 1;
                thread::sleep(MS);
            }
        });
        thread::sleep(10 * MS);
        let on_disk = disk.image().map(|image| String::from_utf8(image.head.to_vec()).unwrap());
        let is_neighbour_alive = Arc::strong_count(&alive) == 2;
        let returned = *returned.lock();
        Outcome { on_disk, saves: disk.saves(), returned, is_alive: sim::is_alive(node), is_neighbour_alive }
    });
    (result.unwrap_or_else(|failure| panic!("{failure}")), report)
}

/// After a crash at a save all of it or nothing is on disk, and the whole server has ended.
#[test]
fn a_crash_at_a_save_leaves_all_or_nothing() {
    let outcomes: HashSet<_> =
        (0..20).map(|seed| crash_at_save(Settings { seed, ..Settings::default() }, 1000).0).collect();
    let dead = |on_disk: Option<&str>, saves| Outcome {
        on_disk: on_disk.map(String::from),
        saves,
        returned: 0,
        is_alive: false,
        is_neighbour_alive: false,
    };
    assert_eq!(outcomes, HashSet::from([dead(None, 0), dead(Some("term 1"), 1)]));
}

/// Crashes happen at the given rate, at any save.
#[test]
fn crashes_happen_at_the_given_rate() {
    const SEEDS: u64 = 2000;
    let outcome = |seed| crash_at_save(Settings { seed, ..Settings::default() }, 100).0;
    let dead: Vec<_> = (0..SEEDS).map(outcome).filter(|outcome| !outcome.is_alive).collect();
    // A crash at one of two saves: 1 - 0.9² = 0.19.
    let per_mille = dead.len() as u64 * 1000 / SEEDS;
    assert!((160..220).contains(&per_mille), "{per_mille} of 1000 servers crashed");
    let at_second = dead.iter().filter(|outcome| outcome.returned == 1).count();
    assert!((dead.len() / 3..dead.len() * 2 / 3).contains(&at_second), "at the second save: {at_second}");
}

/// A crash at a save is a decision, named by its server, and can be calmed.
#[test]
fn a_crash_at_a_save_can_be_calmed() {
    let wild = Settings { is_recording: true, ..Settings::default() };
    let calm = Settings { keep: Keep::Only(Default::default()), ..wild.clone() };
    let (crashed, report) = crash_at_save(wild, 1000);
    assert!(!crashed.is_alive);
    let name = report.choices[0].name;
    assert_eq!((name.kind, name.what), (Kind::CrashAtSave, SERVER as u64));
    let (survived, report) = crash_at_save(calm, 1000);
    assert!(survived.is_alive && survived.returned == 2 && report.choices.is_empty());
}

/// Runs a server that uses its disk, crashes it after `patience`, and returns the disk's head.
fn crashed_after(patience: Duration, body: impl FnOnce(Arc<Persister>) + Send + 'static) -> Bytes {
    let (result, _) = sim::run(Settings::default(), move || {
        let disk = Arc::new(Persister::new(SERVER));
        disk.save(head("before"));
        let (node, served) = (sim::new_node("server 2"), Arc::clone(&disk));
        sim::spawn_in(node, "server", move || body(served));
        thread::sleep(patience);
        sim::kill(node);
        thread::sleep(100 * MS);
        disk.image().unwrap().head
    });
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

/// A slow save takes effect at its end: a crash before that leaves nothing of it.
#[test]
fn a_crash_during_a_save_leaves_nothing() {
    let slow = |disk: Arc<Persister>| {
        disk.set_save_time(5 * MS);
        disk.save(head("after"));
    };
    assert_eq!(crashed_after(4 * MS, slow), bytes("before"));
    assert_eq!(crashed_after(6 * MS, slow), bytes("after"));
}

/// A save takes the configured time, in virtual time.
#[test]
fn a_save_takes_the_configured_time() {
    let (result, _) = sim::run(Settings::default(), || {
        let disk = Persister::new(SERVER);
        disk.set_save_time(5 * MS);
        let began = Instant::now();
        (0..10).for_each(|_| disk.save(head("term 1")));
        began.elapsed()
    });
    let took = result.unwrap();
    assert!((50 * MS..51 * MS).contains(&took), "{took:?}");
}

/// A crashed server writes nothing more, not even from its destructors.
#[test]
fn a_crashed_server_writes_nothing() {
    struct SavesWhenDropped(Arc<Persister>);
    impl Drop for SavesWhenDropped {
        fn drop(&mut self) {
            self.0.save(head("after the crash"));
        }
    }
    let on_disk = crashed_after(MS, |disk| {
        let _saves = SavesWhenDropped(disk);
        thread::sleep(1000 * MS);
    });
    assert_eq!(on_disk, bytes("before"));
}

/// A tap that records every save.
#[derive(Default)]
struct RecordedSaves(parking_lot::Mutex<Vec<RecordedSave>>);

/// The arguments of `DiskTap::saved`.
type RecordedSave = (Instant, PeerId, Save, Image, Duration);

impl DiskTap for RecordedSaves {
    fn saved(&self, at: Instant, server: PeerId, save: &Save, image: &Image, took: Duration) {
        self.0.lock().push((at, server, save.clone(), image.clone(), took));
    }
}

/// A tap observes each save when it takes effect, with the image that is then on disk.
#[test]
fn a_tap_observes_each_save() {
    let recorded = Arc::new(RecordedSaves::default());
    let tap = Arc::clone(&recorded);
    let (result, _) = sim::run(Settings::default(), || {
        let disk = Persister::new(SERVER);
        disk.save(head("unseen"));
        disk.set_tap(tap);
        disk.set_save_time(5 * MS);
        disk.save(Save { append: vec![bytes("entry")], ..head("term 1") });
        disk.copy().save(Save { keep: 1, ..head("term 2") });
    });
    result.unwrap();
    let recorded = recorded.0.lock();
    let heads: Vec<_> =
        recorded.iter().map(|(_, server, save, image, _)| (*server, &save.head, image.entries.len())).collect();
    assert_eq!(heads, [(SERVER, &bytes("term 1"), 1), (SERVER, &bytes("term 2"), 1)], "a copy keeps its tap");
    assert_eq!(recorded[0].4, 5 * MS);
    assert!(recorded[0].0 >= Instant::ZERO + 5 * MS && recorded[0].0 < Instant::ZERO + 6 * MS);
    assert!(
        recorded.iter().all(|(_, _, save, image, _)| save.head == image.head),
        "the image is the one after the save"
    );
}

/// Outside of a simulation no crash happens at a save.
#[test]
fn no_crash_happens_at_a_real_save() {
    let disk = Persister::new(SERVER);
    disk.set_crashes_per_mille(1000);
    disk.set_save_time(Duration::from_micros(1));
    disk.save(head("term 1"));
    assert_eq!(disk.image().unwrap().head, bytes("term 1"));
}
