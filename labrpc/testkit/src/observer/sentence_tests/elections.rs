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
