//! Who is looked at, who is absent, and what is rejected.

use super::super::record::Columns;
use super::*;

const ABSENT: Fingerprint = Fingerprint(1);

fn batch(rows: &[(&str, &str)]) -> RecordBatch {
    let mut batch = RecordBatch::new(Columns::new(["status"]), 0);
    for (number, (id, status)) in (1..).zip(rows) {
        batch.push(number, [*id, *status].into_iter());
    }
    batch
}

fn ids(findings: &Findings) -> Vec<&str> {
    findings.changed.iter().map(Record::employee_id).collect()
}

#[test]
fn only_new_changed_and_unsettled_people_are_looked_at() {
    let rows = batch(&[("1", "Active"), ("2", "Active"), ("3", "Active"), ("4", "Active")]);
    let mut intake = Intake::default();
    intake.know("1", rows.head(0).2);
    intake.know("2", Fingerprint(77));
    intake.know("3", rows.head(2).2);
    intake.unsettle("3");
    intake.accept(rows);
    let findings = intake.finish(ABSENT);
    assert_eq!(ids(&findings), ["2", "3", "4"]);
    assert!(findings.absent.is_empty());
}

#[test]
fn whoever_waits_is_known_by_the_record_that_it_was_planned_for() {
    let rows = batch(&[("1", "Active"), ("2", "Active"), ("3", "Active"), ("5", "Active"), ("5", "Left")]);
    let mut intake = Intake::default();
    for id in ["1", "2", "3", "4", "5"] {
        intake.know(id, Fingerprint::NONE);
    }
    intake.know("2", rows.head(1).2);
    intake.wait("1", rows.head(0).2);
    intake.wait("2", Fingerprint(77));
    intake.wait("3", rows.head(2).2);
    intake.unsettle("3");
    intake.wait("4", Fingerprint(78));
    intake.wait("5", rows.head(3).2);
    intake.accept(rows);
    let findings = intake.finish(ABSENT);
    assert_eq!(ids(&findings), ["2", "3"], "also who is as they were settled before what waits");
    assert_eq!((&*findings.absent, findings.waiting), (&["4".to_owned()][..], 1));
    assert_eq!(findings.rejected.len(), 1);
}

#[test]
fn whoever_is_taken_in_by_the_fingerprint_alone_counts_as_if_by_the_record() {
    let rows = batch(&[("1", "Active"), ("2", "Active")]);
    let heads: Vec<(String, Fingerprint)> =
        (0..2).map(|at| (rows.head(at).0.to_owned(), rows.head(at).2)).collect();
    let known = || {
        let mut intake = Intake::default();
        intake.know("1", heads[0].1);
        intake.know("2", Fingerprint(77));
        intake
    };
    let (mut by_records, mut by_heads) = (known(), known());
    by_records.accept(batch(&[("1", "Active"), ("2", "Active")]));
    assert!(by_heads.accept_settled("1", heads[0].1));
    assert!(!by_heads.accept_settled("2", heads[1].1), "changed");
    assert!(!by_heads.accept_settled("3", heads[1].1), "new");
    by_heads.accept(rows.without(|id| id == "1"));
    let (one, other) = (by_records.finish(ABSENT), by_heads.finish(ABSENT));
    assert_eq!((ids(&one), one.rows, one.digest), (ids(&other), other.rows, other.digest));
    assert_eq!((&one.absent, &other.absent), (&Vec::new(), &Vec::new()));
}

#[test]
fn equal_rows_are_one_and_rows_that_differ_reject_the_person_who_is_not_absent() {
    let mut intake = Intake::default();
    intake.know("2", Fingerprint(77));
    intake.accept(batch(&[
        ("1", "Active"),
        ("1", "Active"),
        ("2", "Active"),
        ("2", "Left"),
        ("2", "Active"),
    ]));
    let findings = intake.finish(ABSENT);
    assert_eq!(ids(&findings), ["1"]);
    assert!(findings.absent.is_empty(), "a rejected person never looks like a leaver");
    assert_eq!(findings.rejected.len(), 1);
    assert!(findings.rejected[0].reason.contains("rows 3, 4"), "{}", findings.rejected[0].reason);
}

#[test]
fn of_rows_that_differ_the_one_that_is_as_it_was_is_named_as_well() {
    let rows = batch(&[("1", "Active"), ("2", "Active"), ("2", "Left")]);
    let mut intake = Intake::default();
    intake.know("2", rows.head(1).2);
    intake.accept(rows);
    let findings = intake.finish(ABSENT);
    assert!(findings.rejected[0].reason.contains("rows 2, 3"), "{}", findings.rejected[0].reason);
    assert_eq!((findings.rejected[0].row, ids(&findings)), (Some(2), vec!["1"]));
}

#[test]
fn whoever_is_not_delivered_is_absent_once_and_then_settled_as_absent() {
    let mut intake = Intake::default();
    intake.know("1", Fingerprint(5));
    intake.know("2", ABSENT);
    let findings = intake.finish(ABSENT);
    assert_eq!(findings.absent, ["1"]);
}

#[test]
fn whoever_is_settled_as_absent_and_kept_is_looked_at_again_once_they_are_known_to_be_gone() {
    let findings = |settled, is_gone: bool| {
        let mut intake = Intake::default();
        intake.know("1", settled);
        if is_gone {
            intake.leave("1");
        }
        intake.leave("never heard of");
        let findings = intake.finish(ABSENT);
        (findings.absent.len(), findings.gone.len())
    };
    assert_eq!(findings(Fingerprint(5), false), (1, 0));
    assert_eq!(findings(Fingerprint(5), true), (1, 1));
    assert_eq!(findings(ABSENT.kept(), false), (0, 0));
    assert_eq!(findings(ABSENT.kept(), true), (1, 1));
    assert_eq!(findings(ABSENT, true), (0, 0));
}

#[test]
fn who_is_refused_is_not_absent_and_not_judged_by_an_older_record() {
    let refuse = |id: Option<&str>| Rejection {
        employee_id: id.map(str::to_owned),
        row: None,
        kind: RejectionKind::UnfitField,
        reason: "is a list".into(),
    };
    let mut intake = Intake::default();
    ["1", "2", "3"].iter().for_each(|id| intake.know(id, Fingerprint(5)));
    intake.accept(batch(&[("1", "Left"), ("3", "Left")]));
    [Some("1"), Some("2"), None].into_iter().for_each(|id| intake.refuse(refuse(id)));
    let findings = intake.finish(ABSENT);
    assert_eq!((ids(&findings), findings.absent.len()), (vec!["3"], 0));
    assert_eq!((findings.rejected.len(), findings.without_id, findings.rows), (3, 1, 2));
}

#[test]
fn who_is_gone_by_one_record_and_there_by_another_is_rejected_in_either_order() {
    for is_gone_first in [true, false] {
        let mut intake = Intake::default();
        ["1", "2", "3"].iter().for_each(|id| intake.know(id, Fingerprint(5)));
        let mut gone = batch(&[]);
        gone.gone = vec!["1".into(), "2".into(), "1".into()];
        let there = batch(&[("1", "Active"), ("3", "Active")]);
        let batches = if is_gone_first { [gone, there] } else { [there, gone] };
        batches.into_iter().for_each(|batch| intake.accept(batch));
        let findings = intake.finish(ABSENT);
        assert_eq!(ids(&findings), ["3"]);
        let rejected: Vec<_> = findings.rejected.iter().map(|one| one.employee_id.as_deref()).collect();
        assert_eq!(rejected, [Some("1")]);
    }
}

#[test]
fn a_spoiled_row_takes_its_good_twin_with_it_and_a_row_without_an_id_is_counted() {
    let mut rows = batch(&[("1", "Active")]);
    let reject = |id: Option<&str>| Rejection {
        employee_id: id.map(str::to_owned),
        row: Some(9),
        kind: RejectionKind::FieldCount,
        reason: "short".into(),
    };
    rows.rejections = vec![reject(Some("1")), reject(None)];
    let mut intake = Intake::default();
    intake.accept(rows);
    let mut findings = intake.finish(ABSENT);
    findings.doubt(|_| false);
    assert!(findings.changed.is_empty());
    // Nobody known has the damaged row's id, which another row has as well: it may be anybody's.
    assert_eq!((findings.rejected.len(), findings.without_id, findings.rows), (2, 2, 3));
    let mut known = Intake::default();
    known.know("1", Fingerprint(7));
    let mut damaged = batch(&[]);
    damaged.rejections = vec![reject(Some("1"))];
    known.accept(damaged);
    let mut findings = known.finish(ABSENT);
    findings.doubt(|_| false);
    assert_eq!(findings.without_id, 0, "it is theirs");
}

#[test]
fn the_digest_minds_values_but_not_the_order_of_rows() {
    let digest = |rows: &[(&str, &str)]| {
        let mut intake = Intake::default();
        intake.accept(batch(rows));
        intake.finish(ABSENT).digest
    };
    assert_eq!(digest(&[("1", "a"), ("2", "b")]), digest(&[("2", "b"), ("1", "a")]));
    assert_ne!(digest(&[("1", "a"), ("2", "b")]), digest(&[("1", "b"), ("2", "a")]));
}
