use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::access::{AccessRules, AccessSettings, Provision, RoleSettings};
use super::super::action::DeprovisionBy;
use super::super::desired::AttributePolicy;
use super::super::desired::tests::user_mapping;
use super::super::lifecycle::OnRename;
use super::super::mapping::Tables;
use super::super::name_rules::NameRules;
use super::super::person::tests::lifecycle;
use super::super::planner::{Absence, Rulebook};
use super::super::record::Columns;
use super::*;

fn columns() -> Arc<Columns> {
    Columns::new([
        "status",
        "hire_date",
        "termination_date",
        "given_name",
        "family_name",
        "work_email",
        "job_title",
    ])
}

fn rulebook(provision: Provision, on_rename: OnRename) -> Rulebook {
    let settings = AccessSettings {
        provision,
        keep_on_role_loss: true,
        grants: vec!["role:viewer".into()],
        roles: vec![RoleSettings {
            name: "chiefs".into(),
            when: "job_title in ['CFO', 'CEO']".into(),
            grants: vec!["Board".into()],
        }],
    };
    let lifecycle = lifecycle(|settings| {
        settings.deprovision_days_after_termination = 14;
        settings.provision_days_before_hire = 2;
        settings.on_rename = on_rename;
    });
    let names = match on_rename {
        OnRename::Keep => AttributePolicy::OnCreate,
        OnRename::Update => AttributePolicy::Always,
    };
    let users = user_mapping().with_policies(BTreeMap::from([("userName".to_owned(), names)]));
    let access = AccessRules::compile(&settings, lifecycle, columns().names(), &Tables::new());
    Rulebook {
        access: access.ok().unwrap(),
        users: users.ok().unwrap(),
        names: NameRules::default(),
        date_formats: vec!["%Y-%m-%d".into()],
        deprovision: DeprovisionBy::Suspend,
        absence: Absence::Deprovision,
        absence_runs: 1,
        group_by: None,
        seed: 1,
    }
}

fn read_by(text: &str, headers: &[(&str, &[&str])]) -> Result<Vec<Example>, Vec<String>> {
    let named = |(header, ours): &(&str, &[&str])| {
        ((*header).to_owned(), ours.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
    };
    let headers: BTreeMap<String, BTreeSet<String>> = headers.iter().map(named).collect();
    let rulebook = rulebook(Provision::Roles, OnRename::Update);
    read(text, &Ground { columns: &columns(), headers: &headers, paths: rulebook.users.paths() })
}

/// The verdicts on rows of a CFO, Ana Ruiz, whose cells begin with the header's ones; on 2026-12-01.
fn verdicts(rulebook: &Rulebook, header: &str, rows: &[&str]) -> Vec<Verdict> {
    let mut text = format!("employee_id,given_name,family_name,work_email,{header}\n");
    for (at, row) in rows.iter().enumerate() {
        text += &format!("{},Ana,Ruiz,ana@x.test,{row}\n", at + 1);
    }
    let examples = read_by(&text, &[]).unwrap();
    examples.iter().map(|example| judge(example, rulebook, "2026-12-01".parse().unwrap())).collect()
}

fn misses(verdict: &Verdict) -> Vec<String> {
    verdict.failures.iter().map(|miss| format!("{}={}", miss.column, miss.came)).collect()
}

#[test]
fn each_question_is_answered_and_what_came_otherwise_is_told_with_what_came() {
    let rulebook = rulebook(Provision::Roles, OnRename::Update);
    let header = "status,job_title,hire_date,termination_date,expect.access,expect.roles,expect.grants,expect.from,\
                  expect.until,expect.userName,expect.title,expect.reason";
    let told = verdicts(
        &rulebook,
        header,
        &[
            "Active,CFO,2026-12-03,2027-01-31,active,chiefs,Board; role:viewer,2026-12-01,2027-02-14,ana@x.test,CFO,in role chiefs",
            "Active,Clerk,,,none,(none),(none),(none),(none),(none),(none),by access.roles",
            "Active,CFO,,,suspended,(none),Board,2026-12-01,2026-12-01,bo@x.test,(none),left",
        ],
    );
    assert!(told[0].ok && told[1].ok, "{told:?}");
    assert_eq!(
        misses(&told[2]),
        [
            "expect.access=active",
            "expect.roles=chiefs",
            "expect.grants=Board; role:viewer",
            "expect.from=(none)",
            "expect.until=(none)",
            "expect.userName=ana@x.test",
            "expect.title=CFO",
            "expect.reason=employed, in role chiefs (by access.roles)",
        ]
    );
}

#[test]
fn an_account_that_is_there_before_decides_where_it_ends_and_which_user_name_it_keeps() {
    let header = "status,job_title,test.account,test.user_name,expect.access,expect.userName";
    let rows = [
        "Terminated,CFO,,,none,(none)",
        "Terminated,CFO,active,,suspended,(none)",
        "Terminated,CFO,suspended,,suspended,(none)",
        "Active,CFO,suspended,old@x.test,active,old@x.test",
        "Active,Clerk,active,,active,ana@x.test",
        "Active,Clerk,suspended,,suspended,(none)",
    ];
    let told = verdicts(&rulebook(Provision::Roles, OnRename::Keep), header, &rows);
    assert!(told.iter().all(|one| one.ok), "{told:?}");
    assert_eq!(told[4].rests_on, "access.keep_on_role_loss");
    let deleting =
        Rulebook { deprovision: DeprovisionBy::Delete, ..rulebook(Provision::Roles, OnRename::Keep) };
    assert_eq!(verdicts(&deleting, header, &rows)[1].access, End::Deleted);
}

#[test]
fn the_day_of_a_row_goes_before_the_day_of_the_run() {
    let told = verdicts(
        &rulebook(Provision::All, OnRename::Update),
        "status,termination_date,test.as_of,test.account,expect.access",
        &[
            "Active,2026-12-31,2027-01-15,active,suspended",
            "Active,2026-12-31,2027-01-14,active,active",
            "Active,2026-12-31,2027-01-14,none,none",
            "Active,2026-12-31,,none,active",
        ],
    );
    assert!(told.iter().all(|one| one.ok), "{told:?}");
    assert_eq!(told[3].as_of.to_string(), "2026-12-01");
}

#[test]
fn a_record_that_cannot_be_used_is_rejected_and_answers_nothing_else() {
    let told = verdicts(
        &rulebook(Provision::All, OnRename::Update),
        "status,expect.access,expect.reason,expect.userName",
        &[
            "Actve,rejected,unknown_status,",
            "Actve,rejected,is in none of lifecycle.active,",
            "Actve,none,,(none)",
        ],
    );
    assert!(told[0].ok && told[1].ok, "{told:?}");
    assert_eq!(misses(&told[2]), ["expect.access=rejected", "expect.userName=rejected"]);
}

#[test]
fn a_column_may_have_our_name_or_the_source_s_where_that_is_clear() {
    let headers: &[(&str, &[&str])] =
        &[("Status", &["status"]), ("Mail", &["work_email"]), ("Date", &["hire_date", "termination_date"])];
    let examples =
        read_by("\u{feff}employee_id,Status,Mail,expect.access\n7,Active,a@x.test,active\n", headers);
    let examples = examples.unwrap();
    assert_eq!(examples[0].record.get("work_email"), Some("a@x.test"));
    for (header, said) in [
        ("Date", "'Date' may mean hire_date or termination_date"),
        ("status,Status", "'Status' means what another one means"),
        ("Emial", "'Emial' is neither one of source.columns nor a header"),
        ("expect.user_name", "'expect.user_name' asks for nothing"),
        ("test.day", "'test.day' is none; write test.name"),
    ] {
        let faults = read_by(&format!("employee_id,expect.access,{header}\n"), headers).unwrap_err();
        assert!(faults[0].starts_with("line 1: ") && faults[0].contains(said), "{faults:?}");
    }
}

#[test]
fn a_table_that_could_never_fail_or_never_hold_is_refused_with_its_line() {
    for (text, said) in [
        ("", "is empty"),
        ("employee_id,expect.access\n", "has no row"),
        ("expect.access\nactive\n", "line 1: has no column 'employee_id'"),
        ("employee_id,status\n1,Active\n", "line 1: has no column that expects"),
        ("employee_id,expect.access\n\n1,active,\n", "line 3: has 3 cells"),
        ("employee_id,expect.access\n1,\n", "line 2: expects nothing"),
        ("employee_id,expect.access\n,active\n", "line 2: has no employee_id"),
        (
            "employee_id,expect.access\n1,yes\n",
            "line 2: expect.access is 'yes'; write one of active, suspended",
        ),
        ("employee_id,expect.until\n1,31.12.2026\n", "line 2: expect.until is '31.12.2026', no day"),
        ("employee_id,test.as_of,expect.access\n1,soon,active\n", "line 2: test.as_of is 'soon'"),
        ("employee_id,test.account,expect.access\n1,there,active\n", "line 2: test.account is 'there'"),
        (
            "employee_id,test.user_name,expect.access\n1,a,active\n",
            "line 2: has test.user_name, but no account",
        ),
    ] {
        let faults = read_by(text, &[]).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(said)), "{said}: {faults:?}");
    }
}
