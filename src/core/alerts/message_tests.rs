use chrono::TimeDelta;

use super::*;
use crate::core::alerts::{Alert, Condition};

fn told(event: Event) -> Told {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let condition = Condition {
        kind: Kind::ActionsParked,
        source: None,
        since: now - TimeDelta::hours(2),
        what: "Parked: 7 actions.".into(),
        to_do: "`workiva-sync actions list` says why.".into(),
        command: "workiva-sync actions list".into(),
        run_id: None,
        plan_id: None,
        count: 7,
        employee_ids: vec!["1001".into(), "1002".into()],
    };
    let alert = Alert {
        condition,
        raised_at: now,
        told_at: now,
        told_count: 7,
        quiet_since: None,
        ended_at: None,
        times: 1,
    };
    Told { event, alert }
}

fn message(event: Event) -> Message {
    Message::of(
        &told(event),
        "m-1".into(),
        Some("production"),
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
    )
}

#[test]
fn a_message_says_what_since_when_and_what_to_do() {
    let raised = message(Event::Raised);
    assert_eq!(raised.subject(), "[workiva-sync production] actions are parked");
    let text = "Parked: 7 actions.\nSince: 2024-10-03 22:00:00 UTC\nEmployee ids: among them 1001, 1002\n\
                What to do: `workiva-sync actions list` says why.\nMessage: m-1 of 2024-10-04 00:00:00 UTC";
    assert_eq!(raised.text(), text);
}

#[test]
fn a_recovery_asks_for_nothing() {
    let over = message(Event::Recovered);
    assert_eq!(over.subject(), "[workiva-sync production] over: actions are parked");
    assert_eq!((over.event, over.to_do, over.command), (Event::Recovered, None, None));
}

#[test]
fn the_form_in_json_is_the_one_that_is_documented() {
    let json = serde_json::to_value(message(Event::Reminded)).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "id",
        "event",
        "alert",
        "source",
        "name",
        "at",
        "since",
        "title",
        "what",
        "to_do",
        "command",
        "run_id",
        "plan_id",
        "count",
        "employee_ids",
        "digest",
    ];
    assert_eq!(keys, documented);
    assert_eq!((&json["event"], &json["alert"]), (&"reminded".into(), &"actions_parked".into()));
    // A receiver that reads times of this form alone reads each of them.
    assert_eq!(
        (&json["at"], &json["since"]),
        (&"2024-10-04T00:00:00.000Z".into(), &"2024-10-03T22:00:00.000Z".into())
    );
    let read: Message = serde_json::from_value(json).unwrap();
    assert_eq!(read, message(Event::Reminded));
}
