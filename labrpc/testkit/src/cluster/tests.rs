//! What is said of a server whose methods do not return.

use std::time::Duration;

use labrpc::network::Service;
use labrpc::sim::Keep;
use labrpc::wire::WireError;
use labrpc::{Elect, PeerId, Status, thread};

use super::{Booted, Cluster};
use crate::rule::election::VOTE_ONCE;
use crate::runner::{Lab, Recorded, run_simulated};
use crate::token::Token;
use crate::world::World;

/// A server of which one method never returns.
#[derive(Clone, Copy)]
struct Sleepy(&'static str);

impl Sleepy {
    fn boot(method: &'static str) -> Sleepy {
        let server = Sleepy(method);
        server.enter("boot");
        server
    }

    fn enter(self, method: &str) {
        if self.0 == method {
            loop {
                thread::sleep(Duration::from_millis(500));
            }
        }
    }
}

impl Elect for Sleepy {
    fn status(&self) -> Status {
        self.enter("status");
        Status { term: 0, is_leader: false }
    }
    fn watch(&self, _: Status) -> Option<Status> {
        None
    }
    fn shutdown(&self) {
        self.enter("shutdown");
    }
}

impl Service for Sleepy {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

/// The rule that is named, and the report, if this method does not return.
fn told(method: &'static str) -> Option<(&'static str, String)> {
    let token = Token::of_seed("sleepy", 1);
    let body = |world: &World| {
        let cluster = Cluster::new(world, 1, move |_| Booted::raft(Sleepy::boot(method)));
        cluster.status(0);
        cluster.shut_down(0);
    };
    let failed = run_simulated(&token, Keep::All, Recorded::Nothing, None, &body).0.err()?;
    Some((failed.rule(Some(&VOTE_ONCE))?.name, failed.story(Some(&VOTE_ONCE), &Lab::guided("lab2a-election"))))
}

/// A method that does not return is named, with a rule of its own in place of the test's.
#[test]
fn what_does_not_return_is_named() {
    for (method, expected) in [("boot", "boot-returns"), ("status", "never-stuck"), ("shutdown", "never-stuck")] {
        let (rule, story) = told(method).expect("it does not return");
        assert_eq!(rule, expected, "{story}");
        assert!(story.contains(&format!("`{method}` of server 0 has not returned after 5s")), "{story}");
    }
    assert!(told("no method").is_none());
}
