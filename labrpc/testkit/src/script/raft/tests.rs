//! The scripted Raft keeps the promises of a real one.

use labrpc::Replicate;

use super::*;
use crate::contract::TEST_TIMING;
use crate::script::put;

static SERVERS: Contract = Contract::new(TEST_TIMING).with_clerks();

fn start(raft: &ScriptedRaft, command: &Command) -> LogPosition {
    raft.start(SERVERS.write_logged(command).into()).expect("it leads")
}

/// A command is applied at the position that `start` has returned, and another one in its place at another position: a
/// service may find its requests by position.
#[test]
fn a_position_belongs_to_one_command() {
    let raft = ScriptedRaft::new(&SERVERS);
    let apply_rx = raft.apply_rx();
    let commit = |index, command: &Command| {
        raft.commit(index, command);
        match apply_rx.recv() {
            Ok(ApplyMsg::Command { at, .. }) => at,
            other => panic!("a command was applied, and not {other:?}"),
        }
    };
    let (own, other) = (put(0, 1, "k", "v"), put(1, 1, "k", "w"));
    let first = start(&raft, &own);
    assert_eq!(commit(first.index, &own), first);
    let second = start(&raft, &own);
    assert_ne!(commit(second.index, &other), second, "the service does not know yet that its term is over");
    let third = start(&raft, &own);
    raft.set_status(2, false);
    assert_ne!(commit(third.index, &other), third, "another leader has replaced it");
    raft.set_status(3, true);
    let fourth = start(&raft, &own);
    assert_eq!((fourth.term, commit(fourth.index, &own)), (3, fourth));
}
