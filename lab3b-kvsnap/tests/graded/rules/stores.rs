//! What commands add up to.

use lab3a_kv::{Command, Store};
use labrpc::face::KvRequest;

/// The store of a server that has applied these commands and nothing else.
pub fn store_of(requests: impl IntoIterator<Item = KvRequest>) -> Store {
    let mut store = Store::default();
    for request in requests {
        store.apply(Command::from(request));
    }
    store
}
