//! What is on disk, and what a leader sends.

use super::*;

/// A server that saves an entry with another command than it sends is named for its disk, and not for two entries with
/// one position. So is a follower that saves another command than it was sent.
#[test]
fn a_command_that_the_disk_changes_is_told_as_such() {
    let saves = |saver: PeerId, are_real: bool, command: &'static [u8]| {
        move |play: &Play| {
            let head = Head { ballot: Ballot { term: 1, voted_for: Some(0) }, base: LogPosition::ZERO };
            let head: Bytes = wire::encode(&head).into();
            let disks = [0, 1].map(|server| {
                let disk = Persister::new(server);
                disk.set_tap(Arc::new(play.observer.clone()));
                disk.save(Save { head: head.clone(), ..Save::default() });
                disk
            });
            let save = |server: PeerId| {
                if !are_real && server != saver {
                    return;
                }
                let command = Bytes::from(if server == saver { command } else { &b"\xff"[..] });
                let append = vec![wire::encode(&Entry { term: 1, command }).into()];
                disks[server].save(Save { head: head.clone(), append, ..Save::default() });
            };
            play.elect(1, LogPosition::ZERO);
            save(0);
            let entries = vec![Entry { term: 1, command: Bytes::from(&b"\xff"[..]) }];
            let append = AppendEntries { term: 1, leader: 0, prev: LogPosition::ZERO, entries, leader_commit: 0 };
            let request = play.message(0, 1, Port::Raft, None, wire::encode(&RaftRequest::AppendEntries(append)));
            play.travels(&request);
            save(1);
            play.travels(&play.message(1, 0, Port::Raft, Some(request.number), wire::encode(&agrees(1, 1))));
        }
    };
    for (saver, are_real) in [(0, true), (0, false), (1, true), (1, false)] {
        let is_real = move |server| are_real || server == saver;
        let (rule, text) =
            broken_in(&ON_DISK, is_real, saves(saver, are_real, b"?")).expect("it saves another command");
        assert_eq!(rule, "saved-log-is-the-log", "{text}");
        assert!(text.contains(&format!("erver {saver} ")), "{text}");
        assert_eq!(broken_in(&ON_DISK, is_real, saves(saver, are_real, b"\xff")), None);
    }
}

/// A leader whose log is cut sends its snapshot to a follower that has refused something in its term, or if it has cut
/// more than it had when it campaigned.
#[test]
fn a_snapshot_that_nobody_asked_for_is_told_as_such() {
    let sends = |refused: Option<Index>, through: Index| {
        broken(move |play: &Play| {
            play.elect(2, at(4, 1));
            play.append((0, 1), 2, at(4, 1), Vec::new(), refused.map_or(agrees(2, 4), |from| refuses(2, from)));
            let (last_included, snapshot) = (at(through, 1), Bytes::default());
            for follower in 1..SERVERS {
                let install = InstallSnapshot { term: 2, leader: 0, last_included, snapshot: snapshot.clone() };
                play.exchange(0, follower, RaftRequest::InstallSnapshot(install), None);
            }
        })
    };
    let (rule, text) = sends(Some(2), 3).expect("server 2 has refused nothing");
    assert_eq!(rule, "snapshot-traffic", "{text}");
    assert!(text.contains("server 2 has refused nothing in term 2"), "{text}");
    assert_eq!(sends(None, 5), None);
}
