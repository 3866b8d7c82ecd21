//! Random peers: one real server, and scripted servers that send anything which correct servers could send.
//!
//! The scripted servers are models: Figures 2 and 13 as a program, without timers. Chance decides who
//! campaigns, what clients propose, which messages arrive, how late, how often and in which order, and
//! when the real server crashes. So whatever the real server is sent could happen to it in a cluster.
//! After each step it is compared with a model that has seen the same: its replies, its disk, what it sends
//! and what it applies. Where the paper leaves a choice (conflict hints, the size of requests, timers),
//! any choice is fine.
//!
//! | file | contains |
//! |---|---|
//! | `model` | Figures 2 and 13 as a program |
//! | `peers` | the scripted servers, and what they could send |
//! | `plan` | what happens, as random numbers that can be left out |
//! | `driver` | carries a plan out: `actions` (messages), `outside` (clients, crashes, time), `calm` (the end), `looking` (what is seen) |
//! | `explain` | whether what the real server did is lawful |
//! | `text` | a run as a test to paste into a file |

mod actions;
mod calm;
mod driver;
mod explain;
mod looking;
mod model;
mod outside;
mod peers;
mod plan;
mod text;

use std::collections::BTreeMap;

use labrpc::{Compact, Elect, Replicate};

use driver::{Abilities, PeersRun};
use peers::Peers;
pub(crate) use plan::Bits;
pub use plan::RunPlan;
pub(crate) use text::TestText;

use crate::script::ScriptedCluster;

impl<R: Elect> ScriptedCluster<R> {
    /// Lets random peers act on a server of lab 2A. For the other labs see
    /// [`play_replicating`](ScriptedCluster::play_replicating) and
    /// [`play_compacting`](ScriptedCluster::play_compacting).
    pub fn play(&self, plan: &RunPlan) {
        self.play_with(plan, Abilities::default());
    }

    fn play_with(&self, plan: &RunPlan, abilities: Abilities<'_>) {
        let text = TestText::new(text::SCRIPT_IMPORTS);
        self.cluster().world().reporter().set_test_text(text.clone());
        let driver = PeersRun {
            cluster: self.cluster(),
            contract: self.contract(),
            received: &self.received,
            restart_from: &|disk| self.restart_from(disk),
            abilities,
            peers: Peers::new(plan.size, abilities.start.is_some(), abilities.snapshot.is_some()),
            others: (1..plan.size).collect(),
            states: Vec::new(),
            old_requests: Vec::new(),
            unanswered: Vec::new(),
            occurrences: Vec::new(),
            events_seen: 0,
            doubled: None,
            led_at: None,
            sent_at: BTreeMap::new(),
            latest_reply: None,
            text,
            is_over: false,
        };
        driver.run(plan);
    }
}

impl<R: Replicate> ScriptedCluster<R> {
    /// As [`play`](ScriptedCluster::play), for labs 2B and 2C.
    pub fn play_replicating(&self, plan: &RunPlan) {
        let start = |command| self.cluster().start_command_at(0, command);
        self.play_with(plan, Abilities { start: Some(&start), snapshot: None });
    }
}

impl<R: Compact> ScriptedCluster<R> {
    /// As [`play`](ScriptedCluster::play), for lab 2D.
    pub fn play_compacting(&self, plan: &RunPlan) {
        let start = |command| self.cluster().start_command_at(0, command);
        let snapshot = |through, bytes| self.snapshot(through, bytes);
        self.play_with(plan, Abilities { start: Some(&start), snapshot: Some(&snapshot) });
    }
}
