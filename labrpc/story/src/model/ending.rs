//! Why a run ended, where no two events contradict each other: what did not come, and what threads did.

use serde::{Deserialize, Serialize};

use super::is_default;

/// A wait that was too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// What was waited for.
    #[serde(rename = "for")]
    pub awaited: Awaited,
    /// Since when, in microseconds.
    pub since: u64,
    /// Until when. At this time at the latest it should have come.
    pub until: u64,
    /// The lanes of the servers that were up then and that the others could reach. Empty if it is not about several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<String>,
}

/// What was waited for. In JSON, `what` says which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Awaited {
    /// A leader.
    Leader,
    /// A command is applied as an entry.
    Applied {
        /// The entry's index; `None` if no leader has taken the command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u64>,
        /// How many servers must apply it.
        servers: usize,
    },
    /// A server applies everything through an index.
    CatchUp {
        /// The server's lane.
        at: String,
        /// The index.
        index: u64,
    },
    /// A client's operation returns.
    Answer {
        /// The client's lane; `None` if several wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
    /// A server answers a request.
    Reply {
        /// The server's lane.
        at: String,
        /// The event in which the request arrives, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        e: Option<usize>,
    },
    /// A server sends something.
    Message {
        /// The server's lane.
        at: String,
        /// What it should send, in words.
        message: String,
    },
    /// A method of a server returns.
    Return {
        /// The server's lane.
        at: String,
        /// The method's name.
        method: String,
    },
}

/// A thread at the end of a run that failed because of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Its name: `ticker`. The network's own are `serve`, which handles a request, and `reply`, which handles a reply.
    pub name: String,
    /// The node that it belongs to: `server 2`.
    pub node: String,
    /// The lane of this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The event that it handles, or what it has done last that can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<usize>,
    /// Whether `e` is the arrival of the message that it handles.
    #[serde(default, skip_serializing_if = "is_default")]
    pub handles: bool,
    /// What it did at the end, in words: `panics`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub does: String,
    /// The function and the line where it was, as far as they are known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The locks that it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Lock>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<ThreadWait>,
}

/// A lock that a thread holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The line that made it.
    pub made: String,
    /// The line that took it.
    pub taken: String,
}

/// What a thread waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadWait {
    /// What it is: `Mutex`, `Condvar`, `recv`, `join`, `time`.
    pub on: String,
    /// The line that waits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The line that made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made: String,
    /// Of a lock or an end: the thread that it waits for, by its place in the story's list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read again.
    #[test]
    fn waits_round_trip() {
        let lane = || "1".to_string();
        let waits = [
            Awaited::Leader,
            Awaited::Applied { index: Some(7), servers: 3 },
            Awaited::CatchUp { at: lane(), index: 7 },
            Awaited::Answer { client: None },
            Awaited::Reply { at: lane(), e: Some(4) },
            Awaited::Message { at: lane(), message: "a RequestVote".into() },
            Awaited::Return { at: lane(), method: "start".into() },
        ];
        for awaited in waits {
            let waited = Waited { awaited, since: 1, until: 2, among: vec![lane()] };
            let text = serde_json::to_string(&waited).expect("it is plain");
            assert_eq!(serde_json::from_str::<Waited>(&text).expect("it can be read"), waited, "{text}");
        }
    }
}
