//! Groups that roles grant: memberships in the same plan, guard, outbox and audit, through the real binary.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::time::Duration;

use common::{Calendar, Front, Row, Way, World, is_active, kinds, people, until};
use serde_json::Value;
use workiva_sync::sandbox::SandboxOptions;

const Q1: &str = "workspace:Q1";
const G7: &str = "workspace:Q1:group:G7";
const Q2: &str = "workspace:Q2";

/// A world where everybody of Finance is in one workspace, editors are in something inside of it, and Legal has another workspace.
struct Groups {
    world: World,
}

impl Groups {
    fn new() -> Self {
        Self::with(SandboxOptions { hold: Duration::from_millis(200), ..SandboxOptions::default() })
    }

    fn with(options: SandboxOptions) -> Self {
        let world = World::with(options);
        for (id, name) in [(Q1, "Finance"), (G7, "Finance Editors"), (Q2, "Legal"), ("role:viewer", "Viewer")]
        {
            world.sandbox.seed_group(id, name).unwrap();
        }
        let mut groups = Self { world };
        groups.roles(&[
            ("finance", "department == 'Finance'", &[Q1]),
            ("legal", "department == 'Legal'", &[Q2]),
            ("editors", "job_title == 'Editor'", &["Finance Editors"]),
        ]);
        groups.world.set("guard.max_revoke_percent", 100.0);
        groups
    }

    fn roles(&mut self, roles: &[(&str, &str, &[&str])]) {
        let roles: Vec<toml::Value> = roles
            .iter()
            .map(|(name, when, grants)| {
                let grants: Vec<toml::Value> = grants.iter().map(|grant| (*grant).into()).collect();
                let role = [("name", (*name).into()), ("when", (*when).into()), ("grants", grants.into())];
                toml::Table::from_iter(role.map(|(key, value): (&str, toml::Value)| (key.to_owned(), value)))
                    .into()
            })
            .collect();
        self.world.set("access.roles", roles);
    }

    /// The user names in a group.
    fn members(&self, group: &str) -> Vec<String> {
        let name =
            |id: &String| self.world.sandbox.user(id).unwrap()["userName"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = self.world.sandbox.members(group).iter().map(name).collect();
        names.sort();
        names
    }

    /// Somebody puts these users into a group by hand, beside those who are in it.
    fn add_by_hand(&self, group: &str, user_name: &str) {
        let id = self.world.user(user_name).unwrap()["id"].as_str().unwrap().to_owned();
        let mut members = self.world.sandbox.members(group);
        members.push(id);
        self.world.sandbox.set_members(group, members).unwrap();
    }

    /// Somebody takes this user out of a group by hand, beside whom the others stay.
    fn take_out_by_hand(&self, group: &str, user_name: &str) {
        let id = self.world.user(user_name).unwrap()["id"].as_str().unwrap().to_owned();
        let left = self.world.sandbox.members(group).into_iter().filter(|other| *other != id);
        self.world.sandbox.set_members(group, left.collect::<Vec<_>>()).unwrap();
    }

    /// By whom somebody's memberships were given.
    fn given(&self, employee_id: &str) -> Value {
        let told = self.world.run(&["explain", employee_id, "--json"]);
        serde_json::from_str::<Value>(&told.stdout).unwrap()["memberships"].clone()
    }

    /// A second run finds nothing.
    fn assert_quiet(&self) {
        self.world.sync().assert_unchanged();
    }

    /// What the newest run had to say.
    fn message(&self) -> String {
        self.world.status()["runs"][0]["message"].as_str().unwrap_or_default().to_owned()
    }

    fn plan(&self) -> Vec<Value> {
        let output = self.world.run(&["plan", "--json"]);
        let plan: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        plan["actions"].as_array().unwrap().clone()
    }
}

fn ana() -> Row {
    Row::new("1001", "Ana", "Lima")
}

const ANA: &str = "ana.lima@example.com";

#[test]
fn one_run_makes_an_account_and_gives_the_workspace_and_then_what_is_inside_of_it() {
    let groups = Groups::new();
    let editor = ana().but(|row| row.title = "Editor".into());
    let synced = groups.world.sync_rows(&[editor], 0);
    assert_eq!(synced.applied(), kinds([("create", 1), ("grant", 2)]));
    assert_eq!((groups.members(Q1), groups.members(G7)), (vec![ANA.to_owned()], vec![ANA.to_owned()]));
    groups.assert_quiet();
}

#[test]
fn a_plan_shows_each_membership_with_the_group_and_the_role() {
    let groups = Groups::new();
    groups.world.hr(&[ana().but(|row| row.title = "Editor".into())]);
    let plan: Vec<_> = groups
        .plan()
        .iter()
        .map(|one| (one["kind"].clone(), one["changes"][0]["to"].clone(), one["because"].clone()))
        .collect();
    assert_eq!(
        serde_json::json!(plan[1..]),
        serde_json::json!([
            ["grant", Q1, "role finance grants it"],
            ["grant", G7, "role editors grants it as 'Finance Editors'"],
        ])
    );
}

#[test]
fn a_role_that_is_lost_takes_back_what_no_other_role_grants_what_is_inside_first() {
    let groups = Groups::new();
    let editor = ana().but(|row| row.title = "Editor".into());
    groups.world.sync_rows(std::slice::from_ref(&editor), 0);
    let moved = editor.but(|row| row.department = "Legal".into());
    let synced = groups.world.sync_rows(std::slice::from_ref(&moved), 0);
    // The editors' group still needs the workspace of Finance.
    assert_eq!(synced.applied(), kinds([("grant", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (1, 1));
    let analyst = moved.but(|row| row.title = "Analyst".into());
    let synced = groups.world.sync_rows(&[analyst], 0);
    assert_eq!(synced.applied(), kinds([("revoke", 2), ("update", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.members(G7).len(), groups.members(Q2).len()), (0, 0, 1));
    groups.assert_quiet();
}

#[test]
fn whoever_was_added_by_hand_stays_and_so_does_a_membership_that_was_there_before_us() {
    let groups = Groups::new();
    let (ana, bo) = (ana(), Row::new("1002", "Bo", "Ek").but(|row| row.department = "Legal".into()));
    groups.world.sync_rows(&[ana.clone(), bo.clone()], 0);
    groups.add_by_hand(Q1, "bo.ek@example.com");
    let moved = bo.but(|row| row.department = "Finance".into());
    // It is granted, and there already: nothing is written for it.
    let synced = groups.world.sync_rows(&[ana.clone(), moved.clone()], 0);
    assert_eq!(synced.applied(), kinds([("grant", 1), ("revoke", 1)]));
    let synced = groups.world.sync_rows(&[ana, bo], 0);
    assert_eq!(synced.applied(), kinds([("grant", 1)]));
    assert_eq!(groups.members(Q1), [ANA, "bo.ek@example.com"]);
    groups.assert_quiet();
}

#[test]
fn a_leaver_keeps_memberships_and_a_rehire_gets_the_difference() {
    let groups = Groups::new();
    groups.world.sync_rows(&[ana()], 0);
    let synced = groups.world.sync_rows(&[ana().left()], 0);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]));
    assert_eq!(groups.members(Q1), [ANA]);
    let back = ana().but(|row| row.department = "Legal".into());
    let synced = groups.world.sync_rows(&[back], 0);
    assert_eq!(synced.applied(), kinds([("reactivate", 1), ("grant", 1), ("revoke", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2)), (0, vec![ANA.to_owned()]));
    groups.assert_quiet();
}

#[test]
fn a_grace_leaves_a_leaver_the_workspace_and_gives_none() {
    let mut groups = Groups::new();
    groups.world.set("source.columns.hire_date", "First Day");
    groups.world.set("source.columns.termination_date", "Last Day");
    groups.world.set("lifecycle.deprovision_days_after_termination", 14);
    groups.world.set("guard.max_deprovision_percent", 100.0);
    let calendar = Calendar::of(groups.world);
    let stays = (Row::new("1002", "Bo", "Ek"), "", "");
    calendar.hr(&[(ana(), "", ""), stays.clone()]);
    calendar.sync_on("2026-11-19");
    // HR moves her as she leaves, into what another role grants, and something inside of it.
    let moved = ana().left().but(|row| (row.department, row.title) = ("Legal".into(), "Editor".into()));
    calendar.hr(&[(moved, "", "2026-11-20"), stays]);
    for day in ["2026-11-25", "2026-11-26"] {
        let applied = calendar.sync_on(day).0;
        assert_eq!((applied.suspend, applied.grant, applied.revoke), (0, 0, 0), "{day}");
        let sandbox = &calendar.world.sandbox;
        assert_eq!([Q1, Q2, G7].map(|group| sandbox.members(group).len()), [2, 0, 0], "{day}");
    }
    assert!(is_active(&calendar.world.user(ANA).unwrap()));
    assert_eq!(calendar.sync_on("2026-12-05").0.suspend, 1);
}

#[test]
fn the_last_workspace_counts_as_a_deprovision_and_the_account_is_led_back() {
    let mut groups = Groups::new();
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("all", "true", &[])]);
    groups.world.sync_rows(&[ana()], 0);
    let moved = ana().but(|row| row.department = "Sales".into());
    groups.world.set("guard.max_deprovision_count", 0);
    let held = groups.world.sync_rows(std::slice::from_ref(&moved), 3);
    assert_eq!(held.hold_codes(), ["deprovision_count"]);
    assert!(groups.message().contains("last workspace"), "{}", groups.message());
    assert_eq!(groups.members(Q1), [ANA]);
    let approved = groups.world.run(&["approve", held.plan_id(), "--by", "test"]);
    assert_eq!(approved.exit, 0, "{approved:?}");
    // Workiva suspends the account for it; HR says that there is one, so it is led back in the same call.
    assert_eq!(groups.world.sync().applied(), kinds([("revoke", 1), ("reactivate", 1)]));
    assert!(groups.members(Q1).is_empty());
    assert_eq!(groups.world.user(ANA).unwrap()["active"], true);
    groups.assert_quiet();
}

#[test]
fn a_daemon_gives_back_at_once_the_access_that_went_with_the_last_workspace() {
    let mut groups = Groups::new();
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("all", "true", &[])]);
    groups.world.sync_rows(&[ana()], 0);
    groups.world.hr(&[ana().but(|row| row.department = "Sales".into())]);
    // No tick of the schedule comes while this runs; the run at the start is the only one that is not asked for.
    let mut daemon = groups.world.daemon();
    until("it is taken, and the account led back", || {
        let reactivated =
            groups.world.number("SELECT count(*) FROM action WHERE kind = 'reactivate' AND state = 'done'");
        groups.members(Q1).is_empty() && reactivated == 1
    });
    assert_eq!(daemon.stop(), 0);
    assert_eq!(groups.world.user(ANA).unwrap()["active"], true);
}

#[test]
fn what_was_given_by_hand_inside_of_a_workspace_goes_with_it_and_the_plan_says_so() {
    let mut groups = Groups::new();
    groups.roles(&[
        ("finance", "department == 'Finance'", &[Q1]),
        ("legal", "department == 'Legal'", &[Q2]),
        ("editors", "department == 'Finance' and job_title == 'Editor'", &["Finance Editors"]),
    ]);
    groups.world.sync_rows(&[ana()], 0);
    groups.add_by_hand(G7, ANA);
    groups.world.sync_rows(&[ana().but(|row| row.title = "Editor".into())], 0);
    let moved = ana().but(|row| row.department = "Legal".into());
    groups.world.hr(std::slice::from_ref(&moved));
    let told = groups.world.run(&["plan"]).stdout;
    assert!(told.contains("1 person loses with a workspace what somebody gave them by hand"), "{told}");
    assert!(told.contains("(employee 1001: workspace:Q1:group:G7 with workspace:Q1)"), "{told}");
    let because = groups.plan()[0]["because"].as_str().unwrap().to_owned();
    assert!(
        because.contains("workspace:Q1:group:G7, which somebody gave them by hand, goes along"),
        "{because}"
    );
    groups.world.sync_rows(&[moved], 0);
    assert_eq!((groups.members(Q1).len(), groups.members(G7).len(), groups.members(Q2).len()), (0, 0, 1));
    groups.assert_quiet();
}

#[test]
fn who_was_taken_out_of_the_other_workspace_by_hand_keeps_the_one_that_ends_until_somebody_has_looked() {
    let mut groups = Groups::new();
    groups.world.set("drift.max_repair_percent", 100.0);
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("everybody", "true", &[Q2])]);
    let rows = people(4);
    groups.world.sync_rows(&rows, 0);
    let out = groups.world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    let left = groups.world.sandbox.members(Q2).into_iter().filter(|id| *id != out);
    groups.world.sandbox.set_members(Q2, left.collect::<Vec<_>>()).unwrap();
    let mut moved = rows.clone();
    (moved[0].department, moved[1].department) = ("Sales".into(), "Sales".into());
    groups.world.sync_rows(&moved, 4);
    assert!(groups.world.parked()["1001"].contains("gives that back, then retry"));
    assert_eq!(groups.members(Q1).len(), 3, "of the other one it is taken");
    assert_eq!(active(&groups), 4);
    groups.world.run(&["drift", "--repair"]);
    groups.world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    groups.world.sync();
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len(), active(&groups)), (2, 4, 4));
    groups.assert_quiet();
}

#[test]
fn who_comes_back_is_put_into_the_workspace_again_from_which_somebody_took_them_meanwhile() {
    let groups = Groups::new();
    let rows = people(3);
    groups.world.sync_rows(&rows, 0);
    groups.world.sync_rows(&[rows[0].left(), rows[1].clone(), rows[2].clone()], 0);
    let out = groups.world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    let left = groups.world.sandbox.members(Q1).into_iter().filter(|id| *id != out);
    groups.world.sandbox.set_members(Q1, left.collect::<Vec<_>>()).unwrap();
    assert_eq!(groups.world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 1), ("grant", 1)]));
    assert_eq!((groups.members(Q1).len(), active(&groups)), (3, 3));
    groups.assert_quiet();
}

#[test]
fn one_repair_gives_back_the_account_and_the_workspace_of_who_was_taken_out_of_their_only_one() {
    let mut groups = Groups::new();
    groups.world.set("drift.max_repair_percent", 100.0);
    let rows = people(4);
    groups.world.sync_rows(&rows, 0);
    let out = groups.world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    let left = groups.world.sandbox.members(Q1).into_iter().filter(|id| *id != out);
    groups.world.sandbox.set_members(Q1, left.collect::<Vec<_>>()).unwrap();
    groups.world.sandbox.edit_user(&out, |user| user["active"] = false.into()).unwrap();
    groups.world.run(&["drift", "--repair"]).assert_says(0, &[]);
    assert_eq!((groups.members(Q1).len(), active(&groups)), (4, 4));
    groups.assert_quiet();
}

/// Answers what is to put people into the workspace of Legal with 400.
const NO_LEGAL: Way = Way::Denying("PATCH /scim/v2/Groups/workspace%3AQ2 ");

fn active(groups: &Groups) -> usize {
    groups.world.sandbox.users().iter().filter(|user| is_active(user)).count()
}

#[test]
fn who_moves_to_a_workspace_that_workiva_refuses_keeps_the_old_one_and_the_account_until_it_is_mended() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.world.set("access.provision", "all");
    groups.world.set("guard.max_deprovision_count", 0);
    let rows = people(7);
    groups.world.sync_rows(&rows, 0);
    front.go(NO_LEGAL);
    let moved: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect();
    let parked = groups.world.sync_rows(&moved, 4);
    assert_eq!((parked.applied(), groups.world.parked().len()), (kinds([]), 7));
    let stands = || {
        assert_eq!((groups.members(Q1).len(), groups.members(Q2).len(), active(&groups)), (7, 0, 7));
        assert!(groups.message().contains("7 people keep a workspace"), "{}", groups.message());
        assert!(groups.message().contains("1000: workspace:Q1 until workspace:Q2"), "{}", groups.message());
        let kept = &groups.world.status()["kept_workspaces"];
        assert_eq!(kept.as_array().unwrap().len(), 7);
        assert_eq!(kept[0], serde_json::json!({"employee_id": "1000", "group": Q1, "waits_for": Q2}));
        let told = groups.world.run(&["explain", "1000"]);
        assert!(told.stdout.contains("1000: workspace:Q1 until workspace:Q2"), "{told:?}");
    };
    groups.world.sync_rows(&moved, 4);
    stands();
    groups.world.run(&["actions", "discard", "--all"]).assert_says(0, &[]);
    groups.world.sync_rows(&moved, 0);
    stands();
    // HR takes it back, and says it again: that is planned anew.
    groups.world.sync_rows(&rows, 0);
    groups.assert_quiet();
    groups.world.sync_rows(&moved, 4);
    front.go(Way::Through);
    groups.world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    assert_eq!(groups.world.sync_rows(&moved, 0).applied()["revoke"], 7);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len(), active(&groups)), (0, 7, 7));
    assert_eq!(groups.world.status()["kept_workspaces"], serde_json::json!([]));
    groups.assert_quiet();
}

#[test]
fn whose_last_workspace_was_to_end_and_an_operator_discarded_that_is_told_of_by_every_run() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.world.set("access.provision", "all");
    let mut rows = people(4);
    groups.world.sync_rows(&rows, 0);
    front.go(Way::Denying("PATCH /scim/v2/Groups/workspace%3AQ1 "));
    rows[0].department = "Sales".into();
    groups.world.sync_rows(&rows, 4);
    groups.world.run(&["actions", "discard", "--all"]).assert_says(0, &[]);
    front.go(Way::Through);
    let synced = groups.world.sync_rows(&rows, 4);
    let keeps = "1 person who is to have no access keeps it, since an operator discarded the action (employee 1000: action ";
    assert!(synced.stderr.contains(keeps) && groups.message().contains(keeps), "{synced:?}");
    assert_eq!((&groups.world.status()["discarded_ends"], groups.members(Q1).len()), (&1.into(), 4));
    let told = groups.world.run(&["explain", "1000", "--json"]).stdout;
    let next = serde_json::from_str::<Value>(&told).unwrap()["next"].clone();
    assert_eq!((&next["step"], &next["kind"]), (&"discarded".into(), &"revoke".into()), "{next}");
    let action = groups.world.number("SELECT action_id FROM action WHERE state = 'discarded'").to_string();
    groups.world.run(&["actions", "retry", &action]).assert_says(0, &[]);
    groups.world.sync_rows(&rows, 0);
    assert_eq!((&groups.world.status()["discarded_ends"], groups.members(Q1).len()), (&0.into(), 3));
    groups.world.sync_rows(&rows, 0);
}

#[test]
fn of_several_workspaces_that_end_one_is_kept_until_the_new_one_is_confirmed() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.world.sandbox.seed_group("workspace:Q3", "Audit").unwrap();
    groups.roles(&[
        ("finance", "department == 'Finance'", &[Q1, "Audit"]),
        ("legal", "department == 'Legal'", &[Q2]),
    ]);
    groups.world.sync_rows(&[ana()], 0);
    front.go(NO_LEGAL);
    let moved = ana().but(|row| row.department = "Legal".into());
    assert_eq!(groups.world.sync_rows(std::slice::from_ref(&moved), 4).applied(), kinds([("revoke", 1)]));
    assert_eq!((groups.members(Q1).len() + groups.members("workspace:Q3").len(), active(&groups)), (1, 1));
    // Where nobody wants another one any more, it is the last one, and counts.
    groups.roles(&[("all", "true", &[]), ("finance", "department == 'Finance'", &[Q1])]);
    groups.world.set("guard.max_deprovision_count", 0);
    let held = groups.world.sync_rows(&[moved], 3);
    assert_eq!(held.hold_codes(), ["deprovision_count"]);
    assert_eq!((groups.members(Q1).len() + groups.members("workspace:Q3").len(), active(&groups)), (1, 1));
}

#[test]
fn who_loses_every_role_and_keeps_the_account_keeps_the_last_workspace_too() {
    let mut groups = Groups::new();
    groups.world.set("access.keep_on_role_loss", true);
    groups.world.set("guard.max_deprovision_count", 0);
    let rows: Vec<Row> = people(7).iter().map(|row| row.but(|row| row.title = "Editor".into())).collect();
    groups.world.sync_rows(&rows, 0);
    let moved: Vec<Row> = rows
        .iter()
        .map(|row| row.but(|row| (row.department, row.title) = ("Sales".into(), "Clerk".into())))
        .collect();
    let synced = groups.world.sync_rows(&moved, 0);
    assert_eq!(synced.applied(), kinds([("revoke", 7), ("update", 7)]), "what is inside of it goes");
    assert_eq!((groups.members(Q1).len(), groups.members(G7).len(), active(&groups)), (7, 0, 7));
    assert!(groups.message().contains("keep_on_role_loss keeps the account"), "{}", groups.message());
    groups.assert_quiet();
    // Once another role grants another workspace, it is a move like any other.
    let legal: Vec<Row> = moved.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect();
    assert_eq!(groups.world.sync_rows(&legal, 0).applied(), kinds([("grant", 7), ("revoke", 7)]));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len(), active(&groups)), (0, 7, 7));
    groups.assert_quiet();
}

#[test]
fn whom_somebody_has_suspended_by_hand_has_had_access_all_the_same() {
    let mut groups = Groups::new();
    groups.world.set("access.keep_on_role_loss", true);
    groups.world.sync_rows(&people(4), 0);
    // Two are suspended by hand, and all lose their role in the same night.
    for number in 0..2 {
        let id = groups.world.user(&people(4)[number].email).unwrap()["id"].as_str().unwrap().to_owned();
        groups.world.sandbox.edit_user(&id, |user| user["active"] = false.into()).unwrap();
    }
    let moved: Vec<Row> =
        people(4).iter().map(|row| row.but(|row| row.department = "Sales".into())).collect();
    groups.world.hr(&moved);
    groups.world.run(&["drift", "--repair"]).assert_says(0, &[]);
    assert_eq!(active(&groups), 4, "the run behind the repair leads back who had access");
    groups.assert_quiet();
    // Whom we have suspended ourselves has had none.
    let left: Vec<Row> = moved.iter().map(Row::left).collect();
    groups.world.set("guard.max_deprovision_percent", 100.0);
    groups.world.sync_rows(&left, 0);
    groups.world.sync_rows(&moved, 0).assert_unchanged();
    assert_eq!(active(&groups), 0);
}

#[test]
fn last_workspaces_add_up_over_runs_and_by_department() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("all", "true", &[])]);
    groups.world.set("guard.max_deprovision_count", 5);
    groups.world.set("guard.max_deprovision_percent", 40.0);
    groups.world.set("guard.max_deprovision_percent_per", "department");
    let rows = people(20);
    groups.world.sync_rows(&rows, 0);
    let moved = |number: usize| -> Vec<Row> {
        let sales = |row: &Row| row.but(|row| row.department = "Sales".into());
        rows.iter().enumerate().map(|(at, row)| if at < number { sales(row) } else { row.clone() }).collect()
    };
    front.go(Way::Unavailable);
    groups.world.sync_rows(&moved(4), 6);
    let held = groups.world.sync_rows(&moved(8), 6);
    assert_eq!(held.hold_codes(), ["deprovision_count"]);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("8 accounts would lose access"), "{message}");
    // Who waits counts in the department that they were in.
    groups.world.set("guard.max_deprovision_count", 100);
    groups.world.sync_rows(&moved(8), 6);
    let held = groups.world.sync_rows(&moved(9), 6);
    assert_eq!(held.hold_codes(), ["deprovision_percent", "deprovision_percent_per"]);
    let message = held.json["hold_reasons"][1]["message"].as_str().unwrap();
    assert!(
        message.starts_with("9 deprovisions of 20 active accounts with department 'Finance'"),
        "{message}"
    );
}

#[test]
fn a_user_whom_workiva_refuses_is_parked_alone_and_the_others_of_the_batch_go_on() {
    let groups = Groups::new();
    let rows = people(7);
    groups.world.sync_rows(&rows.iter().map(Row::left).collect::<Vec<_>>(), 0);
    groups.world.sync_rows(
        &rows.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect::<Vec<_>>(),
        0,
    );
    // Somebody deletes a user by hand; the grant of a workspace cannot name them any more.
    let gone = groups.world.user("person.number3@example.com").unwrap()["id"].as_str().unwrap().to_owned();
    groups.world.sandbox.delete_user(&gone).unwrap();
    let synced = groups.world.sync_rows(&rows, 4);
    assert_eq!(groups.members(Q1).len(), 6);
    assert_eq!(synced.applied()["grant"], 6);
    let parked = groups.world.parked();
    assert_eq!(parked.keys().collect::<Vec<_>>(), ["1003"]);
    assert!(parked["1003"].contains("refuses this user"), "{parked:?}");
    // What was parked of the old user does not keep the new one out.
    let mut changed = rows;
    changed[3].title = "Controller".into();
    groups.world.sync_rows(&changed, 4);
    assert!(groups.world.user("person.number3@example.com").is_some());
    let granted = groups.world.sync_rows(&changed, 0);
    assert_eq!((granted.applied()["grant"], groups.members(Q1).len()), (1, 7));
    assert!(groups.world.parked().is_empty());
    groups.assert_quiet();
}

#[test]
fn a_grant_that_was_parked_as_it_was_planned_with_its_account_is_tried_again_with_another_user() {
    let mut groups = Groups::new();
    groups.roles(&[
        ("finance", "department == 'Finance'", &[Q1]),
        ("viewer", "job_title == 'Clerk'", &["role:viewer"]),
    ]);
    groups.world.sync_rows(&[Row::new("1002", "Bo", "Ek").but(|row| row.title = "Clerk".into())], 0);
    groups.world.sandbox.remove_group("role:viewer").unwrap();
    let clerk = ana().but(|row| row.title = "Clerk".into());
    groups.world.sync_rows(&[clerk.clone(), Row::new("1002", "Bo", "Ek")], 4);
    assert_eq!(groups.world.parked().keys().collect::<Vec<_>>(), ["1001"]);
    let id = groups.world.user(ANA).unwrap()["id"].as_str().unwrap().to_owned();
    groups.world.sandbox.delete_user(&id).unwrap();
    groups.world.sandbox.seed_group("role:viewer", "Viewer").unwrap();
    let rows = [clerk.but(|row| row.family = "Limo".into()), Row::new("1002", "Bo", "Ek")];
    groups.world.hr(&rows);
    groups.world.sync();
    groups.world.sync_rows(&rows, 0);
    assert_eq!(groups.members("role:viewer"), [ANA]);
    groups.assert_quiet();
}

#[test]
fn whom_workiva_forbids_to_add_is_parked_alone_and_the_others_of_the_batch_go_on() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    let rows = people(8);
    let legal: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect();
    groups.world.sync_rows(&legal, 0);
    // The lowest employee id, so that most of the batch is still to come when that is found out.
    let id = groups.world.user("person.number0@example.com").unwrap()["id"].as_str().unwrap().to_owned();
    front.go(Way::Forbidding(Box::leak(id.into_boxed_str())));
    let synced = groups.world.sync_rows(&rows, 4);
    let parked = groups.world.parked();
    assert_eq!(parked.keys().collect::<Vec<_>>(), ["1000"], "{synced:?}");
    assert!(parked["1000"].contains("refuses this user") && parked["1000"].contains("403"), "{parked:?}");
    assert_eq!((groups.members(Q1).len(), synced.applied()["grant"]), (7, 7));
    front.go(Way::Through);
    groups.world.run(&["actions", "retry", "--all"]);
    groups.world.sync_rows(&rows, 0);
    assert_eq!(groups.members(Q1).len(), 8);
    groups.assert_quiet();
}

#[test]
fn a_success_without_a_group_is_not_taken_for_a_membership() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.world.set("retry.base_seconds", 0.01);
    let rows = people(3);
    let legal: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect();
    groups.world.sync_rows(&legal, 0);
    front.go(Way::Claiming("{\"message\": \"queued\"}"));
    let synced = groups.world.sync_rows(&rows, 4);
    assert_eq!((synced.applied(), groups.world.parked().len()), (kinds([]), 3), "{synced:?}");
    front.go(Way::Through);
    groups.world.run(&["actions", "retry", "--all"]);
    groups.world.sync_rows(&rows, 0);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (3, 0));
    groups.assert_quiet();
}

#[test]
fn many_memberships_of_one_group_take_few_requests() {
    let groups = Groups::new();
    groups.world.sync_rows(&people(60), 0);
    assert_eq!(groups.members(Q1).len(), 60);
    let patches = groups.world.statistics().by_method["PATCH"];
    assert!(patches <= 12, "{patches} requests for 60 memberships");
    groups.assert_quiet();
}

#[test]
fn under_exclusive_an_employee_whom_nobody_grants_a_group_is_taken_out_within_a_limit_of_its_own() {
    let mut groups = Groups::new();
    let (ana, bo) = (ana(), Row::new("1002", "Bo", "Ek").but(|row| row.department = "Legal".into()));
    let rows = [ana, bo];
    groups.world.sync_rows(&rows, 0);
    groups.add_by_hand(Q1, "bo.ek@example.com");
    let guest = serde_json::json!({"userName": "guest"});
    groups.world.sandbox.seed_user(guest).unwrap();
    groups.add_by_hand(Q1, "guest");
    groups.assert_quiet();
    groups.world.set("groups.manage", "exclusive");
    let refused = groups.world.run(&["check"]);
    assert_eq!(refused.exit, 2);
    assert!(refused.stderr.contains("max_exclusive_revoke_count"), "{refused:?}");
    groups.world.set("guard.max_exclusive_revoke_count", 0);
    let held = groups.world.sync_rows(&rows, 3);
    assert_eq!(held.hold_codes(), ["exclusive_revoke_count"]);
    groups.world.set("guard.max_exclusive_revoke_count", 1);
    let synced = groups.world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("revoke", 1)]));
    assert_eq!(groups.members(Q1), [ANA, "guest"], "who is nobody's whom HR knows stays");
    let again = groups.world.sync();
    assert_eq!((again.outcome(), groups.world.statistics().members_removed), ("unchanged", 1));
}

#[test]
fn who_was_in_a_group_by_hand_and_taken_out_since_is_put_in_once_a_role_grants_it_again() {
    let groups = Groups::new();
    let (granted, other) = (ana(), ana().but(|row| row.department = "Legal".into()));
    groups.world.sync_rows(std::slice::from_ref(&other), 0);
    groups.add_by_hand(Q1, ANA);
    groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    assert_eq!(groups.given("1001"), serde_json::json!({Q1: "found"}));
    groups.world.sync_rows(std::slice::from_ref(&other), 0);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (1, 1), "what is not ours stays");
    // Each time that a role grants it again it is looked at, and stays what it was while it is there.
    groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    assert_eq!(groups.given("1001"), serde_json::json!({Q1: "found"}));
    groups.world.sync_rows(std::slice::from_ref(&other), 0);
    groups.take_out_by_hand(Q1, ANA);
    let synced = groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    assert_eq!(synced.applied(), kinds([("grant", 1), ("revoke", 1)]));
    assert_eq!(
        (groups.members(Q1), groups.given("1001")),
        (vec![ANA.to_owned()], serde_json::json!({Q1: "ours"}))
    );
    groups.assert_quiet();
    groups.world.sync_rows(&[other], 0);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (0, 1), "what we gave we take back");
}

#[test]
fn what_was_given_by_hand_and_is_given_back_by_us_is_ours_to_take() {
    let mut groups = Groups::new();
    groups.world.set("drift.max_repair_percent", 100.0);
    let (granted, other) = (ana(), ana().but(|row| row.department = "Legal".into()));
    groups.world.sync_rows(std::slice::from_ref(&other), 0);
    groups.add_by_hand(Q1, ANA);
    groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    // Gone and back: what is still there stays found, what is given anew is ours.
    groups.world.sync_rows(&[granted.left()], 0);
    groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    assert_eq!(groups.given("1001"), serde_json::json!({Q1: "found"}));
    groups.world.sync_rows(&[granted.left()], 0);
    groups.take_out_by_hand(Q1, ANA);
    groups.world.sync_rows(std::slice::from_ref(&granted), 0);
    assert_eq!((groups.members(Q1).len(), groups.given("1001")), (1, serde_json::json!({Q1: "ours"})));
    // Ours stays ours, also where somebody has given it back by hand before we came to look.
    groups.world.sync_rows(&[granted.left()], 0);
    groups.take_out_by_hand(Q1, ANA);
    groups.add_by_hand(Q1, ANA);
    groups
        .world
        .sandbox
        .edit_user(&groups.world.sandbox.members(Q1)[0], |user| user["active"] = false.into())
        .unwrap();
    groups.world.sync_rows(&[granted], 0);
    assert_eq!(groups.given("1001"), serde_json::json!({Q1: "ours"}));
    groups.world.sync_rows(&[other], 0);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (0, 1));
    groups.assert_quiet();
}

#[test]
fn under_exclusive_a_membership_that_has_ended_by_hand_is_forgotten_and_holds_no_plan() {
    let mut groups = Groups::new();
    groups.world.sync_rows(&[ana()], 0);
    groups.world.set("groups.manage", "exclusive");
    groups.world.set("guard.max_exclusive_revoke_count", 0);
    groups.add_by_hand(Q2, ANA);
    let held = groups.world.sync_rows(&[ana()], 3);
    assert_eq!(held.hold_codes(), ["exclusive_revoke_count"]);
    groups.take_out_by_hand(Q2, ANA);
    assert_eq!(groups.world.sync().outcome(), "unchanged");
    assert_eq!(groups.given("1001"), serde_json::json!({Q1: "ours"}));
    // And what a role grants by then is given.
    groups.add_by_hand(Q2, ANA);
    groups.world.sync_rows(&[ana()], 3);
    groups.take_out_by_hand(Q2, ANA);
    let synced = groups.world.sync_rows(&[ana().but(|row| row.department = "Legal".into())], 0);
    assert_eq!(synced.applied(), kinds([("grant", 1), ("revoke", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (0, 1));
}

#[test]
fn under_exclusive_a_group_that_no_role_grants_any_more_keeps_whom_somebody_put_there() {
    let mut groups = Groups::new();
    let rows = [ana(), Row::new("1002", "Bo", "Ek").but(|row| row.department = "Legal".into())];
    groups.world.sync_rows(&rows, 0);
    groups.world.set("groups.manage", "exclusive");
    groups.world.set("guard.max_exclusive_revoke_count", 0);
    groups.add_by_hand(Q2, ANA);
    groups.world.sync_rows(&rows, 3);
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("all", "true", &[])]);
    let synced = groups.world.sync_rows(&rows, 0);
    assert_eq!(synced.applied()["revoke"], 1, "what we gave is taken back");
    assert_eq!(groups.members(Q2), [ANA]);
}

#[test]
fn under_exclusive_a_workspace_that_only_something_inside_of_it_needs_keeps_whom_somebody_put_there() {
    let mut groups = Groups::new();
    let editor = |row: Row| row.but(|row| row.title = "Editor".into());
    let rows = [editor(ana()), Row::new("1002", "Bo", "Ek").but(|row| row.department = "Legal".into())];
    groups.roles(&[
        ("editors", "job_title == 'Editor'", &["Finance Editors"]),
        ("legal", "department == 'Legal'", &[Q2]),
    ]);
    groups.world.set("groups.manage", "exclusive");
    groups.world.set("guard.max_exclusive_revoke_count", 5);
    groups.world.sync_rows(&rows, 0);
    groups.add_by_hand(Q1, "bo.ek@example.com");
    groups.add_by_hand(G7, "bo.ek@example.com");
    assert_eq!(groups.world.sync_rows(&rows, 0).applied(), kinds([("revoke", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.members(G7)), (2, vec![ANA.to_owned()]));
}

#[test]
fn what_is_to_end_in_a_group_that_was_deleted_has_ended() {
    let groups = Groups::new();
    let editor = ana().but(|row| row.title = "Editor".into());
    let rows = [editor.clone(), Row::new("1002", "Bo", "Ek")];
    groups.world.sync_rows(&rows, 0);
    groups.world.sandbox.remove_group(G7).unwrap();
    // The workspace around it would wait for what is inside of it.
    let moved =
        [editor.but(|row| (row.department, row.title) = ("Legal".into(), "Clerk".into())), rows[1].clone()];
    let synced = groups.world.sync_rows(&moved, 0);
    assert_eq!(synced.applied(), kinds([("grant", 1), ("revoke", 2), ("update", 1)]));
    assert_eq!((groups.members(Q1).len(), groups.given("1001")), (1, serde_json::json!({Q2: "ours"})));
    groups.assert_quiet();
}

#[test]
fn drift_ends_what_was_confirmed_in_a_workspace_that_was_deleted() {
    let mut groups = Groups::new();
    groups.world.set("drift.max_repair_percent", 100.0);
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("both", "job_title == 'Both'", &[Q2])]);
    let rows: Vec<Row> = people(3).iter().map(|row| row.but(|row| row.title = "Both".into())).collect();
    groups.world.sync_rows(&rows, 0);
    groups.world.sandbox.remove_group(Q1).unwrap();
    groups.world.run(&["drift"]).assert_says(4, &["not_in_group", Q1]);
    groups.world.run(&["drift", "--repair"]).assert_says(4, &[]);
    assert_eq!(groups.given("1000"), serde_json::json!({Q2: "ours"}));
    assert!(groups.world.parked()["1000"].contains("no such group any more"));
    // Nobody loses the workspace that is left to them for one that is not there.
    let moved: Vec<Row> = people(3);
    groups.world.sync_rows(&moved, 4);
    assert_eq!((groups.members(Q2).len(), active(&groups)), (3, 3));
    // The role is corrected: everything comes to an end.
    groups.roles(&[("finance", "department == 'Finance'", &[Q2])]);
    groups.world.sync_rows(&moved, 0);
    assert_eq!((groups.members(Q2).len(), active(&groups)), (3, 3));
    groups.assert_quiet();
}

#[test]
fn a_workspace_that_workiva_says_to_have_given_without_a_body_is_read_back() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    groups.world.hr(&[ana()]);
    groups.world.run(&["check"]).assert_says(0, &[]);
    front.go(Way::Swallowing("PATCH /scim/v2/Groups/workspace%3AQ1 "));
    let synced = groups.world.sync_rows(&[ana()], 4);
    assert_eq!(synced.applied(), kinds([("create", 1)]));
    assert!(groups.world.parked()["1001"].contains("does not show the user as a member"));
    front.go(Way::Through);
    groups.world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    groups.world.sync();
    assert_eq!(
        (groups.members(Q1), groups.given("1001")),
        (vec![ANA.to_owned()], serde_json::json!({Q1: "ours"}))
    );
    groups.assert_quiet();
}

#[test]
fn what_is_inside_of_a_workspace_is_tried_again_where_workiva_does_not_go_by_the_workspace_yet() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    let editor = ana().but(|row| row.title = "Editor".into());
    front.go(Way::DenyingOnce("PATCH /scim/v2/Groups/workspace%3AQ1%3Agroup%3AG7 "));
    let synced = groups.world.sync_rows(std::slice::from_ref(&editor), 0);
    assert_eq!(synced.applied(), kinds([("create", 1), ("grant", 2)]));
    assert_eq!(groups.members(G7), [ANA]);
    // What goes on being refused is an operator's case.
    groups.world.sync_rows(&[ana()], 0);
    front.go(Way::Denying("PATCH /scim/v2/Groups/workspace%3AQ1%3Agroup%3AG7 "));
    groups.world.sync_rows(&[editor], 4);
    assert!(groups.world.parked()["1001"].contains("refuses this user"));
}

#[test]
fn from_a_server_without_paths_that_name_a_member_people_are_taken_by_a_list_where_somebody_has_said_so() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    let rows = people(4);
    groups.world.sync_rows(&rows, 0);
    front.go(Way::Denying("members[value eq"));
    let moved: Vec<Row> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| if at < 2 { row.but(|row| row.department = "Legal".into()) } else { row.clone() })
        .collect();
    groups.world.sync_rows(&moved, 4);
    assert!(groups.world.parked()["1000"].contains("see groups.removal"));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (4, 2));
    groups.world.set("groups.removal", "list");
    groups.world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    assert_eq!(groups.world.sync_rows(&moved, 0).applied(), kinds([("revoke", 2)]));
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (2, 2), "nobody else goes");
    groups.assert_quiet();
}

#[test]
fn a_name_that_another_group_has_by_now_moves_nobody_until_somebody_has_decided() {
    let mut groups = Groups::new();
    groups.roles(&[
        ("finance", "department == 'Finance'", &["Finance"]),
        ("legal", "department == 'Legal'", &["Legal"]),
    ]);
    groups.world.sync_rows(&[ana()], 0);
    groups.world.sandbox.rename_group(Q1, "Legal").unwrap();
    groups.world.sandbox.rename_group(Q2, "Finance").unwrap();
    let checked = groups.world.run(&["check"]);
    assert_eq!(checked.exit, 2, "{checked:?}");
    let told = "'Finance' meant the group workspace:Q1 until now, and is the name of workspace:Q2 by now";
    assert!(checked.stdout.contains(told), "{}", checked.stdout);
    groups.assert_quiet();
    assert_eq!(groups.members(Q1), [ANA]);
    groups.roles(&[("finance", "department == 'Finance'", &[Q1]), ("legal", "department == 'Legal'", &[Q2])]);
    groups.world.run(&["check"]).assert_says(0, &[]);
    groups.world.sync_rows(&[ana()], 0).assert_unchanged();
    // Where the group is gone that was meant, the name means the one that has it now.
    groups.world.sandbox.seed_group("workspace:Q3", "Audit").unwrap();
    groups.roles(&[("finance", "department == 'Finance'", &[Q1, "Audit"])]);
    groups.world.sync_rows(&[ana()], 0);
    groups.world.sandbox.remove_group("workspace:Q3").unwrap();
    groups.world.sandbox.seed_group("workspace:Q4", "Audit").unwrap();
    groups.world.run(&["check"]).assert_says(0, &[]);
    let synced = groups.world.sync_rows(&[ana()], 0);
    assert_eq!(synced.applied(), kinds([("grant", 1), ("revoke", 1)]));
    assert_eq!(groups.members("workspace:Q4"), [ANA]);
}

#[test]
fn check_refuses_a_name_that_means_no_group_and_a_run_grants_the_rest_and_takes_nothing() {
    let mut groups = Groups::new();
    groups.world.sync_rows(&[ana()], 0);
    groups.roles(&[("finance", "department == 'Finance'", &["Finanzen", Q2])]);
    let checked = groups.world.run(&["check"]);
    assert_eq!(checked.exit, 2, "{checked:?}");
    assert!(checked.stdout.contains("'Finanzen' is neither the id nor the name"), "{}", checked.stdout);
    let synced = groups.world.sync();
    assert_eq!(synced.applied(), kinds([("grant", 1)]));
    assert!(groups.message().contains("'Finanzen' is neither"), "{}", groups.message());
    assert_eq!(groups.members(Q1), [ANA], "kept while it is not known what is meant");
    groups.roles(&[("finance", "department == 'Finance'", &["Finance", Q2])]);
    assert_eq!(groups.world.run(&["check"]).exit, 0);
    groups.world.sync_rows(&[ana()], 0);
    groups.assert_quiet();
}

#[test]
fn a_server_without_groups_is_told_of_and_a_configuration_that_needs_them_is_refused() {
    let mut options = SandboxOptions::default();
    options.behaviour.groups = false;
    let mut groups = Groups::with(options);
    groups.world.hr(&[ana()]);
    let checked = groups.world.run(&["check"]);
    assert_eq!(checked.exit, 6);
    assert!(checked.stdout.contains("no Groups"), "{}", checked.stdout);
    assert_eq!(groups.world.sync_rows(&[ana()], 6).outcome(), "failed");
    groups.roles(&[("finance", "department == 'Finance'", &[])]);
    let checked = groups.world.run(&["check"]);
    assert_eq!(checked.exit, 0);
    assert!(checked.stdout.contains("groups: not offered"), "{}", checked.stdout);
    groups.world.sync_rows(&[ana()], 0);
}

#[test]
fn where_no_role_grants_anything_any_more_memberships_stay() {
    let mut groups = Groups::new();
    groups.world.sync_rows(&[ana()], 0);
    groups.roles(&[("finance", "department == 'Finance'", &[])]);
    let synced = groups.world.sync_rows(&[ana()], 0);
    assert!(synced.applied().is_empty());
    assert_eq!(groups.members(Q1), [ANA]);
}

#[test]
fn a_mass_of_revokes_is_held_and_says_so() {
    let mut groups = Groups::new();
    groups.roles(&[("finance", "department == 'Finance'", &["role:viewer"]), ("all", "true", &[])]);
    let rows = people(10);
    groups.world.sync_rows(&rows, 0);
    groups.world.set("guard.max_revoke_percent", 30.0);
    let moved: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = "Sales".into())).collect();
    let held = groups.world.sync_rows(&moved, 3);
    assert_eq!(held.hold_codes(), ["revoke_percent"]);
    assert_eq!(groups.members("role:viewer").len(), 10);
    let verified = groups.world.run(&["audit", "verify"]);
    assert_eq!(verified.exit, 0, "{verified:?}");
}

#[test]
fn explain_and_the_audit_tell_of_memberships() {
    let groups = Groups::new();
    groups.world.sync_rows(&[ana()], 0);
    let told = groups.world.run(&["explain", "1001", "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["memberships"], serde_json::json!({Q1: "ours"}));
    assert_eq!(told["actions"][0]["kind"], "grant");
    assert_eq!(told["next"]["step"], "nothing");
    let verified = groups.world.run(&["audit", "verify"]);
    assert_eq!(verified.exit, 0, "{verified:?}");
}

#[test]
fn a_grant_whose_group_was_altered_in_the_database_is_parked_unsent_and_the_audit_names_it() {
    let mut groups = Groups::new();
    let front = Front::before(&mut groups.world);
    let bo = Row::new("1002", "Bo", "Ek");
    groups.world.sync_rows(&[ana(), bo.clone()], 0);
    front.go(Way::Unavailable);
    let editors = [ana(), bo].map(|row| row.but(|row| row.title = "Editor".into()));
    groups.world.sync_rows(&editors, 6);
    groups.world.meddle(
        "UPDATE action SET group_id = 'workspace:Q2', workspace_id = NULL \
         WHERE kind = 'grant' AND state = 'queued' AND employee_id = '1001'",
    );
    let verified = groups.world.run(&["audit", "verify"]);
    assert_ne!(verified.exit, 0, "{verified:?}");
    front.go(Way::Through);
    // A daemon that pushes before it plans.
    groups.world.set("schedule.cron", "0 0 4 1 1 *");
    groups.world.set("schedule.run_on_start", false);
    let mut daemon = groups.world.daemon();
    until("it is parked, and the other one is in the group", || {
        groups.world.parked().contains_key("1001") && groups.members(G7) == ["bo.ek@example.com"]
    });
    assert_eq!(daemon.stop(), 0);
    assert!(groups.world.parked()["1001"].contains("another group for this action than was planned"));
    assert!(groups.members(Q2).is_empty());
}

#[test]
fn whoever_was_taken_out_of_a_group_by_hand_is_found_by_drift_and_put_in_again() {
    let mut groups = Groups::new();
    groups.world.set("drift.max_repair_percent", 100.0);
    let rows = people(4);
    groups.world.sync_rows(&rows, 0);
    groups.add_by_hand(Q2, &rows[0].email);
    groups.world.run(&["drift"]).assert_says(0, &[]);
    let members = groups.world.sandbox.members(Q1);
    let out = groups.world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    groups.world.sandbox.set_members(Q1, members.into_iter().filter(|id| *id != out)).unwrap();
    // Workiva suspends who is in no workspace: the account is led back, and the group given anew.
    groups.world.sandbox.edit_user(&out, |user| user["active"] = true.into()).unwrap();
    groups.world.run(&["drift"]).assert_says(4, &["not_in_group", Q1]);
    groups.world.sync().assert_unchanged();
    groups.world.run(&["drift", "--repair"]).assert_says(0, &[]);
    assert_eq!(groups.members(Q1).len(), 4);
    assert_eq!(groups.members(Q2), [rows[0].email.clone()], "who was put there by hand stays");
    groups.world.run(&["drift"]).assert_says(0, &[]);
    groups.assert_quiet();
    // What was given anew is ours to take back.
    let moved: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = "Legal".into())).collect();
    groups.world.sync_rows(&moved, 0);
    assert_eq!((groups.members(Q1).len(), groups.members(Q2).len()), (0, 4));
}

#[test]
fn who_is_in_a_group_again_that_was_taken_back_is_named_and_left_there() {
    let groups = Groups::new();
    let rows = people(20);
    groups.world.sync_rows(&rows, 0);
    let mut moved = rows.clone();
    moved[0].department = "Legal".into();
    groups.world.sync_rows(&moved, 0);
    // The tenant is set back: the old workspace again, and not the new one.
    groups.add_by_hand(Q1, &rows[0].email);
    groups.world.sandbox.set_members(Q2, Vec::new()).unwrap();
    let id = groups.world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    groups.world.sandbox.edit_user(&id, |user| user["active"] = true.into()).unwrap();
    let drifted = groups.world.run(&["drift", "--repair"]);
    drifted.assert_says(4, &["in a group again that was taken back", "employee 1000 in workspace:Q1"]);
    assert_eq!(groups.members(Q2), [rows[0].email.clone()]);
    assert!(groups.members(Q1).contains(&rows[0].email));
}
