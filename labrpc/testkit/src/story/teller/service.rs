//! What happens to a service over a scripted Raft, as events of a story.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use labrpc::PeerId;
use labrpc::kv::Command;
use story::{Event, Field, Kind};

use super::Teller;
use crate::event::{self, ServiceStep};
use crate::event_line::At;
use crate::story::words::{clerk_answer, clerk_request, client_lane, label, lane};
use crate::world::CLERK_LABEL;

impl Teller {
    pub(super) fn service(&mut self, event: &event::Event, server: PeerId, step: &ServiceStep) {
        self.has_service = true;
        match step {
            ServiceStep::Asked(number, command) => {
                let client = self.lane(end_of(command));
                let service = self.at(event, server).at.unwrap_or_default();
                let m = self.passes(event, (client, service), None, clerk_request(command));
                self.requests.insert(*number, (m, command.clone()));
            }
            ServiceStep::Answered(number, answer) => match (self.requests.remove(number), answer) {
                (Some((asked, command)), Some(answer)) => {
                    let client = self.lane(end_of(&command));
                    let service = self.at(event, server).at.unwrap_or_default();
                    self.passes(event, (service, client), Some(asked), clerk_answer(Some(&command), answer));
                }
                _ => self.says(event, server, step.to_string()),
            },
            ServiceStep::Proposed { command, outcome, raft_state_bytes } => {
                let what = label(command, self.contract);
                match outcome {
                    Err(_) => {
                        self.says(event, server, format!("proposes {what}: start() refuses, as Raft does not lead"))
                    }
                    Ok(at) => {
                        let size = Size(*raft_state_bytes);
                        let say = Some(format!("proposes {what}: start() returns {}{size}", At(*at)));
                        let d = self.servers[server].holds_entry(*at, command);
                        self.told_of(event, Event { k: Kind::Append, d, say, ..self.at(event, server) });
                    }
                }
            }
            ServiceStep::Status(status) => {
                let d = self.servers[server].has_status(*status);
                self.told_of(event, Event { k: Kind::Role, d: Some(d), ..self.at(event, server) });
            }
            ServiceStep::Took(at, command) => {
                let d = self.servers[server].holds_entry(*at, command);
                self.told_of(event, Event { k: Kind::Append, d, ..self.at(event, server) });
            }
            ServiceStep::Dropped(last) => {
                if let Some(delta) = self.servers[server].drops_after(*last) {
                    self.told_of(event, Event { k: Kind::Append, d: Some(delta), ..self.at(event, server) });
                }
            }
            ServiceStep::Replaced(through) => {
                let d = Some(self.servers[server].is_replaced(*through));
                self.told_of(event, Event { k: Kind::Snap, d, say: Some(step.to_string()), ..self.at(event, server) });
            }
            ServiceStep::StartReturned(_) | ServiceStep::Snapshot { .. } => self.says(event, server, step.to_string()),
        }
    }

    /// The lane of the code that runs in a node. A service over a scripted Raft, and a clerk among scripted servers, run in
    /// nodes of the test.
    pub(super) fn lane_of_code(&self, node: &str) -> Option<String> {
        match node {
            CLERK_LABEL => self.clients.len().checked_sub(1).map(client_lane),
            _ if self.has_service => Some(lane(0)),
            _ => self.lane_of_node(node),
        }
    }

    fn says(&mut self, event: &event::Event, server: PeerId, say: String) {
        self.told_of(event, Event { k: Kind::Say, say: Some(say), ..self.at(event, server) });
    }

    /// A message that arrives as it leaves: no network is between its ends. Returns its number in the story.
    fn passes(
        &mut self,
        event: &event::Event,
        (from, to): (String, String),
        re: Option<usize>,
        (msg, f): (&str, BTreeMap<String, Field>),
    ) -> usize {
        let m = self.messages_count;
        self.messages_count += 1;
        let (msg, to_lane) = (Some(msg.to_string()), Some(to.clone()));
        let sent = Event { k: Kind::Send, re, to: to_lane, m: Some(m), msg, f, ..self.on(event, from.clone()) };
        self.events.push(sent);
        self.told_of(event, Event { k: Kind::Recv, m: Some(m), from: Some(from), ..self.on(event, to) });
        m
    }
}

/// Each client is an end of a network that is not there.
fn end_of(command: &Command) -> PeerId {
    (command.client.0 as PeerId).saturating_add(1)
}

/// Displays the size of Raft's state, if there is a disk.
struct Size(Option<usize>);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |bytes| write!(f, " (Raft's state: {bytes} bytes)"))
    }
}

impl Display for ServiceStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ServiceStep::Asked(_, command) => write!(f, "is asked by client {}", command.client),
            ServiceStep::Answered(_, Some(_)) => f.write_str("answers a client"),
            ServiceStep::Answered(_, None) => f.write_str("ends a request without an answer"),
            ServiceStep::Proposed { outcome: Ok(at), .. } => {
                write!(f, "proposes a command: start() returns {}", At(*at))
            }
            ServiceStep::Proposed { outcome: Err(_), .. } => f.write_str("proposes a command: start() refuses"),
            ServiceStep::StartReturned(at) => write!(f, "start() returns {} only now", At(*at)),
            ServiceStep::Status(status) if status.is_leader => write!(f, "its Raft leads term {}", status.term),
            ServiceStep::Status(status) => write!(f, "its Raft is in term {}, and does not lead", status.term),
            ServiceStep::Took(at, _) => write!(f, "its Raft has the entry {}", At(*at)),
            ServiceStep::Dropped(last) => write!(f, "its Raft drops the entries after index {last}"),
            ServiceStep::Replaced(through) => write!(f, "a leader's snapshot goes through {}", At(*through)),
            ServiceStep::Snapshot { through, bytes, raft_state_bytes } => {
                write!(
                    f,
                    "gives its Raft a snapshot of {bytes} bytes through index {through}{}",
                    Size(*raft_state_bytes)
                )
            }
        }
    }
}
