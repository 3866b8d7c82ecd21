//! The way of a message: sent, delayed, doubled, lost, delivered.

use std::sync::Arc;
use std::time::Duration;

use super::conditions::{HOLD_MIN, HOLD_SPREAD};
use super::link::Port;
use super::tap::{Lost, Message, Passage};
use super::{Network, Way};
use crate::Bytes;
use crate::api::PeerId;
use crate::channel::{self, TrySendError};
use crate::sim::{self, Kind, Name, mix};
use crate::time::Instant;

/// One call: a request, and where its answer goes.
pub(super) struct Call {
    pub(super) request: Message,
    pub(super) answer_to: AnswerTo,
}

/// Where an answer goes.
pub(super) enum AnswerTo {
    /// To the sender's reply door, if it is still the incarnation that asked.
    Door { incarnation: u64 },
    /// To a caller that waits for it.
    Caller(channel::Sender<Vec<u8>>),
}

/// What travels.
#[derive(Clone)]
pub(super) enum Parcel {
    Request(Arc<Call>),
    Reply(Arc<Call>, Arc<Message>),
}

impl Parcel {
    fn message(&self) -> &Message {
        match self {
            Parcel::Request(call) => &call.request,
            Parcel::Reply(_, reply) => reply,
        }
    }

    fn way(&self) -> Way {
        let message = self.message();
        let is_reply = matches!(self, Parcel::Reply(..));
        Way { from: message.from, to: message.to, is_reply }
    }
}

impl Network {
    /// Sends a request on its way.
    pub(super) fn dispatch(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, answer_to: AnswerTo) {
        let request = self.number(None, from, to, port, request.into());
        self.carry(Parcel::Request(Arc::new(Call { request, answer_to })));
    }

    fn number(&self, answers: Option<u64>, from: PeerId, to: PeerId, port: Port, bytes: Bytes) -> Message {
        let number = self.state().count_sent(answers.is_some(), from, to, port, bytes.len());
        Message { number, answers, from, to, port, bytes }
    }

    /// Decides a message's fate, each part by name: its way, and when on that way it was sent.
    fn carry(&self, parcel: Parcel) {
        let now = Instant::now();
        let way = parcel.way();
        self.observe(now, parcel.message(), Passage::Sent);
        let (conditions, stamp, is_cut) = self.state().departure(way, now);
        let chance = |kind, per_mille: u64| {
            let name = Name::new(kind, way.name(0), stamp);
            per_mille > 0 && self.decide(name, false, |bits| bits % 1000 < per_mille)
        };
        if is_cut {
            return self.lose(parcel.message(), Lost::Cut);
        }
        if chance(Kind::Loss, conditions.loss_per_mille) {
            return self.lose(parcel.message(), Lost::Dropped);
        }
        let delay = |copy| {
            let spread_us = (conditions.delay_max - conditions.delay_min).as_micros() as u64;
            let name = Name::new(Kind::Delay, way.name(copy), stamp);
            let extra_us = self.decide(name, 0, |bits| bits % (spread_us + 1));
            let held = if way.is_reply { self.hold(way, stamp, conditions.held_replies_per_mille) } else { 0 };
            conditions.delay_min + Duration::from_micros(extra_us + held)
        };
        if chance(Kind::Duplicate, conditions.duplicates_per_mille) {
            self.state().counts.doubled += 1;
            self.arrive_after(delay(1), parcel.clone(), stamp, 1);
        }
        self.arrive_after(delay(0), parcel, stamp, 0);
    }

    /// Microseconds for which a reply is held back, in MIT's long reordering.
    fn hold(&self, way: Way, stamp: u64, per_mille: u64) -> u64 {
        /// Tells the hold from the ordinary delay of the same message.
        const HOLD: u64 = 2;
        if per_mille == 0 {
            return 0;
        }
        self.decide(Name::new(Kind::Delay, way.name(HOLD), stamp), 0, |bits| {
            if bits % 1000 >= per_mille {
                return 0;
            }
            let spread_us = HOLD_SPREAD.as_micros() as u64;
            let below = 1 + mix(bits, 1) % spread_us;
            HOLD_MIN.as_micros() as u64 + mix(bits, 2) % below
        })
    }

    fn lose(&self, message: &Message, why: Lost) {
        self.state().counts.lost += 1;
        self.observe(Instant::now(), message, Passage::Lost(why));
    }

    fn arrive_after(&self, delay: Duration, parcel: Parcel, stamp: u64, copy: u32) {
        let network = self.clone();
        self.after(delay, move || network.arrive(parcel, stamp, copy));
    }

    /// At the receiver's end. Who stands there is looked up only now.
    fn arrive(&self, parcel: Parcel, stamp: u64, copy: u32) {
        let way = parcel.way();
        if self.state().is_cut(way.from, way.to) {
            return self.lose(parcel.message(), Lost::Cut);
        }
        let lineage = mix(way.name(3 + u64::from(copy)), stamp);
        if self.is_simulated() {
            sim::record(lineage);
        }
        match parcel {
            Parcel::Request(call) => self.deliver_request(call, lineage, copy),
            Parcel::Reply(call, reply) => self.deliver_reply(&call, reply, lineage, copy),
        }
    }

    fn deliver_request(&self, call: Arc<Call>, lineage: u64, copy: u32) {
        let (to, port) = (call.request.to, call.request.port);
        let Some((end, service)) = self.state().find_service(to, port) else {
            return self.lose(&call.request, Lost::Down);
        };
        self.state().count_served(to);
        self.observe(Instant::now(), &call.request, Passage::Arrived { copy });
        let network = self.clone();
        self.spawn_at(&end, "serve", lineage, move || match service.request(call.request.from, &call.request.bytes) {
            Ok(Some(reply)) => network.answer(call, end.incarnation, reply),
            Ok(None) => {}
            Err(error) => network.report_wire_error(call.request.to, error),
        });
    }

    /// A server that was shut down while it served says nothing any more: its disk has passed on.
    fn answer(&self, call: Arc<Call>, incarnation: u64, reply: Vec<u8>) {
        let Message { number, from, to, port, .. } = call.request;
        if self.state().incarnation(to) != Some(incarnation) {
            return;
        }
        let reply = self.number(Some(number), to, from, port, reply.into());
        self.carry(Parcel::Reply(call, Arc::new(reply)));
    }

    fn deliver_reply(&self, call: &Call, reply: Arc<Message>, lineage: u64, copy: u32) {
        let asker = match &call.answer_to {
            AnswerTo::Caller(caller) => {
                // A second answer finds no room, and is ignored; whoever gave up waiting never hears of it.
                if let Err(TrySendError::Disconnected(_)) = caller.try_send(reply.bytes.to_vec()) {
                    return self.lose(&reply, Lost::GivenUp);
                }
                return self.count_reply(&reply, copy);
            }
            AnswerTo::Door { incarnation } => self.state().find_door(reply.to, *incarnation),
        };
        let Some((end, door)) = asker else { return self.lose(&reply, Lost::Down) };
        self.count_reply(&reply, copy);
        let network = self.clone();
        self.spawn_at(&end, "reply", lineage, move || {
            if let Err(error) = door.reply(reply.from, &reply.bytes) {
                network.report_wire_error(reply.to, error);
            }
        });
    }

    fn count_reply(&self, reply: &Message, copy: u32) {
        self.state().counts.replies_delivered += 1;
        self.observe(Instant::now(), reply, Passage::Arrived { copy });
    }
}
