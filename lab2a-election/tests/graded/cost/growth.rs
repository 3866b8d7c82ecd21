//! What must not grow, however often something has happened: threads, idle messages, memory.

use std::time::Duration;

use testkit::cost::Growth;
use testkit::rule::life::BOUNDED;
use testkit::script::ScriptedCluster;

use crate::lab::{LAB, boot};

/// A request that waits for its answer may take memory, and how many wait differs from moment to moment.
const WAITING_BYTES_EACH: u64 = 100;

/// A server that has led often is like one that leads for the first time.
#[test]
fn leaderships_leave_nothing_behind_2a() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::new(world, 3, boot);
        script.agree_to_everything();
        Growth::with_each("leadership", script.cluster()).repeat(10, |_| {
            script.lead_anew();
            script.discard_requests();
        });
    });
}

/// A campaign that nobody answers leaves nothing behind.
#[test]
fn lost_campaigns_leave_nothing_behind_2a() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::new(world, 5, boot);
        let growth = Growth::with_each("lost campaign", script.cluster()).never_idle();
        growth.heap(&BOUNDED, WAITING_BYTES_EACH).repeat(10, |_| {
            let term = script.status().term;
            script.expect_campaign_after(term);
        });
    });
}

/// Requests that were answered leave nothing behind, whether they were granted or refused.
#[test]
fn answered_requests_leave_nothing_behind_2a() {
    LAB.simulated(|world| {
        let script = ScriptedCluster::new(world, 3, boot);
        // No leader has sent anything, so no candidate comes too early.
        Growth::with_each("request for a vote", script.cluster()).never_idle().repeat(80, |nth| {
            let term = nth + 2;
            script.candidate(2).in_term(term).asks_for_vote().expect_vote("nobody has the vote yet");
            script.candidate(1).in_term(term).asks_for_vote().expect_no_vote("server 2 has the vote");
            script.candidate(1).in_term(term - 1).asks_for_vote().expect_no_vote_in_any_term("that term is over");
        });
        Growth::with_each("heartbeat", script.cluster()).never_idle().repeat(80, |nth| {
            let term = 1_000 + 2 * nth;
            script.leader(2).in_term(term).heartbeat().expect_same_term("a server adopts a leader's newer term");
            script.leader(1).in_term(term - 1).heartbeat().expect_stale(term, "a newer term has begun");
        });
    });
}

/// An outage leaves nothing behind, however often there was one before.
#[test]
fn outages_leave_nothing_behind_2a() {
    LAB.simulated(|world| {
        const OUTAGE: Duration = Duration::from_millis(500);
        let script = ScriptedCluster::new(world, 3, boot);
        script.agree_to_everything();
        script.lead_anew();
        Growth::with_each("outage", script.cluster()).heap(&BOUNDED, WAITING_BYTES_EACH).repeat(10, |_| {
            [1, 2].into_iter().for_each(|peer| script.network().set_cut(0, peer, true));
            labrpc::thread::sleep(OUTAGE);
            [1, 2].into_iter().for_each(|peer| script.network().set_cut(0, peer, false));
            script.discard_requests();
        });
    });
}
