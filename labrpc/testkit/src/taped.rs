//! The servers under test, as a tape sees them: each call of their code is recorded, or a player takes its place (see
//! [`labrpc::sim::tape`]).
//!
//! The harness calls a server's code through these types only. Without a tape they do nothing but pass on.

use std::sync::Arc;

use labrpc::sim::tape::{Ending, enter, enter_for_nothing};
use labrpc::wire::{self, WireError};
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, KvClient, Link, LogPosition, NotLeader, PeerId, Replicate, Service,
    ServiceState, Status,
};

/// What a server applies, for a tape.
pub(crate) fn write_message(message: &ApplyMsg) -> Vec<u8> {
    match message {
        ApplyMsg::Command { at, command } => wire::encode(&(false, at, command)),
        ApplyMsg::Snapshot { through, snapshot } => wire::encode(&(true, through, snapshot)),
    }
}

/// The inverse of [`write_message`].
pub(crate) fn read_message(bytes: &[u8]) -> Option<ApplyMsg> {
    let (is_snapshot, at, bytes): (bool, LogPosition, Bytes) = wire::decode(bytes).ok()?;
    Some(match is_snapshot {
        false => ApplyMsg::Command { at, command: bytes },
        true => ApplyMsg::Snapshot { through: at, snapshot: bytes },
    })
}

/// Something whose code is under test. `None` while a tape plays.
pub struct Taped<S: ?Sized> {
    inner: Option<Arc<S>>,
    ending: Ending,
}

impl<S: ?Sized> Taped<S> {
    /// The server's own code.
    pub(crate) fn real(inner: Arc<S>) -> Taped<S> {
        Taped { inner: Some(inner), ending: Ending::new() }
    }

    /// A player.
    pub(crate) fn player() -> Taped<S> {
        Taped { inner: None, ending: Ending::new() }
    }

    pub(crate) fn inner(&self) -> &S {
        self.inner.as_ref().expect("a tape plays, so nobody calls the server")
    }
}

/// The server's destructors are its code, too.
impl<S: ?Sized> Drop for Taped<S> {
    fn drop(&mut self) {
        self.ending.enter(|| drop(self.inner.take()));
    }
}

impl<S: Elect + ?Sized> Elect for Taped<S> {
    fn status(&self) -> Status {
        enter(wire::encode, |bytes| wire::decode(bytes).ok(), || self.inner().status())
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        enter(wire::encode, |bytes| wire::decode(bytes).ok(), || self.inner().watch(seen))
    }

    fn shutdown(&self) {
        enter_for_nothing(|| self.inner().shutdown());
    }
}

impl<S: Replicate + ?Sized> Replicate for Taped<S> {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let write = |started: &Result<LogPosition, NotLeader>| wire::encode(&started.as_ref().ok());
        let read = |bytes: &[u8]| Some(wire::decode::<Option<LogPosition>>(bytes).ok()?.ok_or(NotLeader));
        enter(write, read, || self.inner().start(command))
    }
}

impl<S: Compact + ?Sized> Compact for Taped<S> {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        enter_for_nothing(|| self.inner().snapshot(through, snapshot));
    }
}

/// What a service returns, without its errors: these fail a run at once.
type Returned = Option<Option<Vec<u8>>>;

impl<S: Service + ?Sized> Service for Taped<S> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let write = |reply: &Result<Option<Vec<u8>>, WireError>| wire::encode(&reply.as_ref().ok());
        let read = |bytes: &[u8]| wire::decode::<Returned>(bytes).ok()?.map(Ok);
        enter(write, read, || self.inner().request(from, request))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let write = |outcome: &Result<(), WireError>| wire::encode(&outcome.is_ok());
        let read = |bytes: &[u8]| wire::decode::<bool>(bytes).ok()?.then_some(Ok(()));
        enter(write, read, || self.inner().reply(from, reply))
    }
}

/// A clerk whose code is under test.
pub struct TapedClerk {
    inner: Option<Box<dyn KvClient>>,
    ending: Ending,
}

impl TapedClerk {
    /// The clerk that `new` makes of these links, or its player.
    pub fn new<C: KvClient>(mut links: Vec<Link>, new: impl FnOnce(Vec<Link>) -> C) -> TapedClerk {
        Link::offer(&mut links, None);
        let mut inner: Option<Box<dyn KvClient>> = None;
        enter_for_nothing(|| inner = Some(Box::new(new(links))));
        TapedClerk { inner, ending: Ending::new() }
    }

    fn call<T>(
        &mut self,
        write: impl FnOnce(&T) -> Vec<u8>,
        read: impl FnOnce(&[u8]) -> Option<T>,
        work: impl FnOnce(&mut dyn KvClient) -> T,
    ) -> T {
        enter(write, read, || work(&mut **self.inner.as_mut().expect("a tape plays, so nobody calls the clerk")))
    }

    fn call_for_nothing(&mut self, work: impl FnOnce(&mut dyn KvClient)) {
        self.call(|()| Vec::new(), |_| Some(()), work);
    }
}

impl KvClient for TapedClerk {
    fn get(&mut self, key: &str) -> String {
        let read = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        self.call(|value: &String| value.clone().into_bytes(), read, |clerk| clerk.get(key))
    }

    fn put(&mut self, key: &str, value: &str) {
        self.call_for_nothing(|clerk| clerk.put(key, value));
    }

    fn append(&mut self, key: &str, value: &str) {
        self.call_for_nothing(|clerk| clerk.append(key, value));
    }
}

impl Drop for TapedClerk {
    fn drop(&mut self) {
        self.ending.enter(|| drop(self.inner.take()));
    }
}

/// A service's state without a server, whose code is under test.
pub struct TapedState {
    inner: Option<Box<dyn ServiceState>>,
    ending: Ending,
}

impl TapedState {
    /// The state that `new` makes, or its player.
    pub fn boxed(new: impl FnOnce() -> Box<dyn ServiceState>) -> Box<dyn ServiceState> {
        let mut inner = None;
        enter_for_nothing(|| inner = Some(new()));
        Box::new(TapedState { inner, ending: Ending::new() })
    }
}

const NO_STATE: &str = "a tape plays, so nobody calls the state";

impl ServiceState for TapedState {
    fn apply(&mut self, command: &[u8]) -> String {
        let write = |answer: &String| answer.clone().into_bytes();
        let read = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        enter(write, read, || self.inner.as_mut().expect(NO_STATE).apply(command))
    }

    fn snapshot(&self) -> Bytes {
        let write = |snapshot: &Bytes| snapshot.to_vec();
        let read = |bytes: &[u8]| Some(bytes.to_vec().into());
        enter(write, read, || self.inner.as_ref().expect(NO_STATE).snapshot())
    }
}

impl Drop for TapedState {
    fn drop(&mut self) {
        self.ending.enter(|| drop(self.inner.take()));
    }
}
