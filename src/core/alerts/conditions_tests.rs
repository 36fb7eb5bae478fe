//! By table: what is known, and what is the matter by that.

use super::*;
use crate::core::alerts::{KeptFacts, LateFacts, ParkedFacts, Unconnected};
use crate::core::guard::HoldReason;
use crate::core::report::Counts;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

fn limits() -> Limits {
    let minutes = TimeDelta::minutes;
    Limits {
        remind: None,
        settle: minutes(10),
        source: minutes(20),
        failing_runs: 3,
        workiva_down: minutes(30),
        late: minutes(60),
    }
}

fn run(minute: i64, is_incomplete: bool) -> TroubledRun {
    TroubledRun { run_id: format!("run-{minute}"), started_at: at(minute), is_incomplete }
}

fn outage(credentials: bool, since: i64) -> Option<Pause> {
    let message = "Workiva said: no such user ana@example.com".to_owned();
    Some(Pause {
        credentials,
        message,
        since: at(since),
        until: at(100),
        streak: 3,
        failed_probes: 3,
        failed_trials: 0,
    })
}

/// What is the matter at minute 60, by key.
fn keys(facts: &Facts) -> Vec<String> {
    conditions(facts, &limits(), at(60)).iter().map(Condition::key).collect()
}

#[test]
fn each_fact_is_the_matter_once_it_has_lasted_for_its_limit() {
    let none = Facts::default;
    let source = |failing: Option<i64>, due: Option<i64>| SourceHealth {
        source: "staff".into(),
        failing_since: failing.map(at),
        due_since: due.map(at),
        ..SourceHealth::default()
    };
    let table = [
        (none(), vec![]),
        (Facts { troubled: vec![run(40, true)], ..none() }, vec!["source_incomplete"]),
        (Facts { troubled: vec![run(41, true)], ..none() }, vec![]),
        (Facts { troubled: vec![run(59, false), run(40, true)], ..none() }, vec!["source_incomplete"]),
        (Facts { troubled: vec![run(59, false), run(30, false)], ..none() }, vec![]),
        (
            Facts { troubled: vec![run(59, true), run(55, false), run(50, true)], ..none() },
            vec!["runs_failing"],
        ),
        (Facts { sources: vec![source(Some(40), None)], ..none() }, vec!["source_incomplete:staff"]),
        (Facts { sources: vec![source(Some(41), None)], ..none() }, vec![]),
        (Facts { sources: vec![source(None, Some(1))], ..none() }, vec![]),
        (Facts { sources: vec![source(None, Some(0))], ..none() }, vec!["source_incomplete:staff"]),
        (
            Facts { sources: vec![source(Some(0), None)], troubled: vec![run(30, true)], ..none() },
            vec!["source_incomplete:staff"],
        ),
        (Facts { outage: outage(true, 60), ..none() }, vec!["credentials_refused"]),
        (Facts { outage: outage(false, 30), ..none() }, vec!["workiva_down"]),
        (Facts { outage: outage(false, 31), ..none() }, vec![]),
        (
            Facts { unconnected: Some(Unconnected { since: at(30), run_id: "r".into() }), ..none() },
            vec!["workiva_down"],
        ),
        (
            Facts { parked: ParkedFacts { count: 1, ..ParkedFacts::default() }, ..none() },
            vec!["actions_parked"],
        ),
        (Facts { late: LateFacts { count: 1, ..LateFacts::default() }, ..none() }, vec!["deprovision_late"]),
        (Facts { kept: KeptFacts { count: 1, ..KeptFacts::default() }, ..none() }, vec!["access_kept"]),
        (Facts { audit: Some(AuditVerdict { checked_at: at(0), fault: None }), ..none() }, vec![]),
        (
            Facts {
                audit: Some(AuditVerdict { checked_at: at(0), fault: Some("record 7".into()) }),
                ..none()
            },
            vec!["audit_broken"],
        ),
    ];
    for (facts, wanted) in table {
        assert_eq!(keys(&facts), wanted, "{facts:?}");
    }
}

#[test]
fn a_held_plan_is_told_by_codes_and_counts_and_not_by_what_may_name_somebody() {
    let reason = HoldReason { code: "deprovision_count".into(), message: "Ana Ruiz and 29 others".into() };
    let counts = Counts { suspend: 30, ..Counts::default() };
    let held = HeldFacts {
        plan_id: "p-1".into(),
        since: at(0),
        expires_at: Some(at(90)),
        counts,
        reasons: vec![reason],
    };
    let facts = Facts { held: Some(held), ..Facts::default() };
    let told = &conditions(&facts, &limits(), at(60))[0];
    for word in ["p-1", "30 suspend", "deprovision_count", "2024-10-04 01:30:00"] {
        assert!(told.what.contains(word), "{word}: {}", told.what);
    }
    assert!(!format!("{told:?}").contains("Ana"), "{told:?}");
    assert!(told.to_do.contains("workiva-sync approve p-1"), "{}", told.to_do);
    assert_eq!((told.plan_id.as_deref(), told.since), (Some("p-1"), at(0)));
}

#[test]
fn what_workiva_said_is_not_passed_on() {
    for credentials in [true, false] {
        let facts = Facts { outage: outage(credentials, 0), unfinished: 4, ..Facts::default() };
        let told = &conditions(&facts, &limits(), at(60))[0];
        assert!(!format!("{told:?}").contains("ana@"), "{told:?}");
        assert!(told.what.contains("4 actions wait"), "{}", told.what);
    }
}

#[test]
fn parked_and_late_ones_name_some_people_and_since_when() {
    let ids = vec!["1001".to_owned(), "1002".to_owned()];
    let parked =
        ParkedFacts { count: 9, deprovisions: 2, oldest_at: Some(at(10)), employee_ids: ids.clone() };
    let late = LateFacts { count: 3, oldest_at: Some(at(0)), employee_ids: ids.clone() };
    let facts = Facts { parked, late, ..Facts::default() };
    let told = conditions(&facts, &limits(), at(60));
    let seen: Vec<_> = told.iter().map(|one| (one.count, one.since, one.employee_ids.clone())).collect();
    assert_eq!(seen, [(9, at(10), ids.clone()), (3, at(0), ids)]);
    assert!(told[0].what.contains("2 of them would take access away"), "{}", told[0].what);
    assert!(told[1].what.contains("60 minutes"), "{}", told[1].what);
}
