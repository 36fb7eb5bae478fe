use chrono::{DateTime, TimeDelta, Utc};

use super::super::verdict::{REFUSES_CHANGES, SHOWS_NOBODY_OF_OURS};
use super::*;

const READ: bool = true;
const WRITE: bool = false;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn trouble(cause: Cause) -> Trouble {
    Trouble { cause, message: format!("{cause:?}") }
}

fn breaker() -> Breaker {
    Breaker::new(RetrySettings::default())
}

fn fail(breaker: &mut Breaker, who: i64, is_read: bool) -> Blame {
    breaker.failed(Some(who), is_read, trouble(Cause::Failing), at(0), 0.0)
}

/// One that was opened by the reads of several actions.
fn open() -> Breaker {
    let mut breaker = breaker();
    for who in 1..=5 {
        fail(&mut breaker, who, READ);
    }
    assert_eq!(breaker.phase(), Phase::Open);
    breaker
}

fn half_open() -> Breaker {
    let mut breaker = open();
    breaker.probed(None, at(1), 0.0);
    assert_eq!((breaker.phase(), breaker.pause()), (Phase::HalfOpen, None));
    breaker
}

#[test]
fn failures_in_a_row_open_it_and_none_of_them_counts() {
    let mut breaker = breaker();
    let blames: Vec<Blame> = (1..=7).map(|who| fail(&mut breaker, who, READ)).collect();
    use Blame::*;
    assert_eq!(blames, [Unclear, Unclear, Unclear, Unclear, Workiva, Workiva, Workiva]);
    assert_eq!(breaker.phase(), Phase::Open);
    // Not even later, when it is over.
    breaker.probed(None, at(1), 0.0);
    breaker.succeeded(READ);
    assert!((1..=7).all(|who| !breaker.counts(who, Unclear)));
}

/// Fails, and tells whether an attempt counts.
fn attempt(breaker: &mut Breaker, who: i64) -> bool {
    let blame = fail(breaker, who, WRITE);
    breaker.counts(who, blame)
}

#[test]
fn an_attempt_counts_once_a_success_shows_that_workiva_works_and_then_it_counts_once() {
    let mut breaker = breaker();
    assert!(!attempt(&mut breaker, 1));
    assert!(!attempt(&mut breaker, 1), "nobody knows yet");
    breaker.succeeded(WRITE);
    assert!(attempt(&mut breaker, 1), "those before were its own");
    assert!(!attempt(&mut breaker, 1));
    breaker.succeeded(WRITE);
    breaker.forget(1);
    assert!(!attempt(&mut breaker, 1), "it had ended");
}

#[test]
fn users_who_alone_fail_while_workiva_works_use_up_their_attempts() {
    let mut breaker = breaker();
    let mut counted = 0;
    for _ in 0..18 {
        counted += u32::from(attempt(&mut breaker, 7));
        breaker.probed(None, at(1), 0.0);
    }
    // In the dark at first; from then on all but those that open it again.
    assert_eq!(counted, 1 + 5 + 5);
}

#[test]
fn an_outage_that_a_process_before_this_one_knew_of_is_asked_about_at_once_and_goes_on() {
    let mut known = open();
    known.probed(Some(trouble(Cause::Failing)), at(1), 0.0);
    let known = known.pause().unwrap().clone();
    let mut breaker = breaker();
    breaker.resume(known.clone(), at(60));
    let pause = breaker.pause().unwrap().clone();
    assert_eq!((pause.since, pause.until, pause.streak), (at(0), at(60), 0));
    breaker.probed(Some(trouble(Cause::Failing)), at(61), 0.0);
    assert_eq!((breaker.phase(), breaker.pause().unwrap().since), (Phase::Open, at(0)));
    breaker.probed(None, at(62), 0.0);
    assert_eq!(fail(&mut breaker, 1, READ), Blame::Action);
    assert_eq!(breaker.phase(), Phase::Open, "nobody remembers who failed before");
    let until = breaker.pause().unwrap().until;
    breaker.resume(known, at(70));
    assert_eq!(breaker.pause().unwrap().until, until, "an outage of its own is not forgotten");
}

#[test]
fn a_success_of_anybody_else_between_makes_it_one_users_own_trouble() {
    let mut breaker = breaker();
    for _ in 0..50 {
        for who in 1..=4 {
            assert_eq!(fail(&mut breaker, who, WRITE), Blame::Unclear);
        }
        breaker.succeeded(WRITE);
    }
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn three_failures_to_connect_are_enough_and_redirects_and_a_lost_network_are_nobodys_own() {
    let mut breaker = breaker();
    for _ in 0..2 {
        breaker.failed(Some(1), READ, trouble(Cause::Unreachable), at(0), 0.0);
    }
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.failed(Some(1), READ, trouble(Cause::Unreachable), at(0), 0.0), Blame::Workiva);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_the_cap_and_the_outage_began_when_it_began() {
    let mut breaker = open();
    let mut waits = Vec::new();
    for _ in 0..12 {
        let pause = breaker.pause().unwrap().clone();
        assert_eq!(pause.since, at(0));
        breaker.probed(Some(trouble(Cause::Failing)), pause.until, 1.0);
        waits.push((breaker.pause().unwrap().until - pause.until).num_seconds());
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
    assert_eq!(breaker.pause().unwrap().streak, 13);
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing_if_it_fails_and_half_opens_it_if_it_succeeds() {
    let mut breaker = open();
    let before = breaker.pause().unwrap().clone();
    assert_eq!(breaker.failed(Some(9), READ, trouble(Cause::Unreachable), at(3), 0.9), Blame::Workiva);
    assert_eq!(*breaker.pause().unwrap(), before);
    breaker.succeeded(READ);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn after_an_answered_probe_one_success_closes_it() {
    let mut breaker = half_open();
    breaker.succeeded(READ);
    assert_eq!((breaker.phase(), breaker.outage()), (Phase::Closed, None));
}

#[test]
fn a_trial_that_fails_opens_it_for_longer_and_counts_as_the_actions_own() {
    let mut breaker = half_open();
    assert_eq!(fail(&mut breaker, 1, READ), Blame::Action);
    let pause = breaker.pause().unwrap();
    assert_eq!((pause.streak, pause.since), (2, at(0)));
    assert_eq!(pause.until, at(1), "half of two seconds at least");
}

#[test]
fn a_trial_that_finds_no_connection_costs_the_action_nothing() {
    let mut breaker = half_open();
    assert_eq!(breaker.failed(Some(1), READ, trouble(Cause::Unreachable), at(1), 0.0), Blame::Workiva);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn one_user_who_alone_fails_holds_nobody_up_once_workiva_was_seen_to_work() {
    let mut breaker = breaker();
    for _ in 0..5 {
        fail(&mut breaker, 7, WRITE);
    }
    assert_eq!(breaker.phase(), Phase::Open, "nobody knows yet that it is this user alone");
    breaker.probed(None, at(1), 0.0);
    assert_eq!(fail(&mut breaker, 7, WRITE), Blame::Action);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_handful_of_users_who_alone_fail_hold_nobody_up_either_and_more_are_an_outage() {
    for (users, phase) in [(3, Phase::Closed), (4, Phase::Open)] {
        let mut breaker = breaker();
        for number in 0..5 {
            fail(&mut breaker, number % users, WRITE);
        }
        breaker.probed(None, at(1), 0.0);
        assert_eq!(fail(&mut breaker, 0, WRITE), Blame::Action);
        assert_eq!(breaker.phase(), phase, "{users} users");
    }
}

#[test]
fn only_probes_that_fail_in_a_row_say_that_workiva_cannot_be_had_at_all() {
    let mut breaker = open();
    breaker.probed(Some(trouble(Cause::Failing)), at(1), 0.0);
    breaker.probed(Some(trouble(Cause::Failing)), at(2), 0.0);
    assert_eq!(breaker.pause().unwrap().failed_probes, 2);
    breaker.probed(None, at(3), 0.0);
    fail(&mut breaker, 1, READ);
    let pause = breaker.pause().unwrap();
    assert_eq!((pause.failed_probes, pause.streak), (0, 4));
}

#[test]
fn where_writes_alone_fail_a_read_that_goes_well_is_no_recovery() {
    let mut breaker = breaker();
    for who in 1..=5 {
        breaker.succeeded(READ);
        fail(&mut breaker, who, WRITE);
    }
    assert_eq!(breaker.phase(), Phase::Open);
    breaker.probed(None, at(1), 0.0);
    breaker.succeeded(READ);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    breaker.succeeded(WRITE);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn refused_credentials_open_it_at_once_for_longer_and_no_late_success_closes_it() {
    let mut breaker = breaker();
    assert_eq!(breaker.failed(Some(1), READ, trouble(Cause::Credentials), at(0), 0.0), Blame::Workiva);
    breaker.succeeded(WRITE);
    let pause = breaker.pause().unwrap();
    assert!(pause.credentials && pause.until >= at(0) + TimeDelta::seconds(15), "{pause:?}");
    let mut down = open();
    down.failed(None, READ, trouble(Cause::Credentials), at(0), 0.0);
    assert!(down.pause().unwrap().credentials, "what the operator has to mend goes first");
}

#[test]
fn answers_that_want_to_be_left_alone_are_an_outage_only_where_there_are_many_and_no_other() {
    let mut breaker = breaker();
    let throttled = |breaker: &mut Breaker, is_read: bool, times: u32| {
        for _ in 0..times {
            let blame = breaker.failed(Some(1), is_read, trouble(Cause::Throttled), at(0), 0.0);
            let is_out = breaker.phase() == Phase::Open;
            assert_eq!(blame, if is_out { Blame::Workiva } else { Blame::Action });
        }
        breaker.phase()
    };
    for is_read in [READ, WRITE] {
        assert_eq!(throttled(&mut breaker, READ, THROTTLED_IN_A_ROW - 1), Phase::Closed);
        breaker.succeeded(is_read);
    }
    assert_eq!(throttled(&mut breaker, WRITE, THROTTLED_IN_A_ROW - 1), Phase::Closed);
    breaker.succeeded(WRITE);
    assert_eq!(throttled(&mut breaker, WRITE, THROTTLED_IN_A_ROW - 1), Phase::Closed);
    breaker.succeeded(READ);
    assert_eq!(
        throttled(&mut breaker, WRITE, 1),
        Phase::Open,
        "a read that goes well shows nothing of writes"
    );
    breaker.probed(None, at(60), 0.0);
    assert_eq!(throttled(&mut breaker, WRITE, 1), Phase::Open);
    breaker.probed(None, at(60), 0.0);
    breaker.succeeded(READ);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    breaker.succeeded(WRITE);
    assert_eq!(breaker.phase(), Phase::Closed);
    for who in 1..=5 {
        fail(&mut breaker, who, READ);
    }
    breaker.probed(None, at(60), 0.0);
    assert_eq!(throttled(&mut breaker, WRITE, 1), Phase::HalfOpen, "it has answered, and the gate waits");
}

fn refuse(breaker: &mut Breaker, who: i64) -> Blame {
    breaker.failed(Some(who), WRITE, trouble(Cause::Refused), at(0), 0.0)
}

#[test]
fn changes_that_are_refused_to_more_than_a_handful_and_accepted_of_nobody_are_an_outage() {
    let mut breaker = breaker();
    use Blame::*;
    assert_eq!([1, 1, 2, 3].map(|who| refuse(&mut breaker, who)), [Unclear; 4]);
    breaker.succeeded(READ);
    assert_eq!(refuse(&mut breaker, 4), Workiva, "that users can be read shows nothing");
    let waits: Vec<u32> = (1..=5)
        .map(|_| {
            breaker.probed(None, at(1), 0.0);
            breaker.succeeded(READ);
            assert_eq!((breaker.phase(), refuse(&mut breaker, 5)), (Phase::HalfOpen, Workiva));
            breaker.pause().unwrap().failed_trials
        })
        .collect();
    assert_eq!(waits, [1, 2, 3, 4, 5]);
    breaker.probed(None, at(1), 0.0);
    breaker.succeeded(WRITE);
    assert_eq!((breaker.phase(), breaker.outage()), (Phase::Closed, None));
}

#[test]
fn a_change_that_is_refused_while_others_are_accepted_is_that_users_own() {
    let mut breaker = breaker();
    assert_eq!(refuse(&mut breaker, 1), Blame::Unclear);
    breaker.succeeded(WRITE);
    assert_eq!(refuse(&mut breaker, 1), Blame::Action);
    for who in 2..=4 {
        assert_eq!(refuse(&mut breaker, who), Blame::Unclear);
        breaker.succeeded(WRITE);
    }
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.forget(1);
    assert_eq!(refuse(&mut breaker, 1), Blame::Unclear, "it had ended");
}

#[test]
fn a_process_that_finds_changes_refused_by_one_before_it_tries_one_user_at_a_time() {
    let mut before = breaker();
    for who in 1..=4 {
        before.failed(Some(who), WRITE, refused(), at(0), 0.0);
    }
    let mut breaker = breaker();
    breaker.resume(before.pause().unwrap().clone(), at(1));
    breaker.probed(None, at(1), 0.0);
    assert_eq!(breaker.failed(Some(1), WRITE, refused(), at(1), 0.0), Blame::Workiva);
    assert_eq!(breaker.phase(), Phase::Open);
}

fn refused() -> Trouble {
    Trouble { cause: Cause::Refused, message: REFUSES_CHANGES.into() }
}

#[test]
fn another_outage_is_over_once_a_change_is_refused() {
    let mut breaker = half_open();
    assert_eq!((refuse(&mut breaker, 1), breaker.phase()), (Blame::Unclear, Phase::Closed));
}

#[test]
fn a_server_that_answers_its_probe_and_nothing_else_but_429_is_asked_more_and_more_seldom() {
    let mut breaker = breaker();
    let ask = |breaker: &mut Breaker| breaker.failed(Some(1), WRITE, trouble(Cause::Throttled), at(0), 0.0);
    for _ in 0..30 {
        ask(&mut breaker);
    }
    let waits: Vec<i64> = (0..9)
        .map(|_| {
            let pause = breaker.pause().unwrap().clone();
            breaker.probed(None, at(1), 0.0);
            assert_eq!(ask(&mut breaker), Blame::Workiva);
            (pause.until - at(0)).num_milliseconds()
        })
        .collect();
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000]);
    assert_eq!(breaker.pause().unwrap().failed_trials, 9);
}

#[test]
fn one_look_at_a_tenant_in_which_nobody_is_ours_opens_it_and_the_probe_tells_also_to_the_next_process() {
    let stranger = || Trouble { cause: Cause::Stranger, message: SHOWS_NOBODY_OF_OURS.into() };
    let mut one = breaker();
    assert_eq!(one.failed(None, READ, stranger(), at(0), 0.0), Blame::Workiva);
    let mut next = breaker();
    next.resume(one.pause().unwrap().clone(), at(60));
    for mut breaker in [one, next] {
        for failed in 1..=5 {
            breaker.probed(Some(stranger()), at(60 * i64::from(failed)), 0.0);
            assert_eq!(breaker.pause().unwrap().failed_probes, failed);
        }
        breaker.probed(None, at(600), 0.0);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        // Behind a probe that was answered, the trial finds it so again.
        breaker.failed(None, READ, stranger(), at(601), 0.0);
        assert_eq!(breaker.pause().unwrap().failed_trials, 1);
        breaker.probed(None, at(700), 0.0);
        breaker.succeeded(READ);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}
