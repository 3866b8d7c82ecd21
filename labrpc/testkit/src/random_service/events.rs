//! What Raft and other leaders do: commits, elections, snapshots, and several things within microseconds.

use labrpc::{Index, Term, thread};

use super::code::code;
use super::driver::{OPERATION, ServiceRun};
use crate::random_peers::Bits;

const PAUSE_OPERATIONS_MAX: u64 = 80;

impl ServiceRun<'_> {
    /// Drops the entries after index `last`: another leader has replaced them.
    fn truncate(&mut self, last: usize) {
        self.log.truncate(last);
        self.answered_elsewhere.retain(|index| *index <= last);
        self.raft.truncate(last as Index);
        self.text.add(format!("service.raft().truncate({last});"));
        for waiting in &mut self.waiting {
            waiting.own_entry.take_if(|index| *index > last);
        }
    }

    /// The next entries are committed.
    pub(super) fn apply(&mut self, count: u64) {
        for _ in 0..count {
            let Some(command) = self.log.get(self.applied).cloned() else { return };
            if let Some(snapshots) = &self.under_test.snapshots {
                self.size.look(snapshots);
            }
            self.applied += 1;
            self.text.add(format!("service.raft().commit({}, &{});", self.applied, code(&command)));
            self.model.apply(&command);
            self.tell_elsewhere(self.applied);
            self.raft.commit(self.applied as Index, &command);
        }
    }

    /// The entry at an index is committed: another server may tell its client.
    fn tell_elsewhere(&mut self, index: usize) {
        if self.answered_elsewhere.remove(&index) {
            self.clients.done(&self.log[index - 1]);
        }
    }

    /// Another leader commits commands: new ones, retries of those that wait here, and late copies.
    pub(super) fn apply_of_others(&mut self, bits: &mut Bits) {
        if self.is_leader {
            return;
        }
        if bits.one_in(4) {
            // Many at once, which are committed later.
            return (0..bits.between(1, 24)).for_each(|_| self.others_commands(bits));
        }
        self.others_commands(bits);
        self.apply(u64::MAX);
    }

    /// Another leader takes commands into the log. Some of its clients are told at once.
    fn others_commands(&mut self, bits: &mut Bits) {
        for _ in 0..bits.between(1, 4) {
            let earlier = if bits.one_in(5) { self.clients.earlier(bits) } else { None };
            let command = earlier.unwrap_or_else(|| self.clients.next(bits));
            self.raft.push(&command);
            self.log.push(command.clone());
            // The other leader answers when it has applied the command; or its answer is lost.
            if bits.one_in(2) {
                self.answered_elsewhere.insert(self.log.len());
            }
        }
    }

    /// The server loses its leadership, or learns of a newer term. Entries that are not committed may be lost.
    pub(super) fn lose(&mut self, bits: &mut Bits) {
        self.set_status(bits.new_term(self.term + 1), false);
        let left = bits.between(self.applied as u64, self.log.len() as u64) as usize;
        if left < self.log.len() {
            self.truncate(left);
        }
    }

    /// The server wins an election. A client may ask before the service has heard of it.
    pub(super) fn win(&mut self, bits: &mut Bits) {
        self.set_status(bits.new_term(self.term + 1), false);
        if bits.one_in(2) {
            self.settle();
        }
        self.set_status(self.term, true);
        if bits.one_in(2) {
            let command = self.clients.next(bits);
            self.request(command, false);
        }
    }

    pub(super) fn set_status(&mut self, term: Term, is_leader: bool) {
        (self.term, self.is_leader) = (term, is_leader);
        for waiting in &mut self.waiting {
            waiting.led_always &= is_leader;
            waiting.led_once |= is_leader;
        }
        self.text.add(format!("service.raft().set_status({term}, {is_leader});"));
        self.raft.set_status(term, is_leader);
        self.take_started();
    }

    /// Another leader sends a snapshot of commands that this server has not seen.
    pub(super) fn install(&mut self, bits: &mut Bits) {
        let Some(snapshots) = self.under_test.snapshots else { return };
        // A snapshot may overtake the news that the leadership is lost.
        let was_leader = self.is_leader;
        if was_leader {
            self.settle();
        }
        for waiting in &mut self.waiting {
            waiting.replaced = waiting.replaced.or(waiting.own_entry.filter(|index| *index > self.applied));
        }
        if was_leader {
            self.truncate(self.applied);
        }
        self.others_commands(bits);
        let through = self.log.len();
        if bits.one_in(3) {
            // They follow the snapshot, and are not committed yet.
            (0..bits.between(1, 24)).for_each(|_| self.others_commands(bits));
        }
        self.log[self.applied..through].iter().for_each(|command| self.model.apply(command));
        let seen = std::mem::replace(&mut self.applied, through);
        (seen + 1..=self.applied).for_each(|index| self.tell_elsewhere(index));
        let all: Vec<String> = self.log[..through].iter().map(code).collect();
        self.text.add(format!("let commands = [{}];", all.join(", ")));
        self.text.add(format!("service.install({}, snapshot_of(commands));", self.applied));
        self.raft.install(self.applied as Index, (snapshots.of)(&self.log[..through]));
        // What a snapshot does not tell is the result of a read, or of a write before the latest one.
        for waiting in &mut self.waiting {
            waiting.own_entry.take_if(|index| *index > seen);
            let has_gone_on = self.clients.has_gone_on(&waiting.command);
            // An entry beyond the snapshot is lost, too, which the service may learn from the news of the term.
            let is_within = waiting.replaced.is_none_or(|index| index <= self.applied);
            waiting.is_covered = is_within && !has_gone_on && self.model.has_just_written(&waiting.command);
        }
        if was_leader {
            if bits.one_in(2) {
                self.settle();
            }
            self.set_status(self.term + 1, false);
        }
    }

    /// The server wins an election, takes a request, and loses its leadership, all within microseconds.
    pub(super) fn lead_for_a_moment(&mut self, bits: &mut Bits) {
        self.set_status(self.term + 1, true);
        self.pause(bits);
        let command = self.clients.next(bits);
        self.request(command, false);
        self.pause(bits);
        self.set_status(self.term + 1, false);
    }

    /// Some operations of other threads.
    fn pause(&mut self, bits: &mut Bits) {
        let duration = OPERATION * bits.below(PAUSE_OPERATIONS_MAX) as u32;
        self.text.add(format!("thread::sleep(Duration::from_nanos({}));", duration.as_nanos()));
        thread::sleep(duration);
    }

    /// A request comes at the same moment as something else.
    pub(super) fn act_together(&mut self, bits: &mut Bits) {
        let command = self.clients.next(bits);
        match bits.below(4) {
            0 => self.apply(1),
            1 => self.set_status(self.term + 1, false),
            _ => {}
        }
        self.request(command, false);
        match bits.below(4) {
            0 => self.apply(1),
            1 => self.set_status(self.term + 1, false),
            2 => {
                let other = self.clients.next(bits);
                self.request(other, false);
            }
            _ => {}
        }
    }
}
