//! Plays a segment of a tape.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

use super::reader::{Position, Record};
use super::{SegmentId, Tape};
use crate::sim::FailureKind;
use crate::sim::heap;
use crate::sim::runtime::{Key, Runtime, WaitReason};

/// Plays a segment. What is left when it is dropped it plays then: that is what the destructors of the server's code did
/// when a crash unwound them.
pub(super) struct Player {
    world: &'static Runtime,
    tape: Arc<Tape>,
    segment: SegmentId,
    position: Position,
}

/// The most threads that start one inside the other. On a crashed server none starts, and what was to be its code is dropped at
/// once: its player then plays what its destructors did, which may start another one.
const SPAWNS_INSIDE_MAX: u32 = 64;

/// No address of an object is as large, so that no player wakes anybody but players.
const KEYS_FROM: u64 = 1 << 62;

fn key(recorded: u64) -> Key {
    (recorded | KEYS_FROM) as Key
}

impl Player {
    pub(super) fn new(world: &'static Runtime, tape: Arc<Tape>, segment: SegmentId) -> Player {
        Player { world, tape, segment, position: Position::default() }
    }

    /// Plays to the end. Returns what the server's code returned, if it returned.
    pub(super) fn play(mut self) -> Option<Vec<u8>> {
        self.play_on()
    }

    fn play_on(&mut self) -> Option<Vec<u8>> {
        if self.world.deck.is_of_other_seed {
            self.is_of_another_run();
        }
        let tape = Arc::clone(&self.tape);
        while let Some(record) = tape.next(self.segment, &mut self.position) {
            match record {
                Record::Return(value) => return Some(value.to_vec()),
                other => self.does(other),
            }
        }
        None
    }

    fn does(&self, record: Record<'_>) {
        let world = self.world;
        match record {
            Record::Operations(count) => self.operates(count),
            Record::Yield => world.yield_now(),
            Record::Park { keys, is_lock, deadline_ns } => {
                let keys: Vec<Key> = keys.map(key).collect();
                let _ = world.park(&keys, waiting(&keys, is_lock), deadline_ns);
            }
            Record::UnparkOne(recorded) => drop(world.unpark_one(key(recorded))),
            Record::UnparkAll(recorded) => world.unpark_all(key(recorded)),
            Record::Spawn { child, stack_bytes, name } => self.spawns(child, stack_bytes, name),
            Record::Choose(options) => drop(world.choose(options)),
            Record::Act { action, argument } => {
                let offered = world.deck.actions.borrow().get(&action).cloned();
                match offered {
                    Some((node, act)) if node.is_none_or(|node| node == world.node()) => act(argument),
                    _ => self.is_of_another_run(),
                }
            }
            // A second panic would end the process, and no code that was recorded can have done that.
            Record::Panic if world.unwinding.is_running_task() => self.is_of_another_run(),
            Record::Panic => panic!("the server panicked here when the tape was recorded"),
            Record::Return(_) => unreachable!("it ends the playing"),
        }
    }

    /// Makes this many operations, or ends the run: a forged tape may ask for more than would ever come to an end, and even
    /// in destructors, which nothing interrupts.
    fn operates(&self, count: u64) {
        let world = self.world;
        let left = world.settings.operations_max.saturating_mul(2).saturating_sub(world.operations.get());
        (0..count.min(left)).for_each(|_| world.operation());
        if count > left {
            world.fail(FailureKind::Operations, "the tape makes more operations than a run may make".into());
        }
    }

    /// Ends the run. A panic would not do: a destructor may be playing.
    fn is_of_another_run(&self) {
        self.world.fail(FailureKind::Reported, "the tape is of another run".into());
    }

    fn spawns(&self, child: SegmentId, stack_bytes: usize, name: &str) {
        let expected = self.world.deck.new_segment();
        let depth = &self.world.deck.spawns_inside;
        if child != expected || depth.get() >= SPAWNS_INSIDE_MAX {
            return self.is_of_another_run();
        }
        let player =
            Player { world: self.world, tape: Arc::clone(&self.tape), segment: child, position: Position::default() };
        let body = Box::new(move || drop(player.play()));
        let stack_bytes = (stack_bytes > 0).then_some(stack_bytes);
        depth.set(depth.get() + 1);
        self.world.spawn(Cow::Owned(name.to_string()), None, None, stack_bytes, body);
        depth.set(depth.get() - 1);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _account = heap::charged_to_harness();
        self.play_on();
    }
}

fn waiting(keys: &[Key], is_lock: bool) -> WaitReason {
    let here = Location::caller();
    match is_lock {
        true => WaitReason::Lock { lock: keys[0], type_name: "a lock", made: here, at: here },
        false => WaitReason::Channel { operation: "recv", made: here, at: here },
    }
}
