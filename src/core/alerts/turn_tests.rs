//! By table: what is the matter, minute by minute, and what is told of it.

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

fn limits() -> Limits {
    let minutes = TimeDelta::minutes;
    Limits {
        remind: Some(TimeDelta::hours(24)),
        settle: minutes(10),
        source: minutes(20),
        failing_runs: 3,
        workiva_down: minutes(30),
        late: minutes(60),
    }
}

fn condition(kind: Kind, count: u64, since: i64) -> Condition {
    Condition {
        kind,
        source: None,
        since: at(since),
        what: "what".into(),
        to_do: "to do".into(),
        command: "command".into(),
        run_id: None,
        plan_id: None,
        count,
        employee_ids: vec![],
    }
}

/// Plays minutes: at each, how many it concerns (0: it is not the matter). The answer is what was told when.
fn play(kind: Kind, minutes: impl IntoIterator<Item = (i64, u64)>) -> Vec<(i64, &'static str)> {
    let mut alerts = Vec::new();
    let mut told = Vec::new();
    for (minute, count) in minutes {
        let present: Vec<Condition> =
            (count > 0).then(|| condition(kind, count, minute)).into_iter().collect();
        let turn = turn(&alerts, &present, None, &limits(), at(minute));
        told.extend(turn.told.iter().map(|told| (minute, told.event.name())));
        alerts = turn.alerts;
    }
    told
}

#[test]
fn what_lasts_is_told_once_again_each_day_and_when_it_has_been_over_for_a_while() {
    let day = 24 * 60;
    let lasting = (0..=2 * day + 30).step_by(5).map(|minute| (minute, u64::from(minute <= 2 * day + 5)));
    let told = play(Kind::WorkivaDown, lasting);
    assert_eq!(told, [(0, "raised"), (day, "reminded"), (2 * day, "reminded"), (2 * day + 20, "recovered")]);
}

#[test]
fn what_concerns_twice_as_many_is_told_at_once_and_what_goes_up_and_down_is_not() {
    let told = play(
        Kind::ActionsParked,
        [(0, 3), (1, 5), (2, 6), (3, 3), (4, 6), (5, 11), (6, 12), (7, 3), (8, 12)],
    );
    assert_eq!(told, [(0, "raised"), (2, "worse"), (6, "worse")]);
}

#[test]
fn what_comes_and_goes_is_one_alert_and_slower_each_time_to_be_believed_over() {
    let flapping = |period: i64, minutes: i64| {
        (0..minutes).map(move |minute| (minute, u64::from(minute % period < period / 2)))
    };
    assert_eq!(
        play(Kind::SourceIncomplete, flapping(10, 24 * 60)),
        [(0, "raised")],
        "never gone for long enough"
    );
    // Gone for 25 minutes in each hour: after three times that is not long enough any more.
    let told = play(Kind::SourceIncomplete, flapping(50, 23 * 60));
    assert_eq!(
        told,
        [(0, "raised"), (35, "recovered"), (50, "raised"), (95, "recovered"), (100, "raised")],
        "and then it is raised for good"
    );
}

#[test]
fn whoever_is_not_to_be_reminded_is_not() {
    let limits = Limits { remind: None, ..limits() };
    let present = [condition(Kind::AuditBroken, 1, 0)];
    let first = turn(&[], &present, None, &limits, at(0));
    assert_eq!(turn(&first.alerts, &present, None, &limits, at(100_000)).told, []);
}

#[test]
fn once_somebody_has_decided_about_a_held_plan_it_is_over_at_once_and_the_next_one_is_told() {
    let plan = |id: &str| Condition { plan_id: Some(id.into()), ..condition(Kind::HeldPlan, 1, 0) };
    let raised = turn(&[], &[plan("a")], None, &limits(), at(0)).alerts;
    let names = |turn: &Turn| -> Vec<(&str, String)> {
        let name = |told: &Told| (told.event.name(), told.alert.condition.plan_id.clone().unwrap());
        turn.told.iter().map(name).collect()
    };
    let approved = turn(&raised, &[], Some(at(5)), &limits(), at(5));
    assert_eq!(names(&approved), [("recovered", "a".to_owned())]);
    let another = turn(&raised, &[plan("b")], Some(at(5)), &limits(), at(6));
    assert_eq!(names(&another), [("recovered", "a".to_owned()), ("raised", "b".to_owned())]);
    assert_eq!(turn(&another.alerts, &[plan("b")], Some(at(5)), &limits(), at(7)).told, [], "and told once");
    // A newer run put another plan into its place: that is the same matter.
    let replaced = turn(&raised, &[plan("b")], None, &limits(), at(6));
    assert_eq!((names(&replaced), replaced.alerts[0].condition.plan_id.as_deref()), (vec![], Some("b")));
    // It went away by itself: that has to last.
    assert_eq!(names(&turn(&raised, &[], None, &limits(), at(5))), []);
}

#[test]
fn sources_are_matters_of_their_own() {
    let of =
        |source: &str| Condition { source: Some(source.into()), ..condition(Kind::SourceIncomplete, 1, 0) };
    let first = turn(&[], &[of("a")], None, &limits(), at(0));
    let second = turn(&first.alerts, &[of("a"), of("b")], None, &limits(), at(1));
    let told: Vec<_> = second.told.iter().map(|told| told.alert.condition.key()).collect();
    assert_eq!(told, ["source_incomplete:b"]);
}

#[test]
fn a_clock_that_was_ahead_keeps_no_reminder_and_no_recovery_back() {
    let present = [condition(Kind::WorkivaDown, 1, 0)];
    let ahead = turn(&[], &present, None, &limits(), at(1_000_000)).alerts;
    let seen = turn(&ahead, &present, None, &limits(), at(0)).alerts;
    let day = 24 * 60;
    assert_eq!(turn(&seen, &present, None, &limits(), at(day)).told[0].event, Event::Reminded);
    let quiet = turn(&seen, &[], None, &limits(), at(1)).alerts;
    assert_eq!(turn(&quiet, &[], None, &limits(), at(11)).told[0].event, Event::Recovered);
}

#[test]
fn since_when_is_the_first_time_that_it_was_seen() {
    let first = turn(&[], &[condition(Kind::RunsFailing, 1, -30)], None, &limits(), at(0));
    let later = turn(&first.alerts, &[condition(Kind::RunsFailing, 1, 5)], None, &limits(), at(6));
    assert_eq!(later.alerts[0].condition.since, at(-30));
}

#[test]
fn an_alert_that_ended_long_ago_is_forgotten() {
    let raised = turn(&[], &[condition(Kind::WorkivaDown, 1, 0)], None, &limits(), at(0)).alerts;
    let quiet = turn(&raised, &[], None, &limits(), at(0)).alerts;
    let ended = turn(&quiet, &[], None, &limits(), at(10)).alerts;
    assert!(!ended[0].is_raised());
    assert_eq!(turn(&ended, &[], None, &limits(), at(10 + 24 * 60)).alerts, []);
}

#[test]
fn after_a_reminder_of_fewer_as_many_as_ever_are_worse_again() {
    let day = 24 * 60;
    // 100 were told; a day later 10 are left, and that is told; then 25 are more than twice as many.
    let told = play(Kind::ActionsParked, [(0, 100), (60, 10), (day, 10), (day + 5, 19), (day + 10, 25)]);
    assert_eq!(told, [(0, "raised"), (day, "reminded"), (day + 10, "worse")]);
}

#[test]
fn a_held_plan_in_whose_place_is_a_far_worse_one_is_told_at_once_and_one_like_it_is_not() {
    let plan =
        |id: &str, count| Condition { plan_id: Some(id.into()), ..condition(Kind::HeldPlan, count, 0) };
    let raised = turn(&[], &[plan("a", 30)], None, &limits(), at(0)).alerts;
    let like_it = turn(&raised, &[plan("b", 35)], None, &limits(), at(5));
    assert_eq!(like_it.told, []);
    let worse = turn(&like_it.alerts, &[plan("c", 60)], None, &limits(), at(10));
    let told: Vec<_> =
        worse.told.iter().map(|told| (told.event, told.alert.condition.plan_id.clone())).collect();
    assert_eq!(told, [(Event::Worse, Some("c".to_owned()))]);
    assert_eq!(turn(&worse.alerts, &[plan("d", 60)], None, &limits(), at(15)).told, []);
}
