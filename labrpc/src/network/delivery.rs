//! How a message travels: sent, delayed, doubled, lost, delivered.

use std::sync::Arc;
use std::time::Duration;

use super::about::Aspect;
use super::conditions::{HOLD_MIN, HOLD_SPREAD};
use super::forced::ForcedOutcome;
use super::link::Port;
use super::tap::{Lost, Message, Passage};
use super::{Direction, Network};
use crate::Bytes;
use crate::api::PeerId;
use crate::channel::{self, TrySendError};
use crate::sim::{self, Kind, Name, mix};
use crate::time::Instant;

/// A request, and where its reply goes.
pub(super) struct Call {
    pub(super) request: Message,
    pub(super) reply_to: ReplyTo,
}

/// Where a reply goes.
pub(super) enum ReplyTo {
    /// To [`Service::reply`](super::Service::reply) of the incarnation that sent the request.
    Service { incarnation: u64 },
    /// To a caller that waits for it.
    Caller(channel::Sender<Vec<u8>>),
}

/// A message in transit.
#[derive(Clone)]
pub(super) enum InFlight {
    Request(Arc<Call>),
    Reply(Arc<Call>, Arc<Message>),
}

impl InFlight {
    fn message(&self) -> &Message {
        match self {
            InFlight::Request(call) => &call.request,
            InFlight::Reply(_, reply) => reply,
        }
    }

    fn direction(&self) -> Direction {
        let message = self.message();
        let is_reply = matches!(self, InFlight::Reply(..));
        Direction { from: message.from, to: message.to, is_reply }
    }
}

impl Network {
    /// Sends a request.
    pub(super) fn dispatch(&self, from: PeerId, to: PeerId, port: Port, request: Vec<u8>, reply_to: ReplyTo) {
        let request = self.number(None, from, to, port, request.into());
        self.carry(InFlight::Request(Arc::new(Call { request, reply_to })));
    }

    fn number(&self, answers: Option<u64>, from: PeerId, to: PeerId, port: Port, bytes: Bytes) -> Message {
        let number = self.state().count_sent(answers.is_some(), from, to, port, bytes.len());
        Message { number, answers, from, to, port, bytes }
    }

    /// Decides the outcome of a message. Each decision is named by the direction and by when the message
    /// was sent in that direction.
    fn carry(&self, in_flight: InFlight) {
        let now = Instant::now();
        let direction = in_flight.direction();
        self.observe(now, in_flight.message(), Passage::Sent);
        let (conditions, stamp, is_cut) = self.state().departure(direction, now);
        let forced = self.forced_on(in_flight.message());
        let about = Some(in_flight.message().number);
        let chance = |kind, per_mille: u64| {
            let name = Name::new(kind, direction.name(Aspect::Message), stamp);
            forced.is_none() && per_mille > 0 && self.decide(name, about, false, |bits| bits % 1000 < per_mille)
        };
        if is_cut && forced != Some(ForcedOutcome::AtOnce) {
            return self.lose(in_flight.message(), Lost::Cut);
        }
        if forced == Some(ForcedOutcome::Lost) || chance(Kind::Loss, conditions.loss_per_mille) {
            return self.lose(in_flight.message(), Lost::Dropped);
        }
        let delay = |aspect| {
            let spread_us = (conditions.delay_max - conditions.delay_min).as_micros() as u64;
            let name = Name::new(Kind::Delay, direction.name(aspect), stamp);
            let extra_us = self.decide(name, about, 0, |bits| bits % (spread_us + 1));
            let held = if direction.is_reply {
                self.hold(direction, about, stamp, conditions.held_replies_per_mille)
            } else {
                0
            };
            conditions.delay_min + Duration::from_micros(extra_us + held)
        };
        if chance(Kind::Duplicate, conditions.duplicates_per_mille) {
            self.state().counts.doubled += 1;
            self.arrive_after(delay(Aspect::Copy), in_flight.clone(), stamp, 1);
        }
        let delay = match forced {
            Some(ForcedOutcome::AtOnce) => conditions.delay_min,
            Some(ForcedOutcome::Late(by)) => delay(Aspect::Message) + by,
            _ => delay(Aspect::Message),
        };
        self.arrive_after(delay, in_flight, stamp, 0);
    }

    /// The outcome that is forced on a message, if any.
    fn forced_on(&self, message: &Message) -> Option<ForcedOutcome> {
        if self.is_simulated() { ForcedOutcome::of(message.number) } else { None }
    }

    /// Microseconds for which a reply is held back (MIT's long reordering).
    fn hold(&self, direction: Direction, about: Option<u64>, stamp: u64, per_mille: u64) -> u64 {
        if per_mille == 0 {
            return 0;
        }
        self.decide(Name::new(Kind::Delay, direction.name(Aspect::Hold), stamp), about, 0, |bits| {
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

    fn arrive_after(&self, delay: Duration, in_flight: InFlight, stamp: u64, copy: u32) {
        let network = self.clone();
        self.after(delay, move || network.arrive(in_flight, stamp, copy));
    }

    /// A message arrives. The receiving incarnation is looked up only now.
    fn arrive(&self, in_flight: InFlight, stamp: u64, copy: u32) {
        let direction = in_flight.direction();
        let is_forced = self.forced_on(in_flight.message()) == Some(ForcedOutcome::AtOnce);
        if !is_forced && self.state().is_cut(direction.from, direction.to) {
            return self.lose(in_flight.message(), Lost::Cut);
        }
        let lineage = mix(direction.arrival(copy), stamp);
        if self.is_simulated() {
            sim::record(lineage);
        }
        match in_flight {
            InFlight::Request(call) => self.deliver_request(call, lineage, copy),
            InFlight::Reply(call, reply) => self.deliver_reply(&call, reply, lineage, copy),
        }
    }

    fn deliver_request(&self, call: Arc<Call>, lineage: u64, copy: u32) {
        let (to, port) = (call.request.to, call.request.port);
        let Some((incarnation, service)) = self.state().find_service(to, port) else {
            return self.lose(&call.request, Lost::Down);
        };
        self.state().count_served(to);
        self.observe(Instant::now(), &call.request, Passage::Arrived { copy });
        let network = self.clone();
        self.spawn_at(incarnation, "serve", lineage, move || {
            network.handles(&call.request);
            match service.request(call.request.from, &call.request.bytes) {
                Ok(Some(reply)) => network.reply_to(call, incarnation.number, reply),
                Ok(None) => {}
                Err(error) => network.report_wire_error(call.request.to, error),
            }
        });
    }

    /// Sends a reply, unless the server was shut down while it served: another incarnation may own its
    /// disk by now.
    fn reply_to(&self, call: Arc<Call>, incarnation: u64, reply: Vec<u8>) {
        let Message { number, from, to, port, .. } = call.request;
        if self.state().incarnation(to) != Some(incarnation) {
            return;
        }
        let reply = self.number(Some(number), to, from, port, reply.into());
        self.carry(InFlight::Reply(call, Arc::new(reply)));
    }

    fn deliver_reply(&self, call: &Call, reply: Arc<Message>, lineage: u64, copy: u32) {
        let receiver = match &call.reply_to {
            ReplyTo::Caller(caller) => {
                // A second copy finds the channel full and is ignored. If the caller has given up, the
                // channel is disconnected.
                if let Err(TrySendError::Disconnected(_)) = caller.try_send(reply.bytes.to_vec()) {
                    return self.lose(&reply, Lost::GivenUp);
                }
                return self.count_reply(&reply, copy);
            }
            ReplyTo::Service { incarnation } => self.state().find_reply_service(reply.to, *incarnation),
        };
        let Some((incarnation, service)) = receiver else { return self.lose(&reply, Lost::Down) };
        self.count_reply(&reply, copy);
        let network = self.clone();
        self.spawn_at(incarnation, "reply", lineage, move || {
            network.handles(&reply);
            if let Err(error) = service.reply(reply.from, &reply.bytes) {
                network.report_wire_error(reply.to, error);
            }
        });
    }

    fn count_reply(&self, reply: &Message, copy: u32) {
        self.state().counts.replies_delivered += 1;
        self.observe(Instant::now(), reply, Passage::Arrived { copy });
    }
}
