use serde_json::json;

use super::super::matching::match_people;
use super::*;
use crate::core::identity::MatchAttribute;
use crate::core::roster::tests::roster;

fn claimant(id: &str) -> Claimant {
    Claimant {
        employee_id: id.into(),
        attributes: [
            ("userName".to_owned(), format!("{id}@x.test")),
            ("emails.work".into(), "ana@x.test".into()),
        ]
        .into(),
        wants_access: true,
        standing: Standing::Unlinked,
        mark: None,
        found_before: Vec::new(),
    }
}

/// Two employees with one e-mail address, which two users have; a third one who is linked by user name.
fn judged(rows: &[(&str, &str, Decision)]) -> Result<Decided, Vec<String>> {
    let claimants = [claimant("1001"), claimant("1002"), claimant("1003")];
    let user =
        |id: &str, name: &str, mail: &str| json!({"id": id, "userName": name, "emails": [{"value": mail}]});
    let users =
        [user("u1", "a", "ana@x.test"), user("u2", "b", "ana@x.test"), user("u3", "1003@x.test", "c@x.test")];
    let roster = roster(&["userName", "emails.work"], &users);
    let matching =
        match_people(&claimants, &roster, &Owners::new(), &[MatchAttribute::UserName], false, true);
    assert_eq!((matching.doubtful.len(), matching.links.len()), (2, 1));
    let rows: Vec<DecidedRow> = (2..)
        .zip(rows)
        .map(|(row, (employee_id, scim_id, decision))| DecidedRow {
            row,
            employee_id: (*employee_id).into(),
            scim_id: (*scim_id).into(),
            decision: *decision,
        })
        .collect();
    decide(&rows, &claimants, &matching, &roster, &Owners::new())
}

#[test]
fn each_word_has_its_effect() {
    let decided = judged(&[("1001", "u1", Decision::Link), ("1002", "u1", Decision::New)]).unwrap();
    assert_eq!(decided.links, [Link { claimant: 0, user: 0 }]);
    assert_eq!(decided.marks, [("1002".to_owned(), AdoptionMark::New)].into());
}

#[test]
fn every_fault_is_named_with_its_row() {
    use Decision::{Link, New, Skip};
    for (rows, said) in [
        (vec![("77", "u1", New)], "row 2: employee 77 is not in the HR source"),
        (vec![("1001", "u9", Link)], "row 2: the Workiva user 'u9' is no candidate"),
        (vec![("1001", "u3", Link)], "row 2: the Workiva user 'u3' is no candidate"),
        (
            vec![("1001", "u1", Link), ("1001", "u2", Link)],
            "row 3: employee 1001 is linked to u2 here and to u1",
        ),
        (
            vec![("1001", "u1", Link), ("1002", "u1", Link)],
            "row 3: the Workiva user u1 is linked to employee 1002",
        ),
        (
            vec![("1001", "u1", Link), ("1001", "u2", Skip)],
            "row 3: employee 1001 is 'skip' here and 'link' in row 2",
        ),
        (vec![("1003", "u1", Link)], "row 2: employee 1003 is linked to the Workiva user u3 already"),
    ] {
        let faults = judged(&rows).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with(said), "{faults:?}");
    }
    assert_eq!(judged(&[("77", "u1", New), ("1001", "u9", Link)]).unwrap_err().len(), 2);
}

#[test]
fn a_decision_that_holds_already_is_no_fault() {
    assert_eq!(judged(&[("1003", "u3", Decision::Link)]), Ok(Decided::default()));
}
