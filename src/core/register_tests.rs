use super::super::record::tests::record;
use super::*;

fn origin() -> Origin {
    Origin {
        name: "uk".into(),
        id_prefix: "uk-".into(),
        foreign_prefixes: Vec::new(),
        date_formats: vec!["%d/%m/%Y".into()],
        absence_runs: Some(2),
        statuses: None,
    }
}

fn findings(changed: Vec<Record>, absent: &[&str]) -> Findings {
    Findings {
        doubled_rows: 0,
        changed,
        doubtful: vec![],
        of_nobody: vec![],
        filled: Default::default(),
        rejected: Vec::new(),
        absent: absent.iter().map(|id| (*id).to_owned()).collect(),
        gone: Vec::new(),
        said: Default::default(),
        without_id: 0,
        unsure: false,
        again: false,
        unread: 0,
        rows: 1,
        waiting: 0,
        digest: Fingerprint::NONE,
    }
}

#[test]
fn ids_get_the_prefix_dates_one_form_and_what_is_no_date_stays() {
    let read = record(&[
        ("employee_id", "7"),
        ("manager_id", "8"),
        ("hire_date", "03/02/2026"),
        ("termination_date", "soon"),
        ("department", ""),
    ]);
    let fields = origin().fields(&read);
    let expected = [("hire_date", "2026-02-03"), ("manager_id", "uk-8"), ("termination_date", "soon")];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, expected);
}

#[test]
fn who_is_missing_is_gone_after_so_many_complete_reads_and_never_by_a_delta_or_behind_a_row_without_an_id() {
    let snapshot = |findings: &Findings, missed: &HashMap<String, Missed>, origin: &Origin| {
        by_snapshot(findings, missed, Vec::new(), origin)
    };
    let once = snapshot(&findings(vec![], &["7"]), &HashMap::new(), &origin());
    assert_eq!(once["uk-7"], Change::Missing { reads: 1 });
    let missing = HashMap::from([("uk-7".to_owned(), Missed { reads: 1, stale: false })]);
    let twice = snapshot(&findings(vec![], &["7"]), &missing, &origin());
    assert_eq!(twice["uk-7"], Change::Gone { missing: Some(2) });
    assert!(by_delta(&findings(vec![], &["7"]), &origin()).is_empty());
    let unsure = Findings { without_id: 1, ..findings(vec![], &["7"]) };
    assert!(snapshot(&unsure, &missing, &origin()).is_empty());
    let keeps = Origin { absence_runs: None, ..origin() };
    assert_eq!(snapshot(&findings(vec![], &["7"]), &missing, &keeps)["uk-7"], Change::Stale);
    let stale = HashMap::from([("uk-7".to_owned(), Missed { reads: 0, stale: true })]);
    assert!(snapshot(&findings(vec![], &["7"]), &stale, &keeps).is_empty());
    let named = Findings { gone: vec!["9".into()], ..findings(vec![], &["9"]) };
    for changes in [by_delta(&named, &origin()), snapshot(&named, &missing, &keeps)] {
        assert_eq!(changes["uk-9"], Change::Gone { missing: None });
    }
}

#[test]
fn ids_of_another_prefix_are_missing_as_they_are_known() {
    let changes = by_snapshot(&findings(vec![], &[]), &HashMap::new(), vec!["7".into()], &origin());
    assert_eq!(changes, HashMap::from([("7".to_owned(), Change::Missing { reads: 1 })]));
}

fn records<const N: usize>(records: [&[(&str, &str)]; N]) -> HashMap<usize, Kept> {
    let fields = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let kept = records.into_iter().map(|pairs| Kept { fields: fields(pairs), stale: false });
    kept.enumerate().collect()
}

fn two() -> Precedence {
    Precedence { usual: vec![0, 1], of: BTreeMap::new(), employing: BTreeSet::from([0, 1]) }
}

fn merged(precedence: &Precedence, records: &HashMap<usize, Kept>, columns: &[&str]) -> Vec<String> {
    let columns = Columns::new(columns.iter().copied());
    precedence.merge("7", records, &columns).map(str::to_owned).collect()
}

#[test]
fn of_each_attribute_the_first_source_that_has_a_value_counts() {
    let columns = ["status", "work_email", "department"];
    let records = records([
        &[("status", "Active"), ("work_email", "hr@x.test")],
        &[("status", "Left"), ("work_email", "it@x.test"), ("department", "Finance")],
    ]);
    let of = BTreeMap::from([("work_email".to_owned(), vec![1])]);
    assert_eq!(Columns::new(columns).names(), ["employee_id", "department", "status", "work_email"]);
    assert_eq!(
        merged(&Precedence { of, ..two() }, &records, &columns),
        ["7", "Finance", "Active", "it@x.test"]
    );
}

#[test]
fn a_status_that_is_left_empty_by_the_source_that_leads_is_not_filled_by_another() {
    let columns = ["status", "department"];
    let records = records([&[("department", "Finance")], &[("status", "Terminated")]]);
    assert_eq!(merged(&two(), &records, &columns), ["7", "Finance", ""]);
    // Unless it has no column for the status, or the other one comes first.
    let employing = BTreeSet::from([1]);
    assert_eq!(merged(&Precedence { employing, ..two() }, &records, &columns)[2], "Terminated");
    let of = BTreeMap::from([("status".to_owned(), vec![1])]);
    assert_eq!(merged(&Precedence { of, ..two() }, &records, &columns)[2], "Terminated");
}

#[test]
fn a_record_that_is_not_delivered_any_more_comes_behind_one_that_is() {
    let columns = ["status", "department", "location"];
    let mut records = records([
        &[("status", "Active"), ("department", "Finance"), ("location", "Oslo")],
        &[("status", "Terminated"), ("department", "Legal")],
    ]);
    records.get_mut(&0).unwrap().stale = true;
    assert_eq!(merged(&two(), &records, &columns), ["7", "Legal", "Oslo", "Terminated"]);
    records.remove(&1);
    assert_eq!(merged(&two(), &records, &columns), ["7", "Finance", "Oslo", "Active"]);
}

#[test]
fn a_day_on_which_one_employment_ended_is_not_put_to_the_status_of_another() {
    let columns = ["status", "hire_date", "termination_date", "department"];
    let records = records([
        &[("status", "Active"), ("hire_date", "2026-02-01")],
        &[("status", "Terminated"), ("termination_date", "2026-01-31"), ("department", "Finance")],
    ]);
    assert_eq!(merged(&two(), &records, &columns), ["7", "Finance", "2026-02-01", "Active", ""]);
    // Unless that is what is asked for.
    let of = BTreeMap::from([("termination_date".to_owned(), vec![1])]);
    assert_eq!(merged(&Precedence { of, ..two() }, &records, &columns)[4], "2026-01-31");
}

#[test]
fn why_somebody_is_away_or_has_left_is_said_by_the_source_of_the_status() {
    let columns = ["status", "leave_type", "termination_reason", "location"];
    let records = records([
        &[("status", "On Leave")],
        &[
            ("status", "Active"),
            ("leave_type", "Medical"),
            ("termination_reason", "For cause"),
            ("location", "Oslo"),
        ],
    ]);
    // The place is the person's, whoever knows it.
    assert_eq!(merged(&two(), &records, &columns), ["7", "", "Oslo", "On Leave", ""]);
}
