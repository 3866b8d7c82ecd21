//! Who watches a cluster: every message, save, hand-over and fault, judged as it happens.
//!
//! Taps on the network and on the disks, and calls from the harness, become [`Event`]s. Each is
//! added to what is [`Known`] of the servers and then shown to every oracle; the first that finds
//! a rule broken ends the run.
//!
//! A reply proves that its request was handled at some moment between arrival and reply, and no
//! more: the scheduler may let others go first at any point. So what a reply claims is held against
//! everything that the disk held in that time, and what must be prompt is given [`SLACK`].
//!
//! **Invariant.** An oracle never calls into a server, and nothing here takes a turn from anyone.

mod event;
mod known;
mod reigns;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labrpc::network::{Message, Passage, Port, Tap};
use labrpc::persister::DiskTap;
use labrpc::sim::NodeId;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Image, Index, LogPosition, NotLeader, PeerId, Save};

pub use event::{DiskChange, Event, Letter, Said, What};
use known::Written;
pub use known::{Disk, Known, Pending, SLACK, Server};
pub use reigns::Campaign;
use reigns::Reigns;
use tally::Counter;
pub use tally::Tally;

use crate::eyes::Eyes;
use crate::oracle::{self, Oracle};
use crate::verdict::{Moment, Verdict};
use crate::world::World;

/// Watches a cluster. Clones watch the same one.
#[derive(Clone)]
pub struct Watch {
    world: World,
    eyes: Eyes,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    known: Known,
    /// How many events there were.
    happened: usize,
    /// All of them, if somebody wants to tell the story.
    events: Option<Vec<Event>>,
    tally: Counter,
    oracles: Vec<Box<dyn Oracle>>,
    /// The letters that may still arrive or be answered, by number.
    letters: BTreeMap<u64, Arc<Letter>>,
    is_over: bool,
}

/// No message is on its way, or in a server's hands, for longer than this.
const LETTER_AGE_MAX: Duration = Duration::from_secs(10);

impl Watch {
    /// Watches so many servers, of which these are real.
    pub(crate) fn new(world: &World, eyes: Eyes, size: usize, real: impl Fn(PeerId) -> bool) -> Watch {
        let server = |server| Server { is_real: real(server), ..Server::default() };
        let servers: Vec<Server> = (0..size).map(server).collect();
        let known = Known {
            has_disks: eyes.disk.is_some(),
            pace: eyes.pace.map(|pace| pace()),
            is_whole: servers.iter().all(|server| server.is_real),
            reigns: Reigns::default(),
            servers,
        };
        let oracles = oracle::all(&eyes);
        let inner = Inner {
            known,
            happened: 0,
            events: None,
            tally: Counter::default(),
            oracles,
            letters: BTreeMap::new(),
            is_over: false,
        };
        Watch { world: world.clone(), eyes, inner: Arc::new(Mutex::new(inner)) }
    }

    /// A server boots in a node, from what its disk holds.
    pub(crate) fn booted(&self, server: PeerId, node: NodeId, image: Option<&Image>) {
        let at = Instant::now();
        self.happened(at, |inner, moment| {
            let state = &mut inner.known.servers[server];
            state.incarnation += 1;
            (state.booted, state.node, state.is_paused, state.resumed_at) = (Some(moment), Some(node), false, None);
            state.pending.clear();
            state.disk = Disk::default();
            if let (Some(image), Some(eyes)) = (image, &self.eyes.disk) {
                let whole = Save {
                    head: image.head.clone(),
                    append: image.entries.iter().cloned().collect(),
                    snapshot: Some(image.snapshot.clone()),
                    ..Save::default()
                };
                // What cannot be read is a disk that was never written to: a save is read when it is made.
                if let Ok(written) = Written::read(&whole, eyes) {
                    state.disk.apply(&whole, written);
                }
            }
            What::Booted(server)
        });
    }

    /// A server crashes.
    pub(crate) fn crashed(&self, server: PeerId) {
        self.happened(Instant::now(), |_, _| What::Crashed(server));
    }

    /// A server's threads stop, or go on.
    pub(crate) fn paused(&self, server: PeerId, is_paused: bool) {
        let at = Instant::now();
        self.happened(at, |inner, _| {
            let state = &mut inner.known.servers[server];
            (state.is_paused, state.resumed_at) = (is_paused, Some(at));
            What::Paused(server, is_paused)
        });
    }

    /// A server handed something over.
    pub(crate) fn applied(&self, server: PeerId, message: &ApplyMsg) {
        self.happened(Instant::now(), |_, _| What::Applied(server, message.clone()));
    }

    /// A server was asked to take a command.
    pub(crate) fn started(&self, server: PeerId, command: &Bytes, outcome: Result<LogPosition, NotLeader>) {
        self.happened(Instant::now(), |_, _| What::Started(server, command.clone(), outcome));
    }

    /// A server has taken its service's snapshot.
    pub(crate) fn compacted(&self, server: PeerId, through: Index) {
        self.happened(Instant::now(), |_, _| What::Compacted(server, through));
    }

    /// Keeps all that happens from now on, for [`events`](Watch::events): a run has many thousand.
    pub fn record(&self) {
        self.lock().events.get_or_insert_default();
    }

    /// All that has happened since [`record`](Watch::record).
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone().unwrap_or_default()
    }

    /// What has happened so far, in numbers.
    pub fn tally(&self) -> Tally {
        self.lock().tally.read()
    }

    /// Looks at what is known now.
    pub fn look<R>(&self, look: impl FnOnce(&Known) -> R) -> R {
        look(&self.lock().known)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happened(&self, at: Instant, what: impl FnOnce(&mut Inner, Moment) -> What) {
        let verdict = self.lock().happened(at, what);
        if let Some(verdict) = verdict {
            self.world.convict(verdict);
        }
    }

    fn read(&self, message: &Message) -> Said {
        match (message.port, message.answers, &self.eyes.kv) {
            (Port::Raft, None, _) => (self.eyes.read_request)(&message.bytes).map_or(Said::Noise, Said::Request),
            (Port::Raft, Some(_), _) => (self.eyes.read_reply)(&message.bytes).map_or(Said::Noise, Said::Reply),
            (Port::Kv, None, Some(kv)) => (kv.read_request)(&message.bytes).map_or(Said::Noise, Said::Ask),
            (Port::Kv, Some(_), Some(kv)) => (kv.read_reply)(&message.bytes).map_or(Said::Noise, Said::Tell),
            (Port::Kv, _, None) => Said::Noise,
        }
    }
}

impl Inner {
    fn happened(&mut self, at: Instant, what: impl FnOnce(&mut Inner, Moment) -> What) -> Option<Verdict> {
        if self.is_over {
            return None;
        }
        let moment = Moment { event: self.happened, at };
        self.happened += 1;
        let event = Event { moment, what: what(self, moment) };
        let majority = self.known.majority();
        self.known.reigns.see(&event, majority);
        let verdict = self.oracles.iter_mut().find_map(|oracle| oracle.see(&event, &self.known).err());
        self.is_over = verdict.is_some();
        self.known.forget(&event);
        self.tally.count(&event);
        self.events.iter_mut().for_each(|events| events.push(event.clone()));
        verdict
    }

    fn letter(&self, number: u64) -> Option<Arc<Letter>> {
        self.letters.get(&number).cloned()
    }
}

impl Known {
    fn arrived(&mut self, letter: &Arc<Letter>, moment: Moment) {
        let Some(server) = self.servers.get_mut(letter.to) else { return };
        if server.is_real && letter.answers.is_none() {
            let pending = Pending::new(letter.clone(), moment, &server.disk);
            server.pending.push(pending);
        }
    }

    /// What an event has used up: a request that is answered, once per copy.
    fn forget(&mut self, event: &Event) {
        let What::Sent(letter) = &event.what else { return };
        let (Some(answered), Some(server)) = (&letter.answers, self.servers.get_mut(letter.from)) else { return };
        if let Some(place) = server.pending.iter().position(|pending| pending.letter.number == answered.number) {
            server.pending.remove(place);
        }
    }
}

impl Tap for Watch {
    fn message(&self, at: Instant, message: &Message, passage: Passage) {
        let said = matches!(passage, Passage::Sent).then(|| self.read(message));
        self.happened(at, |inner, moment| {
            if let Some(said) = said {
                let letter = Arc::new(Letter {
                    number: message.number,
                    answers: message.answers.and_then(|number| inner.letter(number)),
                    from: message.from,
                    to: message.to,
                    sent: moment,
                    bytes_len: message.bytes.len(),
                    said,
                });
                while inner.letters.first_key_value().is_some_and(|(_, oldest)| at - oldest.sent.at > LETTER_AGE_MAX) {
                    inner.letters.pop_first();
                }
                inner.letters.insert(letter.number, letter.clone());
                return What::Sent(letter);
            }
            let letter = inner.letter(message.number).unwrap_or_else(|| Arc::new(Letter::forgotten(message, moment)));
            match passage {
                Passage::Lost(why) => What::Lost(letter, why),
                Passage::Arrived { copy } => {
                    inner.known.arrived(&letter, moment);
                    What::Arrived(letter, copy)
                }
                Passage::Sent => unreachable!("handled above"),
            }
        });
    }

    fn cut(&self, at: Instant, from: PeerId, to: PeerId, is_cut: bool) {
        self.happened(at, |_, _| What::Cut(from, to, is_cut));
    }
}

impl Letter {
    /// One that was on its way for so long that nothing is known of it any more.
    fn forgotten(message: &Message, moment: Moment) -> Letter {
        let Message { number, from, to, .. } = *message;
        Letter { number, answers: None, from, to, sent: moment, bytes_len: message.bytes.len(), said: Said::Noise }
    }
}

impl DiskTap for Watch {
    fn saved(&self, at: Instant, server: PeerId, save: &Save, _: &Image, took: Duration) {
        let Some(eyes) = &self.eyes.disk else { return };
        let written = match Written::read(save, eyes) {
            Ok(written) => written,
            Err(error) => {
                return self.world.fail(format!(
                    "server {server} has saved what nobody can read back: {error}\n\
                     Look at: a save is written in the types that the lab's face.rs reads"
                ));
            }
        };
        self.happened(at, |inner, _| {
            let state = &mut inner.known.servers[server];
            let change = state.disk.apply(save, written);
            state.note_save(at, took);
            state.pending.iter_mut().for_each(|pending| pending.look_at(&state.disk));
            What::Saved(server, Arc::new(change))
        });
    }
}

#[cfg(test)]
mod tests {
    use labrpc::face::{DiskHead, Unspoken};
    use labrpc::sim::Keep;
    use labrpc::wire::{self, WireError};
    use labrpc::{Persister, sim};

    use super::*;
    use crate::eyes::DiskEyes;
    use crate::lab::run_simulated;
    use crate::token::Token;

    /// The eyes of a lab whose heads are a number, the term, and where nothing else is said or saved.
    const TERMS_ONLY: Eyes = Eyes {
        read_request: |bytes| Err(unread(bytes)),
        write_request: |_| Err(Unspoken),
        read_reply: |bytes| Err(unread(bytes)),
        write_reply: |_| Err(Unspoken),
        disk: Some(DiskEyes {
            read_head: |bytes| Ok(DiskHead { term: wire::decode(bytes)?, ..DiskHead::default() }),
            write_head: |head| wire::encode(&head.term).into(),
            read_entry: |bytes| Err(unread(bytes)),
            write_entry: |entry| entry.command,
        }),
        kv: None,
        pace: None,
    };

    fn unread(_: &[u8]) -> WireError {
        wire::decode::<u64>(&[]).expect_err("no bytes are no number")
    }

    fn save(head: &'static [u8]) -> Option<String> {
        let token = Token { test: "save".into(), seed: 1, kept: None };
        let body = move |world: &World| {
            let watch = world.watch(1, |_| true).expect("time is virtual");
            watch.booted(0, sim::new_node("server 0"), None);
            let disk = Persister::new(0);
            disk.set_tap(Arc::new(watch));
            disk.save(Save { head: head.into(), ..Save::default() });
        };
        run_simulated(&token, Keep::All, false, Some(TERMS_ONLY), &body).0.err().map(|broken| broken.failure.message)
    }

    /// What cannot be read back is said so, and not taken for an empty disk.
    #[test]
    fn unreadable_saves_are_named() {
        let term: &'static [u8] = wire::encode(&7_u64).leak();
        assert_eq!(save(term), None);
        let message = save(&term[..term.len() - 1]).expect("that is no term");
        assert!(message.starts_with("server 0 has saved what nobody can read back"), "{message}");
    }
}
