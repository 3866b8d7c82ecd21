//! What the clients, the service and the machine do: commands, snapshots, crashes, and the passing of time.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Bytes, thread};

use super::driver::{ANSWER_PATIENCE, PeersRun, REAL, SETTLED};
use super::explain::{Occurrence, explain_crash};
use super::model::ModelServer;
use super::peers::state_at;
use super::plan::Bits;

impl PeersRun<'_> {
    /// A client proposes a command.
    pub(super) fn start(&mut self, bits: &mut Bits) {
        let command = self.peers.command(bits);
        self.start_command(command);
    }

    pub(super) fn start_command(&mut self, command: Bytes) {
        let Some(start) = self.abilities.start else { return };
        if let Some(outcome) = start(command.clone()) {
            if outcome.is_ok() {
                self.text.add(format!("script.start({});", super::text::bytes(&command)));
            }
            self.occurrences.push(Occurrence::Start(command, outcome));
        }
    }

    /// The service takes a snapshot of what it has applied, or of something earlier.
    pub(super) fn compact(&mut self, bits: &mut Bits) {
        let Some(snapshot) = self.abilities.snapshot else { return };
        let real = self.real();
        if real.applied == 0 {
            return;
        }
        let through = if bits.one_in(2) { real.applied } else { bits.between(1, real.applied) };
        let Some(position) = real.position(through) else { return };
        let bytes = state_at(position);
        self.text.add(format!("script.snapshot({through}, {});", super::text::bytes(&bytes)));
        snapshot(through, bytes.clone());
        self.occurrences.push(Occurrence::Compact(through, bytes));
    }

    pub(super) fn restart(&mut self) {
        if self.contract.has_disk {
            self.text.add("script.restart();".into());
            self.cluster.restart(REAL);
            self.forget();
        }
    }

    /// A request arrives, and the real server crashes at the next save.
    pub(super) fn crash_at_save(&mut self, bits: &mut Bits) {
        if !self.contract.has_disk {
            return;
        }
        let persister = self.cluster.persister(REAL);
        self.text.add("script.persister().set_crashes_per_mille(1000);".into());
        persister.set_crashes_per_mille(1000);
        self.send_something(bits, false);
        thread::sleep(SETTLED);
        persister.set_crashes_per_mille(0);
        self.text.add("thread::sleep(3 * TRAVEL);".into());
        self.text.add("script.persister().set_crashes_per_mille(0);".into());
        if !self.cluster.is_up(REAL) {
            self.boot_after_crash();
        }
    }

    fn boot_after_crash(&mut self) {
        let seen = self.look();
        let disk = seen.disk.expect("servers that crash at saves have disks");
        match explain_crash(&self.states, &self.occurrences, &disk) {
            Ok(states) => self.states = states,
            Err(complaint) => return self.report(complaint),
        }
        self.occurrences.clear();
        self.text.add("script.restart();".into());
        self.cluster.start(REAL);
        self.forget();
    }

    /// The real server has crashed and booted again.
    fn forget(&mut self) {
        self.states.iter_mut().for_each(ModelServer::restart);
        self.led_at = None;
        let mut states = std::mem::take(&mut self.states);
        states.dedup();
        self.states = states;
        // Nobody waits for these answers any more.
        self.collect();
        self.unanswered.clear();
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.text.add(format!("thread::sleep(Duration::from_millis({}));", duration.as_millis()));
        thread::sleep(duration);
    }

    /// Waits until the real server campaigns, and lets some of the others answer at once.
    pub(super) fn await_campaign(&mut self, bits: &mut Bits) {
        if self.real().is_leader() {
            return self.wait(self.contract.timing.heartbeat_interval);
        }
        if !self.wait_for_campaign() {
            return;
        }
        for _ in 0..bits.below(self.others.len() as u64 + 1) {
            self.answer(bits);
        }
    }

    /// Waits until the real server campaigns or leads; false if it does neither in time.
    pub(super) fn wait_for_campaign(&mut self) -> bool {
        let before = self.real().term();
        self.text.add("script.await_campaign();".into());
        let until = Instant::now() + self.contract.timing.election_timeout_max + ANSWER_PATIENCE;
        while Instant::now() < until && !self.is_over {
            thread::sleep(Duration::from_millis(10));
            self.settle();
            // A late vote may have won the campaign before.
            if self.real().term() > before || self.real().is_leader() {
                self.settle(); // Its requests arrive.
                return true;
            }
        }
        false
    }
}
