//! What clients ask, and what their commands add up to.

use lab3a_kv::{Command, Store};
use labrpc::face::{KvOp, KvRequest};

pub fn get(client: u64, sequence: u64, key: &str) -> KvRequest {
    KvRequest { client, sequence, op: KvOp::Get { key: key.into() } }
}

pub fn put(client: u64, sequence: u64, key: &str, value: &str) -> KvRequest {
    KvRequest { client, sequence, op: KvOp::Put { key: key.into(), value: value.into() } }
}

pub fn append(client: u64, sequence: u64, key: &str, value: &str) -> KvRequest {
    KvRequest { client, sequence, op: KvOp::Append { key: key.into(), value: value.into() } }
}

/// The store of a server that has applied these commands and nothing else.
pub fn store_of(requests: impl IntoIterator<Item = KvRequest>) -> Store {
    let mut store = Store::default();
    for request in requests {
        store.apply(Command::from(request));
    }
    store
}
