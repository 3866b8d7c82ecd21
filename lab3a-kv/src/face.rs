//! What clerks ask and are told, in plain words: for whoever watches a server, or plays one.

use labrpc::face::{KvClient, KvOp, KvReply, KvRequest};

use crate::clerk::Clerk;
use crate::message::{Answer, Refusal};
use crate::store::{ClientId, Command, Op};

impl From<Command> for KvRequest {
    fn from(Command { client, sequence, op }: Command) -> Self {
        let op = match op {
            Op::Get { key } => KvOp::Get { key },
            Op::Put { key, value } => KvOp::Put { key, value },
            Op::Append { key, value } => KvOp::Append { key, value },
        };
        KvRequest { client: client.0, sequence, op }
    }
}

impl From<KvRequest> for Command {
    fn from(KvRequest { client, sequence, op }: KvRequest) -> Self {
        let op = match op {
            KvOp::Get { key } => Op::Get { key },
            KvOp::Put { key, value } => Op::Put { key, value },
            KvOp::Append { key, value } => Op::Append { key, value },
        };
        Command { client: ClientId(client), sequence, op }
    }
}

/// An [`Answer`] as it travels.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Told(pub Answer);

impl From<Told> for KvReply {
    fn from(Told(answer): Told) -> Self {
        answer.map_or(KvReply::Refused, KvReply::Done)
    }
}

impl From<KvReply> for Told {
    fn from(reply: KvReply) -> Self {
        Told(match reply {
            KvReply::Done(value) => Ok(value),
            KvReply::Refused => Err(Refusal::NotLeader),
        })
    }
}

impl KvClient for Clerk {
    fn get(&mut self, key: &str) -> String {
        Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        Clerk::append(self, key, value);
    }
}
