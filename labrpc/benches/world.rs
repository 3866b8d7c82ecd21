//! How fast is a simulation? Five servers of six threads each, for a minute of virtual time.
//!
//! An item is a simulated second, so `item/s` is simulated seconds per second. The aim is 3,000
//! without preemption.

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use labrpc::channel::{self, Receiver, Sender};
use labrpc::sim::{self, Kind, Name, Preemption, Settings, draw};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread::{self, Builder, JoinHandle};
use labrpc::time::Instant;

const SERVERS: usize = 5;
const LEADER: usize = 0;
const VIRTUAL_TIME: Duration = Duration::from_secs(60);
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(50);
const COMMAND_INTERVAL: Duration = Duration::from_millis(100);
const TICK_MIN: Duration = Duration::from_millis(10);
const TICK_SPREAD: Duration = Duration::from_millis(10);
const ELECTION_TIMEOUT: Duration = Duration::from_millis(300);
/// The longest delay of a request.
const DELAY_MAX: Duration = Duration::from_millis(27);
const PATIENCE: Duration = Duration::from_millis(100);
/// One reply in this many is lost.
const LOSS_ONE_IN: u64 = 10;
/// One call to each follower at each heartbeat, and one more at each command in between.
const CALLS_MIN: u64 = 4_500;

fn main() {
    divan::main();
}

/// A minute in which threads are interrupted never, sometimes, always, and by priority.
#[divan::bench(
    args = [
        Preemption::None,
        Preemption::Random { one_in: 10 },
        Preemption::Random { one_in: 1 },
        Preemption::Priorities { change_one_in: 1000 },
    ],
    sample_size = 1,
    max_time = 4,
)]
fn minute(bencher: Bencher, preemption: Preemption) {
    bencher.counter(ItemsCount::new(VIRTUAL_TIME.as_secs())).bench(|| {
        let (calls, _) = sim::run(Settings { preemption, ..Settings::default() }, minute_of_heartbeats);
        assert!(calls.expect("the minute passes") >= CALLS_MIN);
    });
}

/// The cost of starting and ending a run in which nothing happens.
#[divan::bench(sample_size = 10)]
fn empty() {
    sim::run(Settings::default(), || ()).0.expect("the run succeeds");
}

/// One leader sends its log to four followers, with one thread for each call. Returns the number of
/// calls.
fn minute_of_heartbeats() -> u64 {
    let (inboxes, requests): (Vec<_>, Vec<_>) = (0..SERVERS).map(|_| channel::unbounded()).unzip();
    let servers: Vec<Arc<Server>> = (0..SERVERS)
        .map(|id| Arc::new(Server::new(id, if id == LEADER { inboxes.clone() } else { Vec::new() })))
        .collect();
    drop(inboxes);
    let threads: Vec<_> = servers.iter().zip(requests).flat_map(|(server, requests)| server.start(requests)).collect();
    thread::sleep(VIRTUAL_TIME);
    servers.iter().for_each(|server| server.stop());
    drop(threads); // the end of the run unwinds them
    servers[LEADER].state.lock().calls
}

/// A leader's request, with the channel for its reply.
struct Append {
    from_index: usize,
    entries: Vec<u64>,
    commit_index: usize,
    reply: Sender<()>,
}

#[derive(Default)]
struct State {
    log: Vec<u64>,
    commit_index: usize,
    applied: usize,
    matched: [usize; SERVERS],
    heard: Instant,
    term: u64,
    calls: u64,
    is_stopped: bool,
}

struct Server {
    id: usize,
    /// The inboxes of all servers, if it leads.
    inboxes: Vec<Sender<Append>>,
    state: Mutex<State>,
    has_commands: Condvar,
    has_committed: Condvar,
}

impl Server {
    fn new(id: usize, inboxes: Vec<Sender<Append>>) -> Server {
        Server { id, inboxes, state: Mutex::default(), has_commands: Condvar::new(), has_committed: Condvar::new() }
    }

    fn start(self: &Arc<Server>, requests: Receiver<Append>) -> Vec<JoinHandle<()>> {
        let (disk, writes) = channel::unbounded();
        let thread = |name: &str, body: Box<dyn FnOnce(Arc<Server>) + Send>| {
            let server = Arc::clone(self);
            Builder::new()
                .name(name.into())
                .spawn(move || body(server))
                .expect("a simulation can always start a thread")
        };
        vec![
            thread("ticker", Box::new(|server| server.tick())),
            thread("replicator", Box::new(|server| server.replicate())),
            thread("handler", Box::new(move |server| server.handle(&requests, &disk))),
            thread("applier", Box::new(|server| server.apply())),
            thread("disk", Box::new(move |_| writes.into_iter().for_each(|_entries: usize| ()))),
            thread("client", Box::new(|server| server.propose())),
        ]
    }

    fn stop(&self) {
        self.state.lock().is_stopped = true;
        self.has_commands.notify_all();
        self.has_committed.notify_all();
    }

    /// Random bits that depend only on the server, the aspect and the time.
    fn random(&self, aspect: u64) -> u64 {
        draw(aspect, Name::new(Kind::Workload, self.id as u64, Instant::now().as_nanos()))
    }

    fn tick(&self) {
        loop {
            thread::sleep(TICK_MIN + Duration::from_nanos(self.random(0) % TICK_SPREAD.as_nanos() as u64));
            let mut state = self.state.lock();
            if state.is_stopped {
                return;
            }
            if self.id != LEADER && state.heard.elapsed() > ELECTION_TIMEOUT {
                state.term += 1;
            }
        }
    }

    fn propose(&self) {
        for command in 1.. {
            thread::sleep(COMMAND_INTERVAL);
            let mut state = self.state.lock();
            if state.is_stopped {
                return;
            }
            if self.id == LEADER {
                state.log.push(command);
            }
        }
    }

    fn replicate(self: &Arc<Server>) {
        loop {
            let mut state = self.state.lock();
            self.has_commands.wait_for(&mut state, HEARTBEAT_INTERVAL);
            if state.is_stopped {
                return;
            }
            drop(state);
            for follower in (0..self.inboxes.len()).filter(|&follower| follower != LEADER) {
                let server = Arc::clone(self);
                thread::spawn(move || server.call(follower));
            }
        }
    }

    fn call(&self, follower: usize) {
        let (reply, replied) = channel::unbounded();
        let (request, end_index) = {
            let mut state = self.state.lock();
            state.calls += 1;
            let from_index = state.matched[follower];
            let entries = state.log[from_index..].to_vec();
            (Append { from_index, entries, commit_index: state.commit_index, reply }, state.log.len())
        };
        thread::sleep(Duration::from_nanos(self.random(follower as u64) % DELAY_MAX.as_nanos() as u64));
        if self.inboxes[follower].send(request).is_err() || replied.recv_timeout(PATIENCE).is_err() {
            return;
        }
        let mut state = self.state.lock();
        state.matched[follower] = state.matched[follower].max(end_index);
        let mut matched = state.matched;
        matched[LEADER] = state.log.len();
        matched.sort_unstable();
        if matched[SERVERS / 2] > state.commit_index {
            state.commit_index = matched[SERVERS / 2];
            self.has_committed.notify_all();
        }
    }

    fn handle(&self, requests: &Receiver<Append>, disk: &Sender<usize>) {
        for request in requests {
            let mut state = self.state.lock();
            state.heard = Instant::now();
            let written = request.entries.len();
            if request.from_index <= state.log.len() {
                state.log.truncate(request.from_index);
                state.log.extend(request.entries);
            }
            let commit_index = request.commit_index.min(state.log.len());
            if commit_index > state.commit_index {
                state.commit_index = commit_index;
                self.has_committed.notify_all();
            }
            drop(state);
            disk.send(written).expect("the disk thread runs as long as its server");
            if !self.random(0).is_multiple_of(LOSS_ONE_IN) {
                let _ = request.reply.send(()); // the leader may have given up
            }
        }
    }

    fn apply(&self) {
        let mut state = self.state.lock();
        while !state.is_stopped {
            if state.applied < state.commit_index {
                state.applied += 1;
            } else {
                self.has_committed.wait(&mut state);
            }
        }
    }
}
