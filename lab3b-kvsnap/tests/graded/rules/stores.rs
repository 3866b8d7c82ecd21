//! What commands add up to.

use lab3a_kv::Store;
use labrpc::kv::Command;

/// The store of a server that has applied these commands and nothing else.
pub fn store_of(requests: impl IntoIterator<Item = Command>) -> Store {
    let mut store = Store::default();
    for request in requests {
        store.apply(Command::from(request));
    }
    store
}
