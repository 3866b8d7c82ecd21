//! A random Raft: one real key-value service over a scripted Raft that does anything which a correct Raft could do.
//!
//! Chance decides what clients ask, how often they repeat it and how late a copy arrives; which commands
//! are committed, lost, or committed by another leader; when the server gains and loses its leadership; and
//! when a leader's snapshot replaces the store. After each step every answer is compared with a model of the
//! store (§8): which results may a client be told, and who must not wait any longer?
//!
//! | file | contains |
//! |---|---|
//! | `model` | the store as a program, with all results of each command |
//! | `clients` | what clients may ask next |
//! | `driver`, `events` | what happens: clients, and what Raft does |
//! | `code` | commands as Rust code |
//! | `answers` | whether answers are lawful |
//! | `size` | whether the log stays small |
//! | `clerk` | the other way round: a real clerk among random servers |

mod answers;
mod clerk;
mod clients;
mod code;
mod driver;
mod events;
mod model;
mod size;

use std::time::Duration;

use labrpc::kv::Command;
use labrpc::{Bytes, Persister, Service};

use crate::random_peers::{RunPlan, TestText};
use crate::script::ScriptedService;
use crate::world::World;

/// What a lab's service can do.
#[derive(Clone, Copy)]
pub struct ServiceUnderTest<'a> {
    /// How long a request waits at most until it is refused.
    pub patience: Duration,
    /// How it takes snapshots; `None` before lab 3B.
    pub snapshots: Option<SnapshotsUnderTest<'a>>,
}

/// How a service takes snapshots.
#[derive(Clone, Copy)]
pub struct SnapshotsUnderTest<'a> {
    /// The snapshot of a service that has applied these commands.
    pub of: &'a dyn Fn(&[Command]) -> Bytes,
    /// The disk that Raft writes to.
    pub persister: &'a Persister,
    /// The size of Raft's state above which a snapshot is due, in bytes.
    pub raft_state_bytes_max: usize,
}

/// What a script of a random Raft uses.
const IMPORTS: &str = "super::setup::*, crate::lab::LAB, labrpc::thread, std::time::Duration, testkit::script::*";

impl<S: Service> ScriptedService<S> {
    /// Lets a random Raft and random clients act on the service.
    pub fn play(&self, world: &World, plan: &RunPlan, under_test: ServiceUnderTest<'_>) {
        let text = TestText::new(IMPORTS);
        world.reporter().set_test_text(text.clone());
        text.add("let service = service();".into());
        let ask = |command: &Command, is_patient: bool| match is_patient {
            true => self.ask(command.clone()),
            false => self.ask_and_go_on(command.clone()),
        };
        driver::ServiceRun::new(world, self.raft(), &ask, under_test, text).run(plan);
    }
}
