//! What happens to the real server: which thing comes next, and how it is done.

use std::time::Duration;

use labrpc::network::{Carrier, Conditions, Port};
use labrpc::{PeerId, RaftRequest, thread};

use super::driver::{PeersRun, REAL};
use super::explain::Occurrence;
use super::plan::{Bits, RealRole};
use crate::script::{PUNCTUAL, ReceivedRequest, TRAVEL};

/// After this time, a leader gives up a snapshot that was not answered.
const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(310);
/// A reply that arrives twice takes at most this long.
const LATE_MAX: Duration = Duration::from_millis(40);

impl PeersRun<'_> {
    /// Does one thing.
    pub(super) fn act(&mut self, role: RealRole, bits: &mut Bits) {
        match role {
            RealRole::Follower => self.act_on_follower(bits),
            RealRole::Leader => self.act_on_leader(bits),
        }
        self.settle();
    }

    fn act_on_follower(&mut self, bits: &mut Bits) {
        match bits.below(100) {
            0..16 => self.act_among_peers(bits),
            16..46 => self.send_as_leader(bits, true),
            46..54 => self.send_as_candidate(bits, true),
            54..61 => self.send_again(bits, true),
            61..66 => self.answer(bits),
            66..70 => (0..bits.between(1, 6)).for_each(|_| self.answer(bits)),
            70..76 => self.start(bits),
            76..82 => self.compact(bits),
            82..90 => self.act_together(bits),
            90..93 => self.restart(),
            93..96 => self.crash_at_save(bits),
            96..98 => self.wait(Duration::from_millis(bits.between(1, 120))),
            _ => self.await_campaign(bits),
        }
    }

    fn act_on_leader(&mut self, bits: &mut Bits) {
        if !self.real().is_leader() && bits.one_in(2) {
            return match self.can_win() {
                true => self.await_campaign(bits),
                false => self.bring_up_to_date(bits.one_in(3)),
            };
        }
        match bits.below(200) {
            0..60 => self.answer(bits),
            60..90 => (0..bits.between(1, 8)).for_each(|_| self.answer(bits)),
            90..120 => (0..bits.between(1, 3)).for_each(|_| self.start(bits)),
            120..140 => self.compact(bits),
            140..160 => self.wait(Duration::from_millis(bits.between(1, 120))),
            160..166 => self.wait(SNAPSHOT_PATIENCE),
            166..176 => self.act_together(bits),
            176..180 => self.act_among_peers(bits),
            180..188 => self.send_as_leader(bits, true),
            188..191 => self.send_as_candidate(bits, true),
            191..194 => self.send_again(bits, true),
            194..197 => self.restart(),
            _ => self.crash_at_save(bits),
        }
    }

    /// Something happens among the scripted servers.
    fn act_among_peers(&mut self, bits: &mut Bits) {
        let others = std::mem::take(&mut self.others);
        self.peers.step(&others, bits);
        self.others = others;
    }

    /// Two things reach the real server at the same time.
    fn act_together(&mut self, bits: &mut Bits) {
        self.send_something(bits, false);
        match bits.below(4) {
            0 if self.abilities.start.is_some() => {
                thread::sleep(TRAVEL);
                self.start(bits);
            }
            1 if self.abilities.snapshot.is_some() => {
                thread::sleep(TRAVEL);
                self.compact(bits);
            }
            2 => self.answer_without_settling(bits),
            _ => self.send_something(bits, false),
        }
    }

    pub(super) fn send_something(&mut self, bits: &mut Bits, is_alone: bool) {
        match bits.below(4) {
            0 => self.send_as_candidate(bits, is_alone),
            1 => self.send_again(bits, is_alone),
            _ => self.send_as_leader(bits, is_alone),
        }
    }

    fn send_as_leader(&mut self, bits: &mut Bits, is_alone: bool) {
        if let Some((from, request)) = self.peers.leaders_request(&self.others, self.real(), bits) {
            self.old_requests.push((from, request.clone()));
            // Or it is on its way for long.
            if !bits.one_in(6) {
                self.send(from, request, is_alone);
            }
        }
    }

    fn send_as_candidate(&mut self, bits: &mut Bits, is_alone: bool) {
        if let Some((from, request)) = self.peers.candidates_request(&self.others, bits) {
            self.old_requests.push((from, request.clone()));
            if !bits.one_in(6) {
                self.send(from, request, is_alone);
            }
        }
    }

    /// A message arrives late, or a second time.
    fn send_again(&mut self, bits: &mut Bits, is_alone: bool) {
        if self.old_requests.is_empty() {
            return;
        }
        let which = bits.below(self.old_requests.len() as u64) as usize;
        let (from, request) = self.old_requests[which].clone();
        self.send(from, request, is_alone);
    }

    pub(super) fn send(&mut self, from: PeerId, request: RaftRequest, is_alone: bool) {
        self.text.sends(from, &request, is_alone);
        self.cluster.network().send(from, REAL, Port::Raft, self.contract.write_request(&request));
        self.occurrences.push(Occurrence::Request(from, request, None));
    }

    /// A scripted server answers a request of the real one.
    pub(super) fn answer(&mut self, bits: &mut Bits) {
        self.answer_without_settling(bits);
        self.settle();
    }

    fn answer_without_settling(&mut self, bits: &mut Bits) {
        let (mut peer, is_newest) = (bits.pick(&self.others).expect("there are peers"), bits.one_in(2));
        // The last server is slow, and falls behind.
        if peer == self.others.len() && !bits.one_in(6) {
            peer = 1;
        }
        let is_to = |received: &ReceivedRequest| received.to == peer;
        let place =
            if is_newest { self.unanswered.iter().rposition(is_to) } else { self.unanswered.iter().position(is_to) };
        if let Some(place) = place {
            self.answer_at(place, bits);
        }
    }

    /// A scripted server answers one of the requests that wait for an answer.
    pub(super) fn answer_at(&mut self, place: usize, bits: &mut Bits) {
        let received = self.unanswered.remove(place);
        let peer = received.to;
        let is_oldest = !self.unanswered[..place].iter().any(|earlier| earlier.to == peer);
        let reply = self.peers.servers[peer].handle_request(&received.request, bits.next());
        self.text.answers(peer, !is_oldest, &reply);
        if bits.one_in(4) {
            self.double_replies(peer);
        }
        received.reply(reply);
    }

    /// The next reply of a scripted server arrives twice, and each copy may be late.
    fn double_replies(&mut self, peer: PeerId) {
        self.text.doubles(peer);
        self.doubled = Some(peer);
        let twice = Conditions { duplicates_per_mille: 1000, delay_max: LATE_MAX, ..PUNCTUAL };
        self.cluster.network().set_link_conditions(peer, REAL, Some(twice));
    }
}
