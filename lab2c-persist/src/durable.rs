//! Which state must survive, and how it is written and read back.

use lab2a_election::Ballot;
use lab2b_log::{Entry, RaftLog, Replica};
use labrpc::wire;
use labrpc::{Image, LogPosition, Protocol, Save};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::outline::{Edit, Mark, Outline};

/// A protocol whose state can be put on a disk and taken back from it.
pub trait Durable: Protocol {
    /// Differs whenever the state that must survive differs. Cheap, for it is asked at each step.
    fn mark(&self) -> Mark;

    /// What must be written so that `disk` holds the present state, and no more than that.
    /// The outline then takes it as written.
    fn changes(&self, disk: &mut Outline) -> Save;

    /// Takes up where a crash left off.
    ///
    /// # Panics
    ///
    /// When the image cannot be read back.
    fn restore(&mut self, image: &Image);
}

/// All that must survive, but for the entries and the snapshot.
///
/// One type is both written and read, so its fields cannot be read in another order than they
/// were written in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Term and vote.
    pub ballot: Ballot,
    /// Without its base, nobody could tell at which index the entries on disk begin (lab 2D).
    pub base: LogPosition,
}

impl<L: RaftLog> Durable for Replica<L> {
    fn mark(&self) -> Mark {
        // BEGIN 2C Figure 2, persistent state: currentTerm, votedFor and log[], in outline
        let (base, last) = (self.log().base(), self.log().last());
        Mark { ballot: self.election().ballot(), base, last }
        // END
    }

    fn changes(&self, disk: &mut Outline) -> Save {
        // BEGIN 2C Figure 2, persistent state: the head always, of the log what the outline says
        let ballot = self.election().ballot();
        let Edit { forget, keep, append } = disk.catch_up(ballot, self.log());
        let head = wire::encode(&Head { ballot, base: self.log().base() }).into();
        let append = append.iter().map(|entry| wire::encode(entry).into()).collect();
        Save { head, forget, keep, append, snapshot: None }
        // END
    }

    fn restore(&mut self, image: &Image) {
        // BEGIN 2C Figure 2, persistent state: read back the head, then a log that starts after its base
        let head: Head = read_back("its term, vote and log base", &image.head);
        let mut log = L::starting_after(head.base);
        for entry in &image.entries {
            log.push(read_back::<Entry>("an entry of its log", entry));
        }
        self.resume(head.ballot, log);
        // END
    }
}

/// Decodes what an earlier life of this server wrote, or refuses to boot: a server that went on
/// without its memory could vote twice, or lose what it had acknowledged.
fn read_back<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> T {
    wire::decode(bytes).unwrap_or_else(|error| {
        panic!(
            "this server refuses to boot, since {what} cannot be read back: {error}; `changes` and `restore` must agree"
        )
    })
}
