//! A tape: what the servers of a run did, operation by operation, so that the run can be made again without their code.
//!
//! A grader does not believe what a process says about itself. It lets the process record a tape of each run, and makes
//! the run again in a process of its own: the same test, the same seed, the same network, clock and oracles, but in
//! place of each server there is a player. At each point of the run it does what the tape says that the server did
//! there. So the tape is a program without branches, and a run with it passes only if this program is a lawful server.
//!
//! Code is on one of two sides. [`enter`] calls the server's code from the harness, and what it returns is on the tape.
//! [`leave`] calls the harness from the server's code: sending a message, say. In between the server's code uses
//! `labrpc`'s threads, locks and channels; all of these come down to a few operations of the scheduler, and these are
//! recorded. Which locks and channels they belong to is of no interest: a key is enough, so that a player's tasks wake
//! one another as the server's did.
//!
//! Some of the server's code is only asked: a codec, say, makes a message of bytes. [`ask`] calls it, and the tape has what it
//! makes of each input, whenever that was. Such code has no state, so two answers to one question are found.
//!
//! `writer` records, `reader` takes a tape apart, `player` plays it.

mod functions;
mod player;
mod reader;
mod writer;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use functions::{NoAnswer, ask};
pub use reader::{Tape, TapeError};

use super::choice::mix;
use super::heap;
use super::runtime::{Runtime, current};
use super::task::NodeId;
use player::Player;
pub(super) use writer::Writer;

/// Number of a segment: what one call of the server's code did, or one thread of it.
pub(super) type SegmentId = u32;

/// The harness's code runs.
pub(super) const NO_SEGMENT: SegmentId = SegmentId::MAX;

/// Whether a run records a tape, or plays one.
#[derive(Clone, Debug, Default)]
pub enum Taping {
    /// Neither.
    #[default]
    Off,
    /// It records one.
    Record(TapeSink),
    /// It plays one. No server's code is called.
    Play(Arc<Tape>),
}

/// Takes the bytes of a tape, part by part.
#[derive(Clone)]
pub struct TapeSink(Arc<TakeBytes>);

type TakeBytes = dyn Fn(&[u8]) + Send + Sync;

impl TapeSink {
    /// A sink that gives each part to `take`.
    pub fn new(take: impl Fn(&[u8]) + Send + Sync + 'static) -> TapeSink {
        TapeSink(Arc::new(take))
    }
}

impl fmt::Debug for TapeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapeSink")
    }
}

/// What the harness does for a server.
type Act = Rc<dyn Fn(&[u8])>;

/// A run's tape, and where in it the run is.
pub(super) struct Deck {
    taping: Taping,
    /// The segment that is recorded now.
    segment: Cell<SegmentId>,
    next_segment: Cell<SegmentId>,
    writer: RefCell<Writer>,
    /// How many observations were taken from the tape.
    observations: Cell<usize>,
    /// What was offered, and to whom.
    actions: RefCell<FxHashMap<u64, (Option<NodeId>, Act)>>,
    /// The number of the next action.
    next_action: Cell<u64>,
    /// How many threads a player starts now, one inside the other.
    spawns_inside: Cell<u32>,
    /// Whether the tape that plays was recorded with another seed.
    is_of_other_seed: bool,
}

/// What a tape says of the seed with which it was recorded. It is good for that seed only, even in a test that leaves nothing
/// to chance.
pub(crate) fn mark_of(seed: u64) -> u64 {
    const TAPES: u64 = 0x7461_7065;
    mix(TAPES, seed)
}

impl Deck {
    pub(super) fn new(taping: Taping, seed: u64) -> Deck {
        let mark = mark_of(seed);
        let writer = match &taping {
            Taping::Record(sink) => Writer::recording(sink.clone(), mark),
            Taping::Off | Taping::Play(_) => Writer::default(),
        };
        let is_of_other_seed = matches!(&taping, Taping::Play(tape) if tape.mark() != Some(mark));
        Deck {
            taping,
            segment: Cell::new(NO_SEGMENT),
            next_segment: Cell::new(0),
            writer: RefCell::new(writer),
            observations: Cell::new(0),
            actions: RefCell::default(),
            // 0 is no action.
            next_action: Cell::new(1),
            is_of_other_seed,
            spawns_inside: Cell::new(0),
        }
    }

    /// The segment that is recorded now, if the server's code runs.
    #[inline]
    fn recorded(&self) -> Option<SegmentId> {
        let segment = self.segment.get();
        (segment != NO_SEGMENT).then_some(segment)
    }

    fn is_off(&self) -> bool {
        matches!(self.taping, Taping::Off)
    }

    fn new_segment(&self) -> SegmentId {
        let segment = self.next_segment.get();
        self.next_segment.set(segment + 1);
        segment
    }

    /// Another task's code runs from here on. Returns whose code ran until now, to be put back.
    #[inline]
    pub(super) fn switch_to(&self, segment: SegmentId) -> SegmentId {
        self.segment.replace(segment)
    }

    /// Writes what remains.
    pub(super) fn end(&self) {
        self.writer.borrow_mut().flush();
    }
}

/// While this lives, another segment is recorded.
struct Switched<'a> {
    deck: &'a Deck,
    before: SegmentId,
}

impl<'a> Switched<'a> {
    fn to(deck: &'a Deck, segment: SegmentId) -> Switched<'a> {
        Switched { deck, before: deck.switch_to(segment) }
    }
}

impl Drop for Switched<'_> {
    fn drop(&mut self) {
        self.deck.switch_to(self.before);
    }
}

/// What the server's code does, for the tape.
impl Runtime {
    /// Records something if the server's code does it.
    #[inline]
    pub(super) fn on_tape(&self, write: impl FnOnce(&mut Writer)) {
        if let Some(segment) = self.deck.recorded() {
            let _account = heap::charged_to_harness();
            let mut writer = self.deck.writer.borrow_mut();
            writer.in_segment(segment);
            write(&mut writer);
        }
    }

    /// The segment of a thread that the running code starts.
    pub(super) fn segment_of_child(&self) -> SegmentId {
        match self.deck.recorded() {
            Some(_) => self.deck.new_segment(),
            None => NO_SEGMENT,
        }
    }

    fn enter_segment(&'static self, segment: SegmentId, work: impl FnOnce()) {
        if let Taping::Play(tape) = &self.deck.taping {
            return drop(Player::new(self, Arc::clone(tape), segment).play());
        }
        let _recorded = Switched::to(&self.deck, segment);
        work();
    }
}

/// Calls the server's code: `work` is it. While a tape is recorded, what it returns is kept as `encode` writes it; while
/// one plays, `work` is not called, and the tape's bytes are given to `decode`.
///
/// # Panics
///
/// When the tape that plays does not return here.
pub fn enter<T>(
    encode: impl FnOnce(&T) -> Vec<u8>,
    decode: impl FnOnce(&[u8]) -> Option<T>,
    work: impl FnOnce() -> T,
) -> T {
    let Some(world) = current().filter(|world| !world.deck.is_off() && world.deck.recorded().is_none()) else {
        return work();
    };
    if let Taping::Play(tape) = &world.deck.taping {
        let returned = Player::new(world, Arc::clone(tape), world.deck.new_segment()).play();
        return returned.and_then(|bytes| decode(&bytes)).expect("this is not what the tape's server returned");
    }
    let _recorded = Switched::to(&world.deck, world.deck.new_segment());
    let value = work();
    let returned = encode(&value);
    world.on_tape(|writer| writer.returns(&returned));
    value
}

/// As [`enter`], for code that returns nothing.
pub fn enter_for_nothing(work: impl FnOnce()) {
    if let Some(world) = current().filter(|world| !world.deck.is_off() && world.deck.recorded().is_none()) {
        return world.enter_segment(world.deck.new_segment(), work);
    }
    work();
}

/// The end of something that belongs to the server's code, and that the harness may drop. Nobody knows in advance who drops
/// it, or when: so its segment is chosen when it is made.
#[derive(Debug)]
pub struct Ending {
    segment: SegmentId,
}

impl Ending {
    /// The end of something that is made now, by the harness.
    pub fn new() -> Ending {
        let world = current().filter(|world| !world.deck.is_off());
        Ending { segment: world.map_or(NO_SEGMENT, |world| world.deck.new_segment()) }
    }

    /// Drops it: `work` runs its destructors.
    pub fn enter(&self, work: impl FnOnce()) {
        match current().filter(|world| self.segment != NO_SEGMENT && world.deck.recorded().is_none()) {
            Some(world) => world.enter_segment(self.segment, work),
            None => work(),
        }
    }
}

impl Default for Ending {
    /// The end of something that holds nothing of the server's code.
    fn default() -> Ending {
        Ending { segment: NO_SEGMENT }
    }
}

/// The server's code calls the harness for an action that was offered: what runs while the result lives is the harness's.
/// `argument` says what is done.
#[must_use = "the harness's code runs while this lives"]
pub fn leave(action: Action, argument: impl FnOnce() -> Vec<u8>) -> Left {
    let is_known = action != Action::default();
    let Some(world) = current().filter(|world| is_known && world.deck.recorded().is_some()) else {
        return Left { _harness: None };
    };
    let argument = argument();
    world.on_tape(|writer| writer.acts(action.0, &argument));
    Left { _harness: Some(Switched::to(&world.deck, NO_SEGMENT)) }
}

/// While this lives, the harness's code runs.
pub struct Left {
    _harness: Option<Switched<'static>>,
}

/// Something that the harness does for a server: sending for it, say. The default is nothing that a tape knows: a carrier of the
/// server's own, say, which is a part of its code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action(u64);

/// Offers an action to the server's code, and to its player: `act` does what an argument of [`leave`] says. If it is for a
/// node, only tasks of this node may ask for it: no server acts in the place of another one.
pub fn offer(node: Option<NodeId>, act: impl Fn(&[u8]) + 'static) -> Action {
    let Some(world) = current() else { return Action::default() };
    match world.deck.taping {
        Taping::Off => return Action::default(),
        Taping::Record(_) => {}
        Taping::Play(_) => {
            let offered = (node, Rc::new(act) as Act);
            world.deck.actions.borrow_mut().insert(world.deck.next_action.get(), offered);
        }
    }
    let action = world.deck.next_action.get();
    world.deck.next_action.set(action + 1);
    Action(action)
}

/// Something that is measured about a server and that a player does not have: the memory that it holds, say.
pub(super) fn observe(measure: impl FnOnce() -> isize) -> isize {
    let Some(world) = current() else { return measure() };
    match &world.deck.taping {
        Taping::Off => measure(),
        Taping::Record(_) => {
            let value = measure();
            world.deck.writer.borrow_mut().observed(value as i64);
            value
        }
        Taping::Play(tape) => {
            let nth = world.deck.observations.replace(world.deck.observations.get() + 1);
            tape.observation(nth).unwrap_or(i64::MAX) as isize
        }
    }
}
