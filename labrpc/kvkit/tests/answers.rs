//! Recorded answers are checked, and a contradiction is reported under the right rule.

use std::time::Duration;

use kvkit::KvCluster;
use labrpc::KvClient;
use labrpc::network::Service;
use labrpc::wire::WireError;
use labrpc::{Elect, PeerId, Status, time};
use testkit::{Booted, Lab, World};

static LAB: Lab =
    Lab { package: "kvkit", points: "an_answer_that_no_order_explains_breaks_a_rule 0 1\n", contract: None };

const A_MOMENT: Duration = Duration::from_millis(1);

/// A server that does nothing.
struct Idle;

impl Elect for Idle {
    fn status(&self) -> Status {
        Status { term: 1, is_leader: false }
    }
    fn watch(&self, _: Status) -> Option<Status> {
        None
    }
    fn shutdown(&self) {}
}

impl Service for Idle {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

/// A clerk that invents its answers: every Get returns the same value.
struct Inventive(&'static str);

impl KvClient for Inventive {
    fn get(&mut self, _: &str) -> String {
        time::sleep(A_MOMENT);
        self.0.to_string()
    }
    fn put(&mut self, _: &str, _: &str) {
        time::sleep(A_MOMENT);
    }
    fn append(&mut self, _: &str, _: &str) {
        time::sleep(A_MOMENT);
    }
}

/// The rule that is broken when one clerk writes "1" and another then reads `answer`.
fn broken_by(world: &World, answer: &'static str) -> Option<&'static str> {
    let store = KvCluster::new(world, 1, |_| Booted::raft(Idle), move |_, _| Inventive(answer));
    store.clerk().put("x", "1");
    store.clerk().get("x");
    store.violation().map(|violation| violation.rule.name)
}

/// An answer that no order of the operations explains is reported with the rule's name.
#[test]
fn an_answer_that_no_order_explains_breaks_a_rule() {
    LAB.test(|world| {
        assert_eq!(broken_by(world, "1"), None);
        assert_eq!(broken_by(world, ""), Some("linearizable"));
    });
}
