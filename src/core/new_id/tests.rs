use super::super::access::{AccessRules, AccessSettings, Provision};
use super::super::action::DeprovisionBy;
use super::super::desired::tests::user_mapping;
use super::super::judged::judge;
use super::super::lifecycle::{Moment, OnNewId};
use super::super::mapping::Tables;
use super::super::name_rules::NameRules;
use super::super::person::tests::lifecycle;
use super::super::planner::Absence;
use super::super::record::tests::record;
use super::super::record::{Fingerprint, RejectionKind};
use super::*;

fn rulebook(same_person: &[&str]) -> Rulebook {
    let settings = AccessSettings {
        provision: Provision::All,
        keep_on_role_loss: false,
        grants: Vec::new(),
        roles: Vec::new(),
    };
    let lifecycle = lifecycle(|settings| {
        settings.on_new_id = OnNewId::Move;
        settings.same_person = same_person.iter().map(|path| (*path).to_owned()).collect();
    });
    let names =
        ["employee_id", "family_name", "given_name", "job_title", "status", "work_email"].map(str::to_owned);
    Rulebook {
        access: AccessRules::compile(&settings, lifecycle, &names, &Tables::new()).ok().unwrap(),
        users: user_mapping(),
        names: NameRules::default(),
        date_formats: vec!["%Y-%m-%d".into()],
        deprovision: DeprovisionBy::Suspend,
        absence: Absence::Deprovision,
        absence_runs: 2,
        group_by: None,
        seed: 1,
    }
}

/// Somebody called Ana, with an address and a status.
type Row<'a> = (&'a str, &'a str, &'a str);

fn account(email: &str, family: &str) -> Account {
    let attributes = [("userName", email), ("emails.work", email), ("name.familyName", family)];
    let attributes = attributes.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
    Account { scim_id: format!("u-{email}"), active: true, attributes }
}

fn holds(id: &str, email: &str) -> PersonState {
    PersonState { account: Some(account(email, "Ruiz")), ..PersonState::unknown(id) }
}

/// What the run knows, and what came of it for those who have no account.
struct Case {
    rulebook: Rulebook,
    states: States,
    findings: Findings,
}

impl Case {
    fn new(states: &[PersonState]) -> Self {
        Self {
            rulebook: rulebook(&["userName", "name.familyName"]),
            states: states.iter().map(|state| (state.employee_id.clone(), state.clone())).collect(),
            findings: Findings {
                doubled_rows: 0,
                waiting: 0,
                changed: Vec::new(),
                doubtful: vec![],
                of_nobody: vec![],
                filled: Default::default(),
                rejected: Vec::new(),
                absent: Vec::new(),
                gone: Vec::new(),
                said: Default::default(),
                without_id: 0,
                unsure: false,
                again: false,
                unread: 0,
                rows: 0,
                digest: Fingerprint::NONE,
            },
        }
    }

    fn absent(mut self, ids: &[&str]) -> Self {
        self.findings.absent = ids.iter().map(|id| (*id).to_owned()).collect();
        self
    }

    fn settle(&self, rows: &[Row<'_>]) -> Moves {
        let row = |(id, email, status): &Row<'_>| {
            record(&[
                ("employee_id", *id),
                ("given_name", "Ana"),
                ("family_name", "Ruiz"),
                ("work_email", *email),
                ("status", *status),
            ])
        };
        let moment = Moment::At("2026-11-26T00:00:00Z".parse().unwrap());
        let (mut judged, refused) =
            judge(rows.iter().map(row).collect(), &self.states, &self.rulebook, moment);
        let path = &self.rulebook.access.lifecycle.same_person().unwrap()[0];
        let mut lookalikes = Lookalikes::default();
        let same_person = self.rulebook.access.lifecycle.same_person().unwrap();
        for key in keys(&judged, &self.states, &self.rulebook.users, same_person) {
            let has = |state: &&PersonState| {
                let account = state.account.as_ref();
                account.and_then(|account| account.attributes.get(path)).map(|value| folded(value))
                    == Some(key.clone())
            };
            let mut ids: Vec<String> =
                self.states.values().filter(has).map(|state| state.employee_id.clone()).collect();
            ids.sort();
            lookalikes.0.insert(key, ids);
        }
        let sight = Sight {
            states: &self.states,
            rulebook: &self.rulebook,
            moment,
            findings: &self.findings,
            refused: &refused,
            lookalikes: &lookalikes,
        };
        let moves = settle(&mut judged, &sight);
        let told: BTreeSet<&str> =
            moves.rejected.iter().filter_map(|one| one.employee_id.as_deref()).collect();
        assert!(judged.iter().all(|person| !told.contains(person.employee_id())), "who is in doubt is out");
        moves
    }

    /// Asserts that this one is in doubt, for a reason with these words.
    fn doubts(&self, rows: &[Row<'_>], who: &str, words: &str) -> Moves {
        let moves = self.settle(rows);
        assert!(moves.from.is_empty(), "{moves:?}");
        let reason = moves.rejected.iter().find(|one| one.employee_id.as_deref() == Some(who)).unwrap();
        assert_eq!(reason.kind, RejectionKind::MaybeKnown);
        assert!(reason.reason.contains(words), "{}", reason.reason);
        moves
    }

    fn moves(&self, rows: &[Row<'_>], new: &str, old: &str) -> Moves {
        let moves = self.settle(rows);
        assert!(moves.rejected.is_empty(), "{moves:?}");
        assert_eq!(moves.from, [(new.to_owned(), old.to_owned())].into());
        assert!(moves.kept.contains(old));
        moves
    }
}

fn open(state: OpenState, uncertain: bool, from: Option<&str>) -> OpenAction {
    let target = match from {
        Some(_) => Target::Access(account("ana@x.test", "Ruiz").attributes),
        None => Target::NoAccess { known_as: Attributes::new() },
    };
    let kind = if from.is_some() { ActionKind::Update } else { ActionKind::Suspend };
    let moved_from = from.map(str::to_owned);
    OpenAction { action_id: 9, kind, state, target, uncertain, withdrawn: false, moved_from }
}

const NEW: Row<'static> = ("N1", "ana@x.test", "Active");

#[test]
fn whoever_has_left_by_the_same_file_passes_the_account_on() {
    let case = Case::new(&[holds("1", "ANA@x.test")]);
    case.moves(&[NEW, ("1", "", "Terminated")], "N1", "1");
}

#[test]
fn whoever_was_settled_as_gone_passes_it_on_and_whoever_only_has_no_access_does_not() {
    let gone = PersonState { gone: true, ..holds("1", "ana@x.test") };
    Case::new(&[gone]).moves(&[NEW], "N1", "1");
    let case = Case::new(&[holds("1", "ana@x.test")]);
    case.doubts(&[NEW], "N1", "by the newest run they have not");
    case.doubts(&[NEW, ("1", "ana@x.test", "Active")], "N1", "employee 1");
    let mut case = Case::new(&[holds("1", "ana@x.test")]);
    case.rulebook.absence = Absence::Keep;
    case.absent(&["1"]).doubts(&[NEW], "N1", "source.absence");
}

#[test]
fn absence_counts_once_it_has_lasted_and_while_it_does_not_the_account_is_claimed() {
    let moves = Case::new(&[holds("1", "ana@x.test")]).absent(&["1"]).doubts(&[NEW], "N1", "absence_runs");
    assert_eq!(moves.claimed, ["1".to_owned()].into());
    let missed = PersonState { absent_runs: 1, ..holds("1", "ana@x.test") };
    let mut case = Case::new(&[missed]).absent(&["1"]);
    case.moves(&[NEW], "N1", "1");
    case.findings.without_id = 1;
    case.doubts(&[NEW], "N1", "could be theirs");
}

#[test]
fn a_run_that_only_looks_again_takes_absence_for_what_the_one_before_took_it() {
    // Else it makes another plan of the same, and the one that was held can never be approved.
    let mut case = Case::new(&[holds("1", "ana@x.test")]).absent(&["1"]);
    case.findings.again = true;
    case.doubts(&[NEW], "N1", "absence_runs");
    case.rulebook.absence_runs = 1;
    case.moves(&[NEW], "N1", "1");
}

#[test]
fn all_attributes_have_to_agree_and_nobody_else_may_fit() {
    let other_name = PersonState {
        account: Some(account("ana@x.test", "Okafor")),
        gone: true,
        ..PersonState::unknown("1")
    };
    Case::new(&[other_name]).doubts(&[NEW], "N1", "another name.familyName");
    let gone = |id: &str| PersonState { gone: true, ..holds(id, "ana@x.test") };
    Case::new(&[gone("1"), gone("2")]).doubts(&[NEW], "N1", "any of the employees 1, 2");
    let two = [NEW, ("N2", "ana@x.test", "Active")];
    let moves = Case::new(&[gone("1")]).doubts(&two, "N1", "employees N1, N2 all do");
    assert_eq!(moves.rejected.len(), 2);
    assert_eq!(
        Case::new(&[holds("1", "other@x.test")]).settle(&[NEW]),
        Moves::default(),
        "nobody is like them"
    );
}

#[test]
fn a_suspend_that_has_not_begun_is_withdrawn_and_one_under_way_is_waited_for() {
    let with = |open: OpenAction| PersonState { open: Some(open), ..holds("1", "ana@x.test") };
    let rows = [NEW, ("1", "", "Terminated")];
    for state in [OpenState::Queued, OpenState::Parked, OpenState::Discarded] {
        let origin = with(open(state, false, None));
        assert_eq!(withdrawals(&origin).collect::<Vec<_>>(), [(9, "1".to_owned())]);
        Case::new(&[origin]).moves(&rows, "N1", "1");
    }
    for (state, uncertain) in
        [(OpenState::Leased, false), (OpenState::Queued, true), (OpenState::Parked, true)]
    {
        let case = Case::new(&[with(open(state, uncertain, None))]);
        let moves = case.doubts(&rows, "N1", "an action is under way");
        assert_eq!((moves.busy, moves.kept.len()), (1, 0));
    }
}

#[test]
fn a_move_under_way_stands_though_a_value_changes_and_falls_once_the_old_one_is_back() {
    let moving =
        PersonState { open: Some(open(OpenState::Queued, false, Some("1"))), ..PersonState::unknown("N1") };
    let origin = PersonState { moving_to: Some("N1".into()), ..holds("1", "ana@x.test") };
    let case = Case::new(&[moving, origin]);
    case.moves(&[("N1", "married@x.test", "Active"), ("1", "", "Terminated")], "N1", "1");
    let moves = case.doubts(&[NEW, ("1", "ana@x.test", "Active")], "N1", "of whom it is not certain");
    assert_eq!(moves.withdrawals, [(9, "N1".to_owned())]);
    // Nobody else gets it meanwhile.
    case.doubts(&[("N2", "ana@x.test", "Active"), ("1", "", "Terminated")], "N2", "employees N1, N2 all do");
}

#[test]
fn whoever_may_have_an_account_already_or_waits_for_adopt_takes_over_none() {
    let gone = PersonState { gone: true, ..holds("1", "ana@x.test") };
    let maybe = OpenAction { moved_from: None, ..open(OpenState::Queued, true, Some("1")) };
    let maybe = PersonState { open: Some(maybe), ..PersonState::unknown("N1") };
    assert_eq!(Case::new(&[gone.clone(), maybe]).settle(&[NEW]), Moves::default());
    let decided = PersonState { adoption: Some(AdoptionMark::New), ..PersonState::unknown("N1") };
    assert_eq!(Case::new(&[gone, decided]).settle(&[NEW]), Moves::default());
}

#[test]
fn where_nothing_else_changes_the_move_itself_is_the_action() {
    let origin = holds("1", "ana@x.test");
    let target = Target::Access(account("ana@x.test", "Ruiz").attributes);
    let state = with_account_of(&PersonState::unknown("N1"), &origin);
    let Step::Act(draft) = step(Step::Settled, "N1", target, &state, &origin) else { panic!() };
    assert_eq!(draft.kind, ActionKind::Update);
    let change = Change { attribute: ATTRIBUTE.into(), from: Some("1".into()), to: Some("N1".into()) };
    assert_eq!(draft.changes, [change]);
}
