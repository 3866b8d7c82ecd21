//! Who leads, and in which term (lab 2A).

use std::collections::BTreeMap;
use std::time::Duration;

use labrpc::{PeerId, Status, Term, thread};

use super::untyped::UntypedCluster;
use crate::rule::election::{LEADER_IN_TIME, MAJORITY, ONE_LEADER, STABLE};
use crate::rule::life::STUCK;
use crate::script::about;
use crate::waited::{Awaited, Wait, waited_for};

/// MIT's lab text asks for a new leader within five seconds.
const ELECTION_PATIENCE: Duration = Duration::from_secs(5);
/// The time between two looks for a leader.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

impl UntypedCluster {
    /// What a server believes about itself; `None` if it is down.
    ///
    /// # Panics
    ///
    /// When it does not return.
    #[track_caller]
    pub fn status(&self, server: PeerId) -> Option<Status> {
        self.visit_promptly(server, "status", &STUCK, |running| running.elect.status())
    }

    /// Waits until a reachable server leads, and returns it. If several lead, it is the one of the
    /// latest term; two leaders of the same term break Election Safety (§5.2).
    ///
    /// # Panics
    ///
    /// When no server leads within five seconds.
    #[track_caller]
    pub fn one_leader(&self) -> PeerId {
        let mut waited = Duration::ZERO;
        loop {
            thread::sleep(LOOK_INTERVAL);
            waited += LOOK_INTERVAL;
            self.look_for_overdue();
            self.world().raise_reported();
            if let Some((_, leader)) = self.leaders().last_key_value() {
                return *leader;
            }
            if waited >= ELECTION_PATIENCE {
                about(&LEADER_IN_TIME);
                waited_for(Wait::new(Awaited::Leader, waited).among(self.reachable()));
                panic!("no leader within {ELECTION_PATIENCE:?} (§5.2); of the reachable servers, {}", self.terms());
            }
        }
    }

    /// The reachable servers that say they lead, by term.
    ///
    /// # Panics
    ///
    /// When two of them lead the same term.
    #[track_caller]
    pub fn leaders(&self) -> BTreeMap<Term, PeerId> {
        let mut leaders = BTreeMap::new();
        for (server, status) in self.statuses() {
            if status.is_leader
                && let Some(other) = leaders.insert(status.term, server)
            {
                about(&ONE_LEADER);
                panic!("servers {other} and {server} both lead term {} (Election Safety, §5.2)", status.term);
            }
        }
        leaders
    }

    fn statuses(&self) -> Vec<(PeerId, Status)> {
        let reachable = self.reachable().into_iter();
        reachable.filter_map(|server| Some((server, self.status(server)?))).collect()
    }

    /// For a message: `server 0 is in term 4, server 2 is in term 5`.
    fn terms(&self) -> String {
        let terms =
            self.statuses().into_iter().map(|(server, status)| format!("server {server} is in term {}", status.term));
        terms.collect::<Vec<String>>().join(", ")
    }

    /// Checks that no reachable server says it leads.
    ///
    /// # Panics
    ///
    /// When one does.
    #[track_caller]
    pub fn no_leader(&self) {
        if !self.leaders().is_empty() {
            about(&MAJORITY);
            panic!("no majority can communicate, but {} (§5.2)", self.who_leads());
        }
    }

    /// For a message: `server 3 leads term 7`.
    pub(super) fn who_leads(&self) -> String {
        let leaders = self.leaders().into_iter().map(|(term, server)| format!("server {server} leads term {term}"));
        let leaders: Vec<String> = leaders.collect();
        if leaders.is_empty() { "no server leads".into() } else { leaders.join(", ") }
    }

    /// The term that all reachable servers are in.
    ///
    /// # Panics
    ///
    /// When they are not all in the same term.
    #[track_caller]
    pub fn one_term(&self) -> Term {
        let statuses = self.statuses();
        let term = statuses.first().expect("a server is reachable").1.term;
        if statuses.iter().any(|(_, status)| status.term != term) {
            about(&STABLE);
            panic!("the servers are connected and idle, but {}", self.terms());
        }
        term
    }
}
