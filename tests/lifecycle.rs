//! The touchy cases of HR: dates where people are, reasons that admit no delay, and kinds of leave.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Calendar, Row, World, is_active, kinds, people};
use serde_json::{Value, json};
use workiva_sync::core::report::Counts;

/// Nothing but these suspensions.
fn suspends(suspend: u64) -> Counts {
    Counts { suspend, ..Counts::default() }
}

/// Where somebody is stands in the job title.
fn by_place(calendar: &mut Calendar) {
    calendar.world.set("source.columns.location", "Job Title");
    calendar.world.set("lifecycle.timezone", "America/Chicago");
    let zones: toml::Table = "Sydney = 'Australia/Sydney'\nHonolulu = 'Pacific/Honolulu'".parse().unwrap();
    calendar.world.set("lifecycle.timezones", zones);
}

fn at(place: &str, number: usize) -> Row {
    people(number + 1)[number].but(|row| row.title = place.into())
}

#[test]
fn the_last_day_ends_for_each_person_where_they_are() {
    let last = "2026-11-30";
    let dated = [
        (at("Sydney", 0), "", last),
        (at("sydney", 1), "", "2026-12-31"),
        (at("Chicago", 2), "", last),
        (at("Honolulu", 3), "", last),
    ];
    let mut calendar = Calendar::new(&dated);
    by_place(&mut calendar);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_at("2026-11-30T12:59:59Z").0.create, 4);
    for (moment, gone) in [
        ("2026-11-30T13:00:00Z", 1), // midnight in Sydney
        ("2026-12-01T05:59:59Z", 0),
        ("2026-12-01T06:00:00Z", 1), // in Chicago
        ("2026-12-01T09:59:59Z", 0),
        ("2026-12-01T10:00:00Z", 1), // in Honolulu
    ] {
        assert_eq!(calendar.sync_at(moment).0, suspends(gone), "{moment}");
    }
}

#[test]
fn a_clock_that_is_set_back_over_midnight_anywhere_has_everybody_judged_again() {
    let mut calendar = Calendar::new(&[(at("Sydney", 0), "2026-11-30", ""), (at("Chicago", 1), "", "")]);
    by_place(&mut calendar);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_at("2026-11-29T13:00:00Z").0.create, 2);
    assert_eq!(calendar.sync_at("2026-11-29T12:00:00Z").0.suspend, 1, "the first day has not begun");
}

#[test]
fn a_date_that_comes_between_two_polls_wakes_the_daemon_when_it_begins() {
    let mut calendar = Calendar::new(&[
        (at("Sydney", 0), "", "2026-11-30"),
        (at("Chicago", 1), "2026-12-03", ""),
        (at("Chicago", 2), "", ""),
    ]);
    by_place(&mut calendar);
    calendar.world.set("schedule.cron", "0 0 4 1 1 *");
    calendar.world.write_config();
    let runs = calendar.runs_from("2026-11-25T09:00:00Z", 4);
    let told: Vec<(&str, &str)> = runs.iter().map(|(at, why)| (at.as_str(), why.as_str())).collect();
    assert_eq!(
        told,
        [
            ("2026-11-25 09:00", "start"),
            ("2026-11-30 13:00", "date"),
            ("2026-12-03 06:00", "date"),
            ("2027-01-01 04:00", "schedule"),
        ]
    );
}

#[test]
fn a_last_day_that_was_announced_and_is_over_is_in_no_doubt_because_a_later_plan_was_held() {
    // A command has the real clock, by which nothing that is held in those years expires.
    let dated = [(at("Chicago", 0), "", "2099-11-30"), (at("Chicago", 1), "", "")];
    let mut calendar = Calendar::new(&dated);
    calendar.world.set("source.absence", "keep");
    calendar.world.set("guard.max_shrink_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_at("2099-11-25T02:00:00Z").0.create, 2);
    calendar.world.set("guard.max_deprovision_count", 0);
    calendar.world.write_config();
    let codes = || {
        let status = calendar.world.status();
        let reasons = status["held"]["hold_reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    calendar.sync_at("2099-12-02T02:00:00Z");
    assert_eq!(codes(), ["deprovision_count"]);
    calendar.hr(&dated[1..]);
    calendar.sync_at("2099-12-02T03:00:00Z");
    assert_eq!(codes(), ["deprovision_count"]);
}

#[test]
fn a_last_day_that_was_announced_comes_also_for_whom_the_source_no_longer_names_where_absence_means_nothing()
{
    let dated = [
        (at("Sydney", 0), "", "2026-11-30"),
        (at("Chicago", 1), "", "2097-02-28"),
        (at("Chicago", 2), "", ""),
    ];
    let mut calendar = Calendar::new(&dated);
    by_place(&mut calendar);
    calendar.world.set("source.absence", "keep");
    calendar.world.set("guard.max_shrink_percent", 100.0);
    calendar.world.set("schedule.cron", "0 0 4 1 1 *");
    calendar.world.write_config();
    assert_eq!(calendar.sync_at("2026-11-25T02:00:00Z").0.create, 3);
    calendar.hr(&dated[2..]);
    assert_eq!(calendar.sync_at("2026-11-25T03:00:00Z").0, Counts::default());
    let message = calendar.world.status()["runs"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("(employee 1000: 2026-11-30, 1001: 2097-02-28)"), "{message}");
    let told: Value =
        serde_json::from_str(&calendar.world.run(&["explain", "1001", "--json"]).stdout).unwrap();
    assert_eq!(
        (&told["decision"]["access"], &told["decision"]["next_change"]),
        (&json!(true), &json!("2097-03-01T06:00:00Z"))
    );
    let planned = |day: &str| -> Vec<Value> {
        let output = calendar.world.run(&["plan", "--json", "--as-of", day]);
        let plan: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let actions = plan["actions"].as_array().unwrap().iter();
        actions.map(|one| json!([one["employee_id"], one["kind"], one["because"]])).collect()
    };
    assert!(planned("2026-11-30").is_empty(), "the last day is a day of access");
    let because = "left, last day was 2026-11-30, as HR said while the source still named them";
    assert_eq!(planned("2026-12-01"), [json!(["1000", "suspend", because])]);
    // The daemon wakes for it, where the person is, though nothing comes of the source.
    let runs = calendar.runs_from("2026-11-27T09:00:00Z", 2);
    assert_eq!(
        runs,
        [
            ("2026-11-27 09:00".to_owned(), "start".to_owned()),
            ("2026-11-30 13:00".to_owned(), "date".to_owned())
        ]
    );
    calendar.sync_at("2026-11-30T13:05:00Z");
    let user = |number: usize| calendar.world.user(&people(3)[number].email).unwrap();
    assert_eq!([0, 1, 2].map(|number| is_active(&user(number))), [false, true, true]);
    assert_eq!(calendar.sync_at("2026-11-30T14:00:00Z").0, Counts::default());
    assert_eq!(calendar.sync_at("2097-03-01T06:00:00Z").0.suspend, 1);
    assert_eq!([0, 1, 2].map(|number| is_active(&user(number))), [false, false, true]);
}

/// A right file and a wrong one, in which everybody has left, of three people: with a last day to come, in the grace behind one, and with none.
/// A command has the real clock, by which nothing that is held in those years expires.
struct Wronged {
    calendar: Calendar,
    rows: Vec<Row>,
    /// As the right one names whom HR has not purged.
    rest: (Row, &'static str, &'static str),
    wrong: [(Row, &'static str, &'static str); 3],
}

impl Wronged {
    fn new(absence: &str) -> Self {
        let rows = people(3);
        let right = [
            (rows[0].clone(), "2020-01-06", "2099-12-05"),
            (rows[1].clone(), "2020-01-06", "2099-11-20"),
            (rows[2].clone(), "2020-01-06", ""),
        ];
        let mut calendar = graced(&right);
        calendar.world.set("source.absence", absence);
        calendar.world.set("guard.max_shrink_percent", 100.0);
        calendar.world.set("guard.max_deprovision_count", 2);
        calendar.world.write_config();
        assert_eq!(calendar.sync_on("2099-11-19").0.create, 3);
        let wrong = right.clone().map(|(row, first, _)| (row.left(), first, ""));
        Self { calendar, rows, rest: right[2].clone(), wrong }
    }

    fn active(&self) -> [bool; 3] {
        [0, 1, 2].map(|at| is_active(&self.calendar.world.user(&self.rows[at].email).unwrap()))
    }

    /// The wrong one comes.
    fn comes_wrong_on(&self, day: &str) {
        self.calendar.hr(&self.wrong);
        assert_eq!(self.calendar.sync_on(day).0, Counts::default());
    }

    /// The right one comes, without whom HR has purged.
    fn comes_right_on(&self, day: &str) {
        self.calendar.hr(std::slice::from_ref(&self.rest));
        self.calendar.sync_on(day);
    }

    fn reject(&self) {
        let status = self.calendar.world.status();
        let held = status["held"]["plan_id"].as_str().unwrap_or_else(|| panic!("{status}")).to_owned();
        assert_eq!(self.calendar.world.run(&["reject", &held]).exit, 0);
    }
}

/// A wrong file that somebody rejects takes back nothing of what the right one had said.
#[test]
fn a_last_day_that_was_announced_holds_again_once_a_wrong_file_is_rejected() {
    for absence in ["keep", "deprovision"] {
        let world = Wronged::new(absence);
        world.comes_wrong_on("2099-11-24");
        assert_eq!(world.active(), [true; 3]);
        world.reject();
        world.comes_right_on("2099-11-25");
        assert_eq!(world.active(), [absence == "keep", true, true], "{absence}");
        world.calendar.sync_on("2099-12-05");
        assert_eq!(world.active(), [absence == "keep", false, true], "{absence}");
        world.calendar.sync_on("2099-12-20");
        assert_eq!(world.active(), [false, false, true], "{absence}");
    }
}

/// So it is where nobody rejects it, and the right one comes; and where the last day is over by the time that the wrong one is read.
#[test]
fn a_wrong_file_that_is_held_takes_no_grace_and_no_last_day_that_is_over() {
    let world = Wronged::new("deprovision");
    world.comes_wrong_on("2099-11-24");
    world.comes_right_on("2099-11-25");
    assert_eq!(world.active(), [false, true, true], "their absence is no news of the second one");
    assert_eq!(world.calendar.sync_on("2099-12-05").0, suspends(1));
    let world = Wronged::new("keep");
    world.comes_wrong_on("2099-12-21");
    world.reject();
    world.comes_right_on("2099-12-22");
    assert_eq!(world.active(), [false, false, true]);
}

/// What absence alone does not prove, a last day that HR had announced does: beside a row that could be anybody's, for whom more runs have to
/// pass, and whose address a new hire has, who may be the same person.
#[test]
fn a_last_day_that_was_announced_comes_also_where_absence_proves_nothing() {
    let staff = people(4);
    let of = |row: &Row, last: &'static str| (row.clone(), "", last);
    let before =
        [of(&staff[0], "2026-11-30"), of(&staff[1], ""), of(&staff[2], "2026-12-31"), of(&staff[3], "")];
    let without_id = staff[3].but(|row| row.id = String::new());
    let namesake = people(5)[4].but(|row| row.email.clone_from(&staff[0].email));
    let cases: [(&str, i64, Row); 3] = [
        ("a row without an employee id", 1, without_id),
        ("an address that passes on", 1, namesake),
        ("several runs", 3, people(5)[4].clone()),
    ];
    for (case, runs, row) in cases {
        let mut calendar = Calendar::new(&before);
        calendar.world.set("source.absence_runs", runs);
        calendar.world.set("guard.max_shrink_percent", 100.0);
        calendar.world.set("guard.max_reject_percent", 100.0);
        calendar.world.write_config();
        assert_eq!(calendar.sync_on("2026-11-27").0.create, 4, "{case}");
        calendar.hr(&[before[1].clone(), before[3].clone(), of(&row, "")]);
        let early = calendar.sync_on("2026-11-28").0;
        let spared = early.suspend == 0;
        // Whom nothing speaks for is missing, and gone at once.
        assert!(spared || case == "an address that passes on", "{case}: {early:?}");
        assert!(is_active(&calendar.world.user(&staff[0].email).unwrap()), "{case}");
        let ended = calendar.sync_on("2026-12-01").0;
        assert_eq!(ended.suspend, 1, "{case}: {ended:?}");
        assert!(!is_active(&calendar.world.user(&staff[0].email).unwrap()), "{case}");
        assert_eq!(is_active(&calendar.world.user(&staff[2].email).unwrap()), spared, "{case}");
    }
}

#[test]
fn whose_last_day_is_over_while_the_source_cannot_be_read_is_told_by_each_run_and_explain() {
    let staff = people(3);
    let of = |number: usize, last: &'static str| (staff[number].clone(), "", last);
    let calendar = Calendar::new(&[of(0, "2026-11-21"), of(1, "2126-12-31"), of(2, "")]);
    assert_eq!(calendar.sync_on("2026-11-20").0.create, 3);
    std::fs::rename(calendar.world.path("employees.csv"), calendar.world.path("away")).unwrap();
    let words = "1 person has access though their announced last day is over, and keeps it until the source can be read \
                 (employee 1000)";
    calendar.world.run(&["sync"]).assert_says(5, &["no HR file matches", words]);
    calendar.world.run(&["status", "--json"]).assert_says(0, &[words]);
    let why =
        "the last day that HR announced (2026-11-21) is over; they have access until the source can be read";
    calendar.world.run(&["explain", "1000"]).assert_says(5, &[why]);
    let other = calendar.world.run(&["explain", "1001"]);
    assert!(!other.stdout.contains("is over"), "{other:?}");
    std::fs::rename(calendar.world.path("away"), calendar.world.path("employees.csv")).unwrap();
    assert_eq!(calendar.world.sync().applied(), kinds([("suspend", 1)]));
}

/// An address that passes on keeps nobody's access: whoever has neither name of a leaver is another person, who waits for the address.
#[test]
fn a_leaver_whose_address_passes_on_to_somebody_with_other_names_has_left() {
    let staff = people(3);
    let world = World::new();
    world.sync_rows(&staff, 0);
    let mut rows = vec![staff[1].clone(), staff[2].clone(), Row::new("2000", "Nora", "Neu")];
    rows[2].email.clone_from(&staff[0].email);
    let report = world.sync_rows(&rows, 4);
    assert_eq!(report.applied(), kinds([("suspend", 1)]), "{report:?}");
    let user = world.user(&staff[0].email).unwrap();
    assert!(!is_active(&user) && user["externalId"] == "1000", "{user}");
    // They may be one person whose id was changed by mistake where one of the two names stays.
    let mut rows = vec![rows[1].clone(), rows[2].clone(), Row::new("2001", "Nora", &staff[1].family)];
    rows[2].email.clone_from(&staff[1].email);
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([]));
    assert!(is_active(&world.user(&staff[1].email).unwrap()));
}

#[test]
fn a_date_that_came_while_the_daemon_was_down_is_made_up_as_it_starts() {
    let mut calendar = Calendar::new(&[(at("Chicago", 0), "", "2026-11-30"), (at("Chicago", 1), "", "")]);
    by_place(&mut calendar);
    calendar.world.set("schedule.cron", "0 0 4 1 1 *");
    calendar.world.set("schedule.run_on_start", false);
    calendar.world.write_config();
    assert_eq!(calendar.sync_at("2026-11-29T12:00:00Z").0.create, 2);
    let runs = calendar.runs_from("2026-12-01T18:00:00Z", 1);
    assert_eq!(runs, [("2026-12-01 18:00".to_owned(), "missed".to_owned())]);
    calendar.sync_at("2026-12-01T18:05:00Z");
    let user = |number: usize| calendar.world.user(&people(2)[number].email).unwrap();
    assert_eq!((is_active(&user(0)), is_active(&user(1))), (false, true));
}

#[test]
fn a_reason_that_admits_no_delay_ends_access_as_the_day_begins_and_others_have_their_grace() {
    let with = |number: usize, reason: &str| people(number + 1)[number].but(|row| row.title = reason.into());
    let last = "2026-11-30";
    let mut calendar = Calendar::new(&[
        (with(0, "For Cause"), "", last),
        (with(1, "Resigned"), "", last),
        (with(2, ""), "", ""),
    ]);
    calendar.world.set("source.columns.termination_reason", "Job Title");
    calendar.world.set("lifecycle.immediate", vec!["for cause"]);
    calendar.world.set("lifecycle.deprovision_days_after_termination", 2);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_on("2026-11-29").0.create, 3);
    for (day, gone) in [("2026-11-30", 1), ("2026-12-02", 0), ("2026-12-03", 1)] {
        assert_eq!(calendar.sync_on(day).0, suspends(gone), "{day}");
    }
}

#[test]
fn who_must_lose_access_at_once_comes_before_everybody_else_in_a_plan() {
    let with = |number: usize, reason: &str| people(number + 1)[number].but(|row| row.title = reason.into());
    let last = "2026-11-29";
    let leavers = [(with(0, "Resigned"), "", last), (with(1, "For Cause"), "", last)];
    let mut calendar = Calendar::new(&leavers);
    calendar.world.set("source.columns.termination_reason", "Job Title");
    calendar.world.set("lifecycle.immediate", vec!["for cause"]);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_on("2026-11-28").0.create, 2);
    let plan = calendar.plan_at("2026-11-30T12:00:00Z");
    let whose: Vec<&str> = plan.plan.actions.iter().map(|action| action.employee_id.as_str()).collect();
    assert_eq!(whose, ["1001", "1000"]);
}

#[test]
fn each_kind_of_leave_keeps_suspends_or_leaves_what_a_role_gives() {
    let mut world = World::new();
    world.set("source.columns.leave_type", "Job Title");
    world.set("access.provision", "all");
    let kinds_of_leave: toml::Table = "Medical = 'suspend'\nSabbatical = 'roles'".parse().unwrap();
    world.set("lifecycle.leave_types", kinds_of_leave);
    world.set("guard.max_deprovision_percent", 100.0);
    let present = people(5);
    world.sync_rows(&present, 0);
    let on = |number: usize, kind: &str, department: &str| {
        present[number].but(|row| {
            (row.status, row.title, row.department) = ("On Leave".into(), kind.into(), department.into());
        })
    };
    let away = [
        on(0, "Medical", "Finance"),
        on(1, "Sabbatical", "Finance"),
        on(2, "Sabbatical", "Sales"),
        on(3, "Parental", "Sales"),
        present[4].clone(),
    ];
    assert_eq!(world.sync_rows(&away, 0).applied(), kinds([("suspend", 2), ("update", 2)]));
    let why = |id: &str| {
        let told: Value = serde_json::from_str(&world.run(&["explain", id, "--json"]).stdout).unwrap();
        (told["decision"]["reason"].clone(), told["decision"]["rests_on"].clone())
    };
    assert_eq!(why("1000"), (json!("on leave"), json!("lifecycle.on_leave")));
    assert_eq!(why("1001"), (json!("employed, in role finance"), json!("access.roles")));
    assert_eq!(why("1002"), (json!("on leave, in no role"), json!("lifecycle.on_leave")));
    assert_eq!(world.sync_rows(&present, 0).applied(), kinds([("reactivate", 2), ("update", 2)]));
}

/// The first of four people, hired on this day; the others have been there for long.
fn hired(first: &str, change: impl FnOnce(&mut Row)) -> Vec<(Row, &str, &'static str)> {
    let rows = people(4);
    let mut all = vec![(rows[0].but(change), first, "")];
    all.extend(rows[1..].iter().map(|row| (row.clone(), "2020-01-06", "")));
    all
}

#[test]
fn a_hire_that_is_rescinded_before_the_first_day_is_never_provisioned() {
    let future = hired("2026-12-07", |_| {});
    let cancelled = hired("2026-12-07", |row| row.status = "Terminated".into());
    // HR says it by a status, or by leaving the row out.
    for rescinded in [cancelled.as_slice(), &future[1..]] {
        let mut calendar = Calendar::new(&future);
        calendar.world.set("lifecycle.provision_days_before_hire", 3);
        assert_eq!(calendar.sync_on("2026-12-01").0.create, 3);
        calendar.hr(rescinded);
        let requests = calendar.world.statistics().requests;
        for day in ["2026-12-02", "2026-12-04", "2026-12-07", "2026-12-08"] {
            assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
        }
        assert_eq!(calendar.world.statistics().requests, requests, "nothing is sent");
        assert!(calendar.world.user(&people(1)[0].email).is_none());
    }
}

#[test]
fn a_hire_that_is_rescinded_once_there_is_an_account_loses_it_like_a_leaver() {
    let future = hired("2026-12-07", |_| {});
    let cancelled = hired("2026-12-07", |row| row.status = "Terminated".into());
    for rescinded in [cancelled.as_slice(), &future[1..]] {
        let mut calendar = Calendar::new(&future);
        calendar.world.set("lifecycle.provision_days_before_hire", 3);
        assert_eq!(calendar.sync_on("2026-12-04").0.create, 4);
        calendar.hr(rescinded);
        assert_eq!(calendar.sync_on("2026-12-05").0, suspends(1));
        assert!(!is_active(&calendar.world.user(&people(1)[0].email).unwrap()));
        assert_eq!(calendar.sync_on("2026-12-07").0, Counts::default(), "the first day changes nothing");
    }
}

/// With fourteen days of grace, and no limit on deprovisions.
fn graced(dated: &[(Row, &str, &str)]) -> Calendar {
    let mut calendar = Calendar::new(dated);
    calendar.world.set("lifecycle.deprovision_days_after_termination", 14);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar
}

#[test]
fn a_grace_gives_no_account_to_whoever_is_first_seen_as_having_left_and_keeps_that_of_who_had_one() {
    let rows = people(5);
    let calendar = graced(&[
        (rows[0].left(), "2020-01-06", "2026-11-20"),
        (rows[1].clone(), "2020-01-06", "2026-11-20"),
        (rows[2].left(), "2026-12-05", "2026-12-05"), // a hire that is taken back
        (rows[3].clone(), "2020-01-06", "2026-11-27"),
        (rows[4].clone(), "2020-01-06", ""),
    ]);
    assert_eq!(calendar.sync_on("2026-11-26").0, Counts { create: 2, ..Counts::default() });
    for day in ["2026-11-28", "2026-12-05", "2026-12-06", "2026-12-11"] {
        assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
    }
    assert_eq!(calendar.sync_on("2026-12-12").0, suspends(1));
    assert_eq!(calendar.world.sandbox.users().len(), 2);
}

#[test]
fn whoever_is_no_longer_named_within_the_grace_keeps_the_rest_of_it() {
    let rows = people(4);
    let stays = (rows[3].clone(), "2020-01-06", "");
    let all = [
        (rows[0].clone(), "2020-01-06", "2026-11-20"), // in the grace
        (rows[1].clone(), "2020-01-06", "2026-12-20"), // works here
        (rows[2].clone(), "2020-01-06", ""),
        stays.clone(),
    ];
    let mut calendar = graced(&all);
    calendar.world.set("guard.max_shrink_percent", 100.0);
    calendar.world.write_config();
    assert_eq!(calendar.sync_on("2026-11-19").0.create, 4);
    calendar.hr(std::slice::from_ref(&stays));
    let is_active = |at: usize| is_active(&calendar.world.user(&rows[at].email).unwrap());
    assert_eq!(calendar.sync_on("2026-11-25").0, suspends(2), "whose absence is news");
    assert_eq!([0, 1, 2].map(is_active), [true, false, false]);
    let told = calendar.plan_at("2026-11-26T12:00:00Z");
    assert!(told.plan.actions.is_empty());
    assert_eq!(calendar.sync_on("2026-12-04").0, Counts::default());
    assert_eq!(calendar.sync_on("2026-12-05").0, suspends(1));
    assert!(!is_active(0));
    // HR names them again, as having left: that gives nobody anything.
    calendar.hr(&[stays, (rows[0].left(), "2020-01-06", "2026-11-20")]);
    assert_eq!(calendar.sync_on("2026-12-06").0, Counts::default());
}

/// A grace gives nothing: whoever suspended a leaver by hand, while the status says that they have left, knew why.
#[test]
fn a_repair_gives_no_leaver_the_grace_back_who_was_suspended_by_hand() {
    let rows = people(3);
    let works = |at: usize, last: &'static str| (rows[at].clone(), "2020-01-06", last);
    let left = |at: usize| (rows[at].left(), "2020-01-06", "2099-06-30");
    let mut calendar = graced(&[works(0, "2099-06-30"), works(1, ""), works(2, "2099-06-30")]);
    calendar.world.set("drift.max_repair_percent", 100.0);
    calendar.world.write_config();
    calendar.world.sync();
    calendar.hr(&[left(0), works(1, ""), left(2)]);
    calendar.world.sync().assert_unchanged();
    for row in &rows[..2] {
        let id = calendar.world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned();
        calendar.world.sandbox.edit_user(&id, |user| user["active"] = json!(false)).unwrap();
    }
    let is_active = |at: usize| is_active(&calendar.world.user(&rows[at].email).unwrap());
    for _ in 0..2 {
        let repaired = calendar.world.run(&["drift", "--repair"]);
        assert_eq!(repaired.exit, 0, "{repaired:?}");
        assert_eq!([0, 1, 2].map(is_active), [false, true, true]);
        calendar.world.sync();
        assert_eq!([0, 1, 2].map(is_active), [false, true, true]);
    }
}

#[test]
fn a_hire_that_is_taken_back_with_a_last_day_ends_at_once_however_long_the_grace() {
    let rows = people(2);
    let with = |row: &Row, last: &'static str| {
        [(row.clone(), "2026-12-05", last), (rows[1].clone(), "2020-01-06", "")]
    };
    let mut calendar = graced(&with(&rows[0], ""));
    calendar.world.set("lifecycle.provision_days_before_hire", 14);
    calendar.world.write_config();
    assert_eq!(calendar.sync_on("2026-12-01").0.create, 2);
    calendar.hr(&with(&rows[0].left(), "2026-12-02"));
    assert_eq!(calendar.sync_on("2026-12-02").0, suspends(1));
    assert_eq!(calendar.sync_on("2026-12-03").0, Counts::default());
}

#[test]
fn a_grace_reactivates_nobody_who_was_without_access_as_they_left() {
    let rows = people(3);
    let dated = |row: Row, last: &'static str| (row, "2020-01-06", last);
    let stays = || dated(rows[2].clone(), "");
    let mut calendar = graced(&[dated(rows[0].clone(), ""), dated(rows[1].clone(), ""), stays()]);
    calendar.world.set("lifecycle.on_leave", "suspend");
    assert_eq!(calendar.sync_on("2026-11-20").0.create, 3);
    // One on leave, and one whom the file does not name.
    calendar.hr(&[dated(rows[0].but(|row| row.status = "On Leave".into()), ""), stays()]);
    assert_eq!(calendar.sync_on("2026-11-21").0, suspends(2));
    calendar.hr(&[dated(rows[0].left(), "2026-11-21"), dated(rows[1].left(), "2026-11-20"), stays()]);
    for day in ["2026-11-22", "2026-12-10"] {
        assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
    }
    // Back to work is another thing.
    calendar.hr(&[dated(rows[0].clone(), ""), dated(rows[1].left(), "2026-11-20"), stays()]);
    assert_eq!(calendar.sync_on("2026-12-11").0, Counts { reactivate: 1, ..Counts::default() });
}

#[test]
fn a_hire_that_is_rescinded_has_no_grace_though_an_account_was_made_before_the_day() {
    let mut calendar = graced(&hired("2026-12-07", |_| {}));
    calendar.world.set("lifecycle.provision_days_before_hire", 7);
    assert_eq!(calendar.sync_on("2026-12-04").0.create, 4);
    let mut rescinded = hired("2026-12-07", |row| row.status = "Terminated".into());
    rescinded[0].2 = "2026-12-07";
    calendar.hr(&rescinded);
    assert_eq!(calendar.sync_on("2026-12-05").0, suspends(1));
    for day in ["2026-12-07", "2026-12-08", "2026-12-22"] {
        assert_eq!(calendar.sync_on(day).0, Counts::default(), "{day}");
    }
}

#[test]
fn a_create_that_waits_for_an_operator_is_not_made_any_more_once_they_have_left_with_a_grace() {
    let rows = people(2);
    let calendar = graced(&[(rows[0].clone(), "", ""), (rows[1].clone(), "", "")]);
    let theirs = json!({"userName": rows[0].email, "externalId": "somebody else",
        "name": {"givenName": "A", "familyName": "B"}, "emails": [{"value": "other@example.com", "primary": true}]});
    let id = calendar.world.sandbox.seed_user(theirs).unwrap();
    assert_eq!(calendar.sync_on("2026-11-20").0.create, 1);
    assert!(calendar.world.parked().contains_key(&rows[0].id));
    calendar.world.sandbox.delete_user(&id).unwrap();
    calendar.hr(&[(rows[0].left(), "", "2026-11-20"), (rows[1].clone(), "", "")]);
    calendar.sync_on("2026-11-21");
    assert_eq!(calendar.world.sandbox.users().len(), 1);
    assert!(calendar.world.parked().is_empty());
    assert_eq!(calendar.sync_on("2026-11-22").0, Counts::default());
}

#[test]
fn a_hire_date_that_moves_is_followed_both_ways_and_takes_an_account_back_until_it_comes() {
    let calendar = Calendar::new(&hired("2026-12-07", |_| {}));
    assert_eq!(calendar.sync_on("2026-12-01").0.create, 3);
    // Later: the day that was said before passes.
    calendar.hr(&hired("2026-12-14", |_| {}));
    for day in ["2026-12-02", "2026-12-07", "2026-12-13"] {
        assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
    }
    // Earlier: at once, where that day has come.
    calendar.hr(&hired("2026-12-12", |_| {}));
    assert_eq!(calendar.sync_on("2026-12-13").0.create, 1);
    assert!(has_access(&calendar));
    // Later again, when there is an account that was made in advance: no access until then, by the same account.
    let mut calendar = Calendar::new(&hired("2026-12-12", |_| {}));
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.set("lifecycle.provision_days_before_hire", 3);
    assert_eq!(calendar.sync_on("2026-12-10").0.create, 4);
    calendar.hr(&hired("2026-12-21", |_| {}));
    assert_eq!(calendar.sync_on("2026-12-11").0, suspends(1));
    // That the day which was said at first passes makes them nobody who has worked.
    assert_eq!(calendar.sync_on("2026-12-15").0, Counts::default());
    assert_eq!(calendar.sync_on("2026-12-18").0, Counts { reactivate: 1, ..Counts::default() });
    assert!(has_access(&calendar));
    assert_eq!(calendar.world.sandbox.users().len(), 4);
}

/// Whether the first of [`hired`] has an active user.
fn has_access(calendar: &Calendar) -> bool {
    calendar.world.user(&people(1)[0].email).is_some_and(|user| is_active(&user))
}

#[test]
fn whose_hire_date_has_passed_and_moves_into_the_future_keeps_access_and_is_named_in_each_run() {
    let mut calendar = Calendar::new(&hired("2026-12-07", |_| {}));
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    calendar.world.set("lifecycle.provision_days_before_hire", 3);
    assert_eq!(calendar.sync_on("2026-12-05").0.create, 4);
    // Nobody is looked at as the day comes that access had begun before.
    assert_eq!(calendar.sync_on("2026-12-07").0, Counts::default());
    const TOLD: &str = "(employee 1000: 2027-01-10, was 2026-12-07); they keep the access";
    let told = |calendar: &Calendar| calendar.world.status()["runs"][0]["message"].to_string().contains(TOLD);
    let moved = |change: fn(&mut Row)| hired("2027-01-10", change);
    calendar.hr(&moved(|_| {}));
    for day in ["2026-12-08", "2026-12-09"] {
        assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
        assert!(told(&calendar) && has_access(&calendar), "{day}");
    }
    // Everything else goes on, and takes nothing of what is known of them.
    calendar.hr(&moved(|row| row.title = "Chief".into()));
    assert_eq!(calendar.sync_on("2026-12-10").0, Counts { update: 1, ..Counts::default() });
    assert_eq!(calendar.sync_on("2026-12-11").0, Counts::default());
    assert!(told(&calendar) && has_access(&calendar));
    // Corrected.
    calendar.hr(&hired("2026-12-07", |row| row.title = "Chief".into()));
    assert_eq!(calendar.sync_on("2026-12-12").0, Counts::default());
    assert!(!told(&calendar) && has_access(&calendar));
    // HR says that they have left: then the same date is that of a rehire.
    calendar.hr(&hired("2026-12-07", |row| row.status = "Terminated".into()));
    assert_eq!(calendar.sync_on("2026-12-13").0, suspends(1));
    calendar.hr(&moved(|row| row.title = "Chief".into()));
    assert_eq!(calendar.sync_on("2026-12-14").0, Counts::default());
    assert!(!told(&calendar) && !has_access(&calendar));
    assert_eq!(calendar.sync_on("2027-01-07").0, Counts { reactivate: 1, ..Counts::default() });
}

#[test]
fn explain_and_status_name_whose_hire_date_has_passed_and_moves_into_the_future() {
    let calendar = Calendar::new(&hired("2020-01-06", |_| {}));
    calendar.world.sync();
    calendar.hr(&hired("2099-01-10", |_| {}));
    calendar.world.sync().assert_unchanged();
    for command in [["explain", "1000"].as_slice(), &["status"], &["plan"]] {
        let told = calendar.world.run(command).stdout;
        let words = told.split_whitespace().filter(|word| !["│", "┆"].contains(word));
        let told = words.collect::<Vec<_>>().join(" ");
        assert!(told.contains("(employee 1000: 2099-01-10, was 2020-01-06); they keep the access"), "{told}");
        assert!(!told.contains("access begins on"), "{told}");
    }
}

#[test]
fn a_return_that_is_announced_by_a_last_day_before_the_hire_date_is_no_contradiction() {
    let rows = people(1);
    let mut calendar = Calendar::new(&[(rows[0].clone(), "2020-01-06", "")]);
    calendar.world.set("guard.max_deprovision_percent", 100.0);
    assert_eq!(calendar.sync_on("2026-12-01").0.create, 1);
    calendar.hr(&[(rows[0].clone(), "2027-01-10", "2026-12-01")]);
    assert_eq!(calendar.sync_on("2026-12-02").0, suspends(1));
}

#[test]
fn what_the_lifecycle_reads_of_a_record_has_to_be_a_column() {
    let mut world = World::new();
    let zones: toml::Table = "Sydney = 'Australia/Sidney'".parse().unwrap();
    world.set("lifecycle.timezones", zones);
    world.set("lifecycle.immediate", vec!["For cause"]);
    world.set("lifecycle.provision_days_before_hire", 5);
    world.set("lifecycle.deprovision_days_after_termination", 14);
    world.write_config();
    let output = world.run(&["check"]);
    assert_eq!(output.exit, 2);
    for words in [
        "lifecycle.timezones.\"Sydney\": 'Australia/Sidney' is no IANA time zone",
        "lifecycle.timezones: needs the column 'location'",
        "lifecycle.immediate: needs the column 'termination_reason'",
        "lifecycle.provision_days_before_hire: needs the column 'hire_date'",
        "lifecycle.deprovision_days_after_termination: needs the column 'termination_date'",
    ] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

#[test]
fn a_return_that_is_announced_ends_no_employment_before_its_last_day_and_gives_nobody_access_early() {
    let rows = people(2);
    let before = |row: &Row, first: &'static str, last: &'static str| (row.clone(), first, last);
    let calendar = Calendar::new(&[before(&rows[0], "2020-01-01", "2026-12-15")]);
    assert_eq!(calendar.sync_on("2026-11-26").0.create, 1);
    // Another one who is to begin after a last day that is no employment of ours gets nothing before that day.
    calendar
        .hr(&[before(&rows[0], "2027-01-10", "2026-12-15"), before(&rows[1], "2027-01-10", "2026-12-15")]);
    for (day, changes) in [
        ("2026-11-27", Counts::default()),
        ("2026-12-15", Counts::default()),
        ("2026-12-16", suspends(1)),
        ("2027-01-09", Counts::default()),
        ("2027-01-10", Counts { reactivate: 1, create: 1, ..Counts::default() }),
    ] {
        assert_eq!(calendar.sync_on(day).0, changes, "{day}");
    }
}

#[test]
fn kinds_of_leave_that_nothing_could_name_are_a_configuration_error() {
    let mut world = World::new();
    world.set("lifecycle.leave", vec!["On Leave", "Sabbatical"]);
    let kinds = |text: &str| -> toml::Table { text.parse().unwrap() };
    world.set("lifecycle.leave_types", kinds("Medical = 'suspend'"));
    world.hr(&people(1));
    let check = world.run(&["check"]);
    assert!(check.exit == 2 && check.stderr.contains("lifecycle.leave_types"), "{check:?}");
    assert!(check.stderr.contains("leave_type"), "{check:?}");
    // The status itself may be the kind.
    world.set("lifecycle.leave_types", kinds("sabbatical = 'roles'"));
    assert_eq!(world.run(&["check"]).exit, 0);
    world.set("lifecycle.leave_types", kinds("Medical = 'suspend'"));
    world.set("source.columns.leave_type", "Job Title");
    assert_eq!(world.run(&["check"]).exit, 0);
}

#[test]
fn a_name_that_stands_twice_in_a_table_that_knows_no_letter_case_is_refused() {
    let mut world = World::new();
    world.set("source.columns.location", "Job Title");
    world.set("source.columns.leave_type", "Department");
    let zones: toml::Table = "Sydney = 'Australia/Sydney'\nSYDNEY = 'UTC'".parse().unwrap();
    world.set("lifecycle.timezones", zones);
    let kinds: toml::Table = "Medical = 'keep'\nmedical = 'suspend'".parse().unwrap();
    world.set("lifecycle.leave_types", kinds);
    let output = world.run(&["config", "print"]);
    assert_eq!(output.exit, 2, "{output:?}");
    for said in ["lifecycle.timezones.\"Sydney\"", "lifecycle.leave_types.\"medical\"", "letter case"] {
        assert!(format!("{}{}", output.stdout, output.stderr).contains(said), "{said}: {output:?}");
    }
}
