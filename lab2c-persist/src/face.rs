//! What this lab's disk holds, in the paper's words: for whoever reads it from outside.

use lab2a_election::Ballot;
use labrpc::face::DiskHead;

use crate::durable::Head;

impl From<Head> for DiskHead {
    fn from(Head { ballot, base }: Head) -> Self {
        DiskHead { term: ballot.term, voted_for: ballot.voted_for, base }
    }
}

impl From<DiskHead> for Head {
    fn from(DiskHead { term, voted_for, base }: DiskHead) -> Self {
        Head { ballot: Ballot { term, voted_for }, base }
    }
}
