//! A server that a script plays: it hears what the real one sends, and says what the script wants.

use std::sync::Arc;

use labrpc::PeerId;
use labrpc::channel::{self, Receiver, Sender};
use labrpc::network::Service;
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{RaftReply, RaftRequest};

use crate::codec::Codec;

/// A request that the real server has sent to a played one. It can be answered, at any time; if it
/// is dropped, it never is.
pub struct ReceivedRequest {
    /// When it arrived.
    pub at: Instant,
    /// Who was asked.
    pub to: PeerId,
    /// What was asked.
    pub request: RaftRequest,
    codec: &'static dyn Codec,
    answer: Option<Sender<Vec<u8>>>,
}

impl ReceivedRequest {
    /// Answers it.
    pub fn reply(mut self, reply: RaftReply) {
        let Some(answer) = self.answer.take() else { return };
        let _ = answer.send(self.codec.write_reply(&self.request, &reply));
    }

    /// Whether a played server has answered it by itself, see [`ScriptedCluster::play`](super::ScriptedCluster::play).
    pub fn is_answered(&self) -> bool {
        self.answer.is_none()
    }
}

/// What a played server answers by itself.
pub(super) type Part = Arc<Mutex<Option<Box<dyn FnMut(PeerId, &RaftRequest) -> Option<RaftReply> + Send>>>>;

/// Stands at a played server's end of the network.
pub(super) struct ScriptedPeer {
    pub(super) me: PeerId,
    pub(super) codec: &'static dyn Codec,
    pub(super) received: Sender<ReceivedRequest>,
    pub(super) part: Part,
}

impl Service for ScriptedPeer {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let at = Instant::now();
        let request = self.codec.read_request(request)?;
        let (answer, answered): (_, Receiver<Vec<u8>>) = channel::bounded(1);
        let own = self.part.lock().as_mut().and_then(|part| part(self.me, &request));
        let received = ReceivedRequest { at, to: self.me, request, codec: self.codec, answer: Some(answer) };
        match own {
            Some(reply) => {
                let (request, to, codec) = (received.request.clone(), received.to, received.codec);
                received.reply(reply);
                let _ = self.received.send(ReceivedRequest { at, to, request, codec, answer: None });
            }
            None => {
                let _ = self.received.send(received);
            }
        }
        Ok(answered.recv().ok())
    }
}
