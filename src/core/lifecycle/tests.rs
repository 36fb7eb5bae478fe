use super::super::person::tests::{lifecycle, person, person_by};
use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn on(text: &str) -> Moment {
    Moment::On(day(text))
}

fn employment(fields: &[(&str, &str)], today: &str) -> Employment {
    lifecycle(|_| {}).employment(&person(fields), on(today))
}

#[test]
fn the_last_day_of_work_still_has_access_and_the_next_has_none() {
    let fields = [("status", "Active"), ("termination_date", "2026-11-20")];
    assert!(matches!(employment(&fields, "2026-11-20"), Employment::Employed { .. }));
    assert_eq!(employment(&fields, "2026-11-21"), Employment::TerminatedByDate { date: day("2026-11-20") });
}

#[test]
fn a_terminated_status_counts_at_once_and_only_a_grace_delays_it() {
    let fields = [("status", "TERMINATED"), ("termination_date", "2026-11-20")];
    assert_eq!(employment(&fields, "2026-11-20"), Employment::TerminatedByStatus);
    let graced = lifecycle(|settings| settings.deprovision_days_after_termination = 3);
    let until = graced.employment(&person(&fields), on("2026-11-23"));
    assert!(matches!(until, Employment::Employed { .. }), "{until:?}");
    assert_eq!(graced.employment(&person(&fields), on("2026-11-24")), Employment::TerminatedByStatus);
    let without_date = graced.employment(&person(&[("status", "Terminated")]), on("2026-11-20"));
    assert_eq!(without_date, Employment::TerminatedByStatus);
}

#[test]
fn a_hire_in_the_future_waits_for_the_day_or_for_the_days_before_it() {
    let fields = [("status", "Active"), ("hire_date", "2026-12-01")];
    assert_eq!(employment(&fields, "2026-11-30"), Employment::NotYet { from: day("2026-12-01") });
    assert!(matches!(employment(&fields, "2026-12-01"), Employment::Employed { .. }));
    let early = lifecycle(|settings| settings.provision_days_before_hire = 5);
    assert!(matches!(early.employment(&person(&fields), on("2026-11-26")), Employment::Employed { .. }));
    assert_eq!(
        early.next_change(&person(&fields), on("2026-11-20")),
        Some("2026-11-26T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn a_termination_before_the_hire_belongs_to_an_earlier_employment() {
    let fields = [("status", "Active"), ("hire_date", "2026-11-01"), ("termination_date", "2025-03-01")];
    assert!(matches!(employment(&fields, "2026-11-20"), Employment::Employed { until: None, .. }));
}

#[test]
fn leave_keeps_the_account_unless_it_is_to_suspend() {
    let fields = [("status", "On Leave")];
    assert!(matches!(
        employment(&fields, "2026-11-20"),
        Employment::Employed { leave: Some(OnLeave::Keep), .. }
    ));
    let strict = lifecycle(|settings| settings.on_leave = OnLeave::Suspend);
    assert_eq!(strict.employment(&person(&fields), on("2026-11-20")), Employment::OnLeave);
}

#[test]
fn the_day_is_that_of_the_lifecycle_zone() {
    let chicago = lifecycle(|settings| settings.timezone = "America/Chicago".into());
    let now = "2026-11-21T05:30:00Z".parse().unwrap();
    assert_eq!(chicago.today(now), day("2026-11-20"));
}

#[test]
fn every_fault_of_the_settings_is_named_at_once() {
    let settings = LifecycleSettings {
        timezone: "Mars/Olympus".into(),
        timezones: [("Moon".to_owned(), "Moon/Tranquility".to_owned())].into(),
        active: vec!["Active".into()],
        terminated: vec!["ACTIVE".into()],
        ..super::super::person::tests::settings()
    };
    let errors = Lifecycle::compile(&settings).unwrap_err();
    assert_eq!(
        errors.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
        ["lifecycle.terminated", "lifecycle.timezone", "lifecycle.timezones.\"Moon\""]
    );
}

#[test]
fn a_reason_that_is_immediate_ends_access_when_the_date_begins_and_has_no_grace() {
    let rules = lifecycle(|settings| {
        settings.deprovision_days_after_termination = 14;
        settings.immediate = vec!["For Cause".into()];
    });
    let fields = |reason| {
        person(&[("status", "Active"), ("termination_date", "2026-11-20"), ("termination_reason", reason)])
    };
    let (cause, other) = (fields("for cause"), fields("Resigned"));
    assert!(matches!(rules.employment(&cause, on("2026-11-19")), Employment::Employed { .. }));
    let ended = Employment::TerminatedByDate { date: day("2026-11-20") };
    assert_eq!(rules.employment(&cause, on("2026-11-20")), ended);
    assert!(matches!(rules.employment(&other, on("2026-12-04")), Employment::Employed { .. }));
    assert_eq!(rules.employment(&other, on("2026-12-05")), ended);
    assert_eq!(rules.next_change(&cause, on("2026-11-19")), Some("2026-11-20T00:00:00Z".parse().unwrap()));
    let by_status = person(&[
        ("status", "Terminated"),
        ("termination_date", "2026-11-20"),
        ("termination_reason", "For cause"),
    ]);
    assert_eq!(rules.employment(&by_status, on("2026-11-19")), Employment::TerminatedByStatus);
}

#[test]
fn each_kind_of_leave_has_its_own_meaning_by_its_type_or_else_by_the_status() {
    let rules = lifecycle(|settings| {
        settings.leave = vec!["On Leave".into(), "Sabbatical".into()];
        settings.leave_types =
            [("Medical".to_owned(), OnLeave::Suspend), ("sabbatical".to_owned(), OnLeave::Roles)].into();
    });
    let means = |status, kind| {
        let read = person_by(&rules, &[("status", status), ("leave_type", kind)]);
        rules.employment(&read, on("2026-11-20"))
    };
    assert_eq!(means("On Leave", "MEDICAL"), Employment::OnLeave);
    for (status, kind, leave) in [
        ("On Leave", "", OnLeave::Keep),
        ("On Leave", "Parental", OnLeave::Keep),
        ("Sabbatical", "", OnLeave::Roles),
    ] {
        let employed = Employment::Employed { until: None, leave: Some(leave) };
        assert_eq!(means(status, kind), employed, "{status} {kind}");
    }
    assert!(matches!(means("Active", "Medical"), Employment::Employed { leave: None, .. }));
}

#[test]
fn a_hire_that_is_taken_back_before_its_day_has_no_grace() {
    let rules = lifecycle(|settings| {
        settings.deprovision_days_after_termination = 14;
        settings.provision_days_before_hire = 7;
    });
    let fields = [("status", "Terminated"), ("hire_date", "2026-12-05"), ("termination_date", "2026-12-05")];
    let rescinded = person(&fields);
    assert_eq!(rules.employment(&rescinded, on("2026-12-04")), Employment::TerminatedByStatus);
    // Somebody may have worked for that one day: what they have then has its grace.
    assert!(matches!(rules.employment(&rescinded, on("2026-12-05")), Employment::Employed { .. }));
    assert_eq!(rules.left(&rescinded, on("2026-12-05")), Some(Employment::TerminatedByStatus));
}

#[test]
fn a_return_that_is_announced_within_the_grace_does_not_end_it() {
    let rules = lifecycle(|settings| settings.deprovision_days_after_termination = 14);
    let fields = [("status", "Terminated"), ("hire_date", "2027-02-01"), ("termination_date", "2026-12-05")];
    let returning = Person { has_access: true, ..person(&fields) };
    let until = Some(day("2026-12-19"));
    assert_eq!(rules.employment(&returning, on("2026-12-10")), Employment::Employed { until, leave: None });
    assert_eq!(rules.employment(&returning, on("2026-12-20")), Employment::TerminatedByStatus);
    // The end stands, should nobody name them until then.
    let end = rules.announced_end(&returning, on("2026-12-10")).unwrap();
    assert_eq!((end.last_day, end.from), (day("2026-12-05"), day("2026-12-20")));
    assert_eq!(rules.announced_end(&returning, on("2026-12-20")), None);
    // Nobody gets access by it, and without a grace the status counts.
    assert_eq!(rules.employment(&person(&fields), on("2026-12-10")), Employment::TerminatedByStatus);
    let at_once = lifecycle(|_| {});
    let before = Person { has_access: true, ..person(&fields) };
    assert_eq!(at_once.employment(&before, on("2026-12-04")), Employment::TerminatedByStatus);
}

#[test]
fn a_grace_begins_where_the_last_day_ends_for_the_person() {
    let rules = lifecycle(|settings| {
        settings.deprovision_days_after_termination = 14;
        settings.timezone = "America/Chicago".into();
        settings.timezones = [("Sydney".to_owned(), "Australia/Sydney".to_owned())].into();
    });
    let is_in_grace = |place: &str, last: &str, now: &str| {
        let person = person(&[("status", "Active"), ("termination_date", last), ("location", place)]);
        let before = Moment::At("2026-10-01T00:00:00Z".parse().unwrap());
        rules.announced_end(&person, before).unwrap().is_in_grace(Moment::At(now.parse().unwrap()))
    };
    // At midnight there, give or take the hour by which a clock may be changed within the grace.
    for (place, last, now, is_in) in [
        ("Sydney", "2026-12-10", "2026-12-10T11:59:00Z", false),
        ("Sydney", "2026-12-10", "2026-12-10T13:00:00Z", true),
        ("Sydney", "2026-12-10", "2026-12-24T12:59:00Z", true),
        ("Sydney", "2026-12-10", "2026-12-24T13:00:00Z", false),
        // Summer time ends on the 1st of November.
        ("", "2026-10-25", "2026-10-26T05:00:00Z", true),
        ("", "2026-10-25", "2026-10-26T04:00:00Z", false),
        ("", "2026-10-25", "2026-11-09T05:59:00Z", true),
        ("", "2026-10-25", "2026-11-09T06:00:00Z", false),
    ] {
        assert_eq!(is_in_grace(place, last, now), is_in, "{place} {now}");
    }
}
