//! Who leads, and when a server campaigns.

use super::*;

/// A candidate with a majority of votes that never leads is told as such, and not as a leader that sends nothing or steps
/// down.
#[test]
fn a_candidate_that_wins_and_does_not_lead_is_told_as_such() {
    let won = |then: &(dyn Fn(&Play) + Send + Sync)| {
        broken_in(
            &IN_MEMORY,
            |server| server == 0,
            |play| {
                play.elect(1, LogPosition::ZERO);
                then(play);
            },
        )
        .expect("it does not lead")
    };
    let campaigns = |play: &Play| {
        (1..SERVERS).for_each(|other| {
            let request = RaftRequest::RequestVote(RequestVote { term: 2, candidate: 0, last_log: LogPosition::ZERO });
            play.exchange(0, other, request, None);
        });
    };
    let (rule, text) = won(&|play: &Play| {
        thread::sleep(Duration::from_millis(500));
        campaigns(play);
    });
    assert_eq!(rule, "majority-of-votes", "{text}");
    assert!(text.contains("the votes of a majority for term 1, and never led it"), "{text}");
    let (rule, text) = won(&|play: &Play| {
        thread::sleep(Duration::from_millis(200));
        play.observer.waited();
    });
    assert_eq!(rule, "first-heartbeat", "{text}");
    assert!(text.contains("the votes of a majority for term 1, and has sent nobody"), "{text}");
}

/// A server that boots again waits for a whole timeout before it campaigns.
#[test]
fn a_server_that_campaigns_at_its_boot_is_told_as_such() {
    let campaigns_after = |millis: u64| {
        broken_in(
            &ON_DISK,
            |server| server == 0,
            move |play| {
                let disk = |term, voted_for| {
                    let head = Head { ballot: Ballot { term, voted_for }, base: LogPosition::ZERO };
                    Image { head: wire::encode(&head).into(), ..Image::default() }
                };
                play.observer.replaced_disk(0);
                play.observer.booted(0, sim::new_node("server"), Some(&disk(3, None)));
                thread::sleep(Duration::from_millis(millis));
                let persister = Persister::from_image(0, disk(3, None));
                persister.set_tap(Arc::new(play.observer.clone()));
                persister.save(Save { head: disk(4, Some(0)).head, ..Save::default() });
                let request =
                    RaftRequest::RequestVote(RequestVote { term: 4, candidate: 0, last_log: LogPosition::ZERO });
                (1..SERVERS).for_each(|other| play.exchange(0, other, request.clone(), None));
            },
        )
    };
    let (rule, text) = campaigns_after(1).expect("no timeout is that short");
    assert_eq!(rule, "election-timer", "{text}");
    assert!(text.contains("server 0 boots, and begins to wait"), "{text}");
    assert_eq!(campaigns_after(500), None);
}

/// A server that hears from its leader may ignore candidates, whichever of the two it answers first (§6).
#[test]
fn a_candidate_may_be_ignored_before_the_leader_is_answered() {
    let denies_in_term = |led: Term| {
        move |play: &Play| {
            let travels = |from, request: RaftRequest| {
                let message = play.message(from, 0, Port::Raft, None, wire::encode(&request));
                play.travels(&message);
                message.number
            };
            let replies = |to, number, reply: RaftReply| {
                play.travels(&play.message(0, to, Port::Raft, Some(number), wire::encode(&reply)));
            };
            let (prev, entries) = (LogPosition::ZERO, vec![]);
            let append = AppendEntries { term: led, leader: 1, prev, entries, leader_commit: 0 };
            let vote = RequestVote { term: 6, candidate: 2, last_log: LogPosition::ZERO };
            let heartbeat = travels(1, RaftRequest::AppendEntries(append));
            let candidate = travels(2, RaftRequest::RequestVote(vote));
            replies(2, candidate, denies(5));
            replies(1, heartbeat, agrees(5, 0));
        }
    };
    let rule = |led| broken_in(&IN_MEMORY, |server| server == 0, denies_in_term(led)).map(|(rule, _)| rule);
    assert_eq!(rule(5), None);
    assert_eq!(rule(4), Some("newer-term-adopted"));
}
