use super::super::action::{ActionKind, Target};
use super::super::person::tests::{lifecycle, person};
use super::super::state::{Account, OpenAction, OpenState};
use super::*;

pub(crate) fn rules(keep_on_role_loss: bool) -> AccessRules {
    let settings = AccessSettings {
        provision: Provision::Roles,
        keep_on_role_loss,
        grants: vec![],
        roles: vec![
            RoleSettings {
                grants: vec!["workspace:Q1".into()],
                name: "finance".into(),
                when: "department in ['Finance', 'Legal'] and job_title != 'Intern'".into(),
            },
            RoleSettings {
                grants: vec!["workspace:Q1".into(), "Board".into()],
                name: "chiefs".into(),
                when: "job_title == 'CFO' or job_title == 'CEO'".into(),
            },
        ],
    };
    let names: Vec<String> = ["employee_id", "status", "department", "job_title"].map(str::to_owned).into();
    AccessRules::compile(&settings, lifecycle(|_| {}), &names, &Tables::new()).ok().unwrap()
}

/// Somebody to whom we gave access, if we did.
fn given(had_access: bool) -> PersonState {
    let account = Account { scim_id: "u1".into(), active: true, attributes: Default::default() };
    PersonState { had_access, account: had_access.then_some(account), ..PersonState::unknown("1001") }
}

fn decide(rules: &AccessRules, fields: &[(&str, &str)], has_access: bool) -> (bool, String) {
    let all: Vec<_> = [("status", "Active"), ("department", ""), ("job_title", "")]
        .into_iter()
        .map(|(name, value)| fields.iter().find(|(n, _)| *n == name).copied().unwrap_or((name, value)))
        .collect();
    let today = Moment::On("2026-11-24".parse().unwrap());
    let decision = rules.decide(&person(&all), today, Some(&given(has_access))).unwrap();
    (decision.access, decision.reason.to_string())
}

#[test]
fn roles_combine_conditions_with_and_and_or_and_the_reason_names_them() {
    let rules = rules(false);
    let cfo = decide(&rules, &[("department", "Finance"), ("job_title", "CFO")], false);
    assert_eq!(cfo, (true, "employed, in roles finance, chiefs".into()));
    let intern = decide(&rules, &[("department", "Finance"), ("job_title", "Intern")], false);
    assert_eq!(intern, (false, "employed, in no role".into()));
}

#[test]
fn losing_every_role_keeps_an_account_only_if_configured_and_only_while_employed() {
    assert!(decide(&rules(true), &[("department", "Sales")], true).0);
    assert!(!decide(&rules(true), &[("department", "Sales")], false).0, "no account to keep");
    assert!(!decide(&rules(false), &[("department", "Sales")], true).0);
    assert!(!decide(&rules(true), &[("department", "Finance"), ("status", "Terminated")], true).0);
}

#[test]
fn a_grace_leaves_access_to_who_has_it_and_gives_it_to_nobody() {
    let graced = lifecycle(|settings| settings.deprovision_days_after_termination = 14);
    let settings =
        AccessSettings { provision: Provision::All, keep_on_role_loss: true, grants: vec![], roles: vec![] };
    let rules = AccessRules::compile(&settings, graced, &[], &Tables::new()).ok().unwrap();
    let today = Moment::On("2026-11-24".parse().unwrap());
    let open = |kind, target, uncertain, withdrawn| OpenAction {
        action_id: 1,
        kind,
        state: OpenState::Queued,
        target,
        uncertain,
        withdrawn,
        moved_from: None,
    };
    let gone = || Target::NoAccess { known_as: Default::default() };
    let with = |had_access, open| PersonState { open, ..given(had_access) };
    for status in ["Terminated", "Active"] {
        let left = person(&[("status", status), ("termination_date", "2026-11-20")]);
        let access = |state: &PersonState| rules.decide(&left, today, Some(state)).unwrap().access;
        assert!(access(&with(true, None)));
        assert!(
            access(&with(true, Some(open(ActionKind::Suspend, gone(), false, true)))),
            "taken back by HR"
        );
        assert!(!access(&with(true, Some(open(ActionKind::Suspend, gone(), false, false)))), "under way");
        assert!(!access(&with(false, None)));
        let create = open(ActionKind::Create, Target::Access(Default::default()), true, false);
        assert!(!access(&with(false, Some(create))), "never confirmed");
        let reason = rules.decide(&left, today, None).unwrap().reason;
        assert!(reason.to_string().ends_with("; the days after it keep access and give none"), "{reason}");
        assert_eq!(reason.rests_on(), "lifecycle.deprovision_days_after_termination");
    }
}

#[test]
fn grants_of_all_roles_that_match_are_put_together_and_of_one_that_is_lost_nothing_is_left() {
    let granted = |rules: &AccessRules, department: &str, title: &str, has_access: bool| {
        let fields = [("status", "Active"), ("department", department), ("job_title", title)];
        let today = Moment::On("2026-11-24".parse().unwrap());
        let grants = rules.decide(&person(&fields), today, Some(&given(has_access))).unwrap().grants;
        let told = grants.iter().map(|(group, roles)| {
            format!("{group}: {}", roles.iter().cloned().collect::<Vec<_>>().join("+"))
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        granted(&rules(false), "Finance", "CFO", false),
        ["Board: chiefs", "workspace:Q1: chiefs+finance"]
    );
    assert_eq!(granted(&rules(false), "Finance", "Clerk", false), ["workspace:Q1: finance"]);
    assert!(
        granted(&rules(true), "Sales", "Clerk", true).is_empty(),
        "the account is kept, and nothing else"
    );
}

#[test]
fn where_everybody_has_access_a_role_only_says_who_is_granted_what() {
    let settings = AccessSettings {
        provision: Provision::All,
        keep_on_role_loss: false,
        grants: vec!["role:viewer".into()],
        roles: vec![RoleSettings {
            name: "chiefs".into(),
            when: "job_title == 'CFO'".into(),
            grants: vec!["Board".into(), "role:viewer".into()],
        }],
    };
    let names: Vec<String> = ["employee_id", "status", "job_title"].map(str::to_owned).into();
    let rules = AccessRules::compile(&settings, lifecycle(|_| {}), &names, &Tables::new()).ok().unwrap();
    let decide = |title: &str| {
        let person = person(&[("status", "Active"), ("job_title", title)]);
        rules.decide(&person, Moment::On("2026-11-24".parse().unwrap()), None).unwrap()
    };
    let (chief, clerk) = (decide("CFO"), decide("Clerk"));
    assert_eq!((&chief.reason, &clerk.reason), (&Reason::Everybody, &Reason::Everybody));
    assert_eq!(chief.grants.keys().collect::<Vec<_>>(), ["Board", "role:viewer"]);
    assert_eq!(clerk.grants.keys().collect::<Vec<_>>(), ["role:viewer"]);
    assert_eq!(rules.references().into_iter().collect::<Vec<_>>(), ["Board", "role:viewer"]);
}

#[test]
fn roles_without_a_role_are_a_configuration_error() {
    let settings = AccessSettings {
        provision: Provision::Roles,
        keep_on_role_loss: false,
        grants: vec![],
        roles: vec![],
    };
    let errors = AccessRules::compile(&settings, lifecycle(|_| {}), &[], &Tables::new()).err().unwrap();
    assert_eq!(errors[0].key, "access.roles");
}
