//! A server that a script plays: it hears what the real one sends, and says what the script wants.

use std::sync::Arc;

use labrpc::PeerId;
use labrpc::channel::{self, Receiver, Sender};
use labrpc::face::{RaftReply, RaftRequest};
use labrpc::network::Service;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::wire::WireError;

use crate::eyes::Eyes;

/// A request that the real server has sent to a played one. It can be answered, at any time; if it
/// is dropped, it never is.
pub struct Heard {
    /// When it arrived.
    pub at: Instant,
    /// Who was asked.
    pub to: PeerId,
    /// What was asked.
    pub request: RaftRequest,
    eyes: Eyes,
    answer: Option<Sender<Vec<u8>>>,
}

impl Heard {
    /// Answers it. In a lab whose servers know no such answer, a plain heartbeat is answered so.
    pub fn reply(mut self, reply: RaftReply) {
        let Some(answer) = self.answer.take() else { return };
        let heartbeat = RaftReply::Heartbeat { term: reply.term() };
        let bytes = (self.eyes.write_reply)(reply).or_else(|_| (self.eyes.write_reply)(heartbeat));
        let _ = answer.send(bytes.expect("a lab's servers answer heartbeats in one way or the other"));
    }

    /// Whether a played server has answered it by itself, see [`Stage::play`](super::Stage::play).
    pub fn is_answered(&self) -> bool {
        self.answer.is_none()
    }
}

/// What a played server answers by itself.
pub(super) type Part = Arc<Mutex<Option<Box<dyn FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send>>>>;

/// Stands at a played server's end of the network.
pub(super) struct Puppet {
    pub(super) me: PeerId,
    pub(super) eyes: Eyes,
    pub(super) heard: Sender<Heard>,
    pub(super) part: Part,
}

impl Service for Puppet {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let at = Instant::now();
        let request = (self.eyes.read_request)(request)?;
        let (answer, answered): (_, Receiver<Vec<u8>>) = channel::bounded(1);
        let own = self.part.lock().as_mut().and_then(|part| part(self.me, &request));
        let heard = Heard { at, to: self.me, request, eyes: self.eyes, answer: Some(answer) };
        match own {
            Some(reply) => {
                let (request, to, eyes) = (heard.request.clone(), heard.to, heard.eyes);
                heard.reply(reply);
                let _ = self.heard.send(Heard { at, to, request, eyes, answer: None });
            }
            None => {
                let _ = self.heard.send(heard);
            }
        }
        Ok(answered.recv().ok())
    }
}
