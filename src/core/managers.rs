//! Whose manager is whose. HR names a manager by the employee id, and Workiva wants its own id of that person's user.
//!
//! What is mapped is the employee id, until a plan is made: there it is replaced by what state knows. In the target of a create the
//! manager stays named by the employee id, as [`BY_EMPLOYEE_ID`], and the id is put in its place when it is sent: by then the manager's own
//! create, which comes before, may have been confirmed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::action::{ActionKind, Attributes, Change, Target};
use super::desired::{AttributePolicy, UserMapping};
use super::diff::{Draft, Step};
use super::judged::Judged;
use super::plan::PlannedAction;
use super::planner::States;
use super::state::{AdoptionMark, PersonState};
use super::user_names::Names;

/// The attribute under which the target of a create has the manager's employee id. It is no SCIM path, so nothing can be mapped to it.
pub const BY_EMPLOYEE_ID: &str = "manager";

/// What state knows of people whom others have for a manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagerBook {
    /// Workiva's ids of their users, active or not, by employee id.
    pub users: HashMap<String, String>,
    /// Who gets a user by an action under way.
    pub coming: HashSet<String>,
}

/// Whom these people are to have for a manager, by their employee ids.
pub fn named(judged: &[Judged], users: &UserMapping) -> Vec<String> {
    let Some(path) = users.manager() else { return Vec::new() };
    let managers = judged.iter().filter_map(|person| person.desired()?.get(path));
    managers.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// Whether two users are the same but for the manager, who may be named in two ways.
pub(super) fn is_same(one: &Attributes, two: &Attributes, users: &UserMapping) -> bool {
    let is_other =
        |(path, _): &(&String, &String)| *path != BY_EMPLOYEE_ID && Some(&***path) != users.manager();
    one.iter().filter(is_other).eq(two.iter().filter(is_other))
}

/// A user as it is sent: with Workiva's id of the manager, if there is one by now. `path`: where it is mapped to, if it still is.
pub fn as_sent(user: &mut Attributes, path: Option<&str>, scim_id: Option<String>) {
    user.remove(BY_EMPLOYEE_ID);
    if let (Some(path), Some(scim_id)) = (path, scim_id) {
        user.insert(path.to_owned(), scim_id);
    }
}

/// A mapped user with Workiva's id of the manager in the place of the employee id. Of a manager without a user nothing is wanted.
pub fn in_workivas_words<'a>(
    user: &mut Attributes,
    users: &UserMapping,
    scim_id: impl FnOnce(&str) -> Option<&'a str>,
) {
    let Some(path) = users.manager() else { return };
    let scim_id = user.remove(path).and_then(|manager| scim_id(&manager));
    user.extend(scim_id.map(|id| (path.to_owned(), id.to_owned())));
}

/// How it is with a person's manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is nothing to wait for: HR names none, or the account keeps the one that it has.
    #[default]
    Settled,
    /// Nobody is the own manager.
    Own,
    /// The manager has a user.
    Known(String),
    /// The manager gets one by this plan, or by an action under way. Until then the account stays as it is.
    Awaited(String),
    /// The manager has no user, and nothing is to give them one.
    Nobody(String),
}

impl Standing {
    /// The manager whose user the person has to be looked at again for.
    pub(super) fn manager(&self) -> Option<&String> {
        match self {
            Self::Settled | Self::Own => None,
            Self::Known(manager) | Self::Awaited(manager) | Self::Nobody(manager) => Some(manager),
        }
    }

    /// Has the plan of a person name the manager as HR does.
    pub(super) fn tell(&self, step: &mut Step, because: &mut String, users: &UserMapping) {
        let (Step::Act(draft), Some(manager), Some(path)) = (step, self.manager(), users.manager()) else {
            return;
        };
        let Draft { kind, changes, target, .. } = draft;
        if *kind == ActionKind::Create && target.attributes().contains_key(BY_EMPLOYEE_ID) {
            let to = Some(manager.clone());
            changes.push(Change { attribute: BY_EMPLOYEE_ID.into(), from: None, to });
        } else if changes.iter().any(|change| change.attribute == path && change.to.is_some()) {
            *because += &format!("; the manager is employee {manager}");
        }
    }
}

/// By what managers are found while a plan is made.
pub(super) struct Managers<'a> {
    users: &'a UserMapping,
    book: &'a ManagerBook,
    /// Who gets a user by this plan.
    made: HashSet<String>,
}

impl<'a> Managers<'a> {
    /// `names`: who was judged and can have the user name, or has to wait for it.
    pub(super) fn new(users: &'a UserMapping, book: &'a ManagerBook, names: &Names, states: &States) -> Self {
        let mut made = HashSet::new();
        if users.manager().is_some() {
            let is_made = |person: &&Judged| {
                let adoption = states.get(person.employee_id()).and_then(|state| state.adoption);
                person.desired().is_some()
                    && !matches!(adoption, Some(AdoptionMark::Open | AdoptionMark::Skip))
            };
            made.extend(names.kept.iter().filter(is_made).map(|person| person.employee_id().to_owned()));
            made.extend(names.waiting.iter().map(|(who, _)| who.clone()));
        }
        Self { users, book, made }
    }

    /// Replaces the employee id in a target by what Workiva is to have. `state`: of whoever is to have it, with the account that is taken over.
    pub(super) fn settle(&self, target: &mut Target, state: &PersonState) -> Standing {
        let (Some(path), Target::Access(user)) = (self.users.manager(), target) else {
            return Standing::Settled;
        };
        let manager = user.remove(path);
        let account = state.account.as_ref();
        let confirmed =
            account.and_then(|account| account.attributes.get(path)).filter(|id| !id.is_empty()).cloned();
        // What was to come with the account is still to come.
        let is_owed = confirmed.is_none() && state.manager.is_some() && state.manager == manager;
        let stays = match self.users.policy(path) {
            AttributePolicy::Always => false,
            AttributePolicy::OnCreate => account.is_some() && !is_owed,
            AttributePolicy::WhenEmpty => confirmed.is_some(),
        };
        if stays {
            user.extend(confirmed.map(|id| (path.to_owned(), id)));
            return Standing::Settled;
        }
        let Some(manager) = manager else { return Standing::Settled };
        if manager == state.employee_id {
            return Standing::Own;
        }
        let known = self.book.users.get(&manager);
        let is_coming = self.made.contains(&manager) || self.book.coming.contains(&manager);
        match (known, account) {
            (None, _) if !is_coming => return Standing::Nobody(manager),
            (_, None) => drop(user.insert(BY_EMPLOYEE_ID.to_owned(), manager.clone())),
            (known, Some(_)) => {
                user.extend(known.cloned().or(confirmed).map(|id| (path.to_owned(), id)));
            }
        }
        if known.is_some() { Standing::Known(manager) } else { Standing::Awaited(manager) }
    }
}

/// How many managers above somebody are made by the same plan: in the order of these each comes after the own manager. Of a circle one
/// comes first, who has the lowest employee id of those from whom it was walked.
pub(super) fn depths(actions: &[PlannedAction]) -> BTreeMap<String, u32> {
    let creates = actions.iter().filter(|action| action.kind == ActionKind::Create);
    let managers: BTreeMap<&str, Option<&str>> =
        creates.map(|action| (&*action.employee_id, action.settled.manager.as_deref())).collect();
    let above =
        |who: &str| managers.get(who).copied().flatten().filter(|manager| managers.contains_key(manager));
    let mut depths: BTreeMap<&str, u32> = BTreeMap::new();
    let mut on_the_way: HashSet<&str> = HashSet::new();
    for start in managers.keys() {
        let mut way = Vec::new();
        let mut at = *start;
        while !depths.contains_key(at) && on_the_way.insert(at) {
            way.push(at);
            let Some(manager) = above(at) else { break };
            at = manager;
        }
        if !depths.contains_key(at) {
            // The end of a chain, or where a circle closes.
            depths.insert(at, 0);
        }
        for who in way.into_iter().rev() {
            let depth = above(who).and_then(|manager| depths.get(manager)).map_or(0, |depth| depth + 1);
            depths.entry(who).or_insert(depth);
        }
        on_the_way.clear();
    }
    depths.into_iter().filter(|(_, depth)| *depth > 0).map(|(who, depth)| (who.to_owned(), depth)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::desired::REQUIRED;
    use super::super::mapping::Tables;
    use super::super::plan::Settled;
    use super::super::state::Account;
    use super::*;

    const PATH: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

    fn mapping(policy: AttributePolicy) -> UserMapping {
        let templates =
            REQUIRED.into_iter().chain([PATH]).map(|path| (path.to_owned(), "{{ field }}".to_owned()));
        let mapping =
            UserMapping::compile(&templates.collect(), &["field".to_owned()], &Tables::new()).ok().unwrap();
        mapping.with_policies([(PATH.to_owned(), policy)].into()).ok().unwrap()
    }

    fn user(path: &str, value: &str) -> Attributes {
        if value.is_empty() { Attributes::new() } else { [(path.to_owned(), value.to_owned())].into() }
    }

    /// Somebody who has an account that was confirmed with this manager, or none.
    fn state(confirmed: Option<&str>) -> PersonState {
        let account =
            confirmed.map(|id| Account { scim_id: "u1".into(), active: true, attributes: user(PATH, id) });
        PersonState { account, ..PersonState::unknown("1") }
    }

    fn settle(policy: AttributePolicy, manager: &str, state: &PersonState) -> (Attributes, Standing) {
        let book = ManagerBook {
            users: [("2".to_owned(), "u2".to_owned())].into(),
            coming: ["3".to_owned()].into(),
        };
        let users = mapping(policy);
        let managers = Managers { users: &users, book: &book, made: ["4".to_owned()].into() };
        let mut target = Target::Access(user(PATH, manager));
        let standing = managers.settle(&mut target, state);
        (target.attributes().clone(), standing)
    }

    #[test]
    fn an_account_gets_the_id_of_the_managers_user_and_keeps_the_old_one_until_that_is_there() {
        let settle =
            |manager: &str, confirmed| settle(AttributePolicy::Always, manager, &state(Some(confirmed)));
        assert_eq!(settle("2", "u9"), (user(PATH, "u2"), Standing::Known("2".into())));
        for coming in ["3", "4"] {
            assert_eq!(settle(coming, "u9"), (user(PATH, "u9"), Standing::Awaited(coming.into())));
        }
        assert_eq!(settle("5", "u9"), (user(PATH, ""), Standing::Nobody("5".into())));
        assert_eq!(settle("1", "u9"), (user(PATH, ""), Standing::Own));
        assert_eq!(settle("", "u9"), (user(PATH, ""), Standing::Settled));
    }

    #[test]
    fn who_gets_an_account_has_the_manager_by_the_employee_id_until_it_is_sent() {
        let settle = |manager: &str| settle(AttributePolicy::Always, manager, &state(None));
        for (manager, standing) in [("2", Standing::Known("2".into())), ("3", Standing::Awaited("3".into()))]
        {
            assert_eq!(settle(manager), (user(BY_EMPLOYEE_ID, manager), standing));
        }
        assert_eq!(settle("5"), (user("", ""), Standing::Nobody("5".into())));
        let mut sent = user(BY_EMPLOYEE_ID, "2");
        as_sent(&mut sent, Some(PATH), Some("u2".into()));
        assert_eq!(sent, user(PATH, "u2"));
        let mut sent = user(BY_EMPLOYEE_ID, "3");
        as_sent(&mut sent, Some(PATH), None);
        assert_eq!(sent, user("", ""));
    }

    #[test]
    fn an_account_that_keeps_its_manager_is_looked_at_for_no_other() {
        for policy in [AttributePolicy::OnCreate, AttributePolicy::WhenEmpty] {
            assert_eq!(settle(policy, "2", &state(Some("u9"))), (user(PATH, "u9"), Standing::Settled));
            assert_eq!(settle(policy, "", &state(Some("u9"))), (user(PATH, "u9"), Standing::Settled));
        }
        let known = (user(PATH, "u2"), Standing::Known("2".into()));
        assert_eq!(settle(AttributePolicy::WhenEmpty, "2", &state(Some(""))), known);
        assert_eq!(
            settle(AttributePolicy::OnCreate, "2", &state(Some(""))),
            (user("", ""), Standing::Settled)
        );
        // It was to come with the account, and the manager had none then.
        let owed = PersonState { manager: Some("2".into()), ..state(Some("")) };
        assert_eq!(settle(AttributePolicy::OnCreate, "2", &owed), known);
    }

    #[test]
    fn creates_come_behind_their_managers_and_a_circle_is_cut() {
        let create = |(who, manager): (&str, &str)| PlannedAction {
            employee_id: who.into(),
            kind: ActionKind::Create,
            changes: Vec::new(),
            because: String::new(),
            target: Target::Access(Attributes::new()),
            scim_id: None,
            base_version: 0,
            verify: false,
            supersedes: None,
            last_workspace: false,
            is_immediate: false,
            settled: Settled { manager: Some(manager.into()), ..Settled::default() },
            moved_from: None,
        };
        let depths = |all: &[(&str, &str)]| -> Vec<(String, u32)> {
            depths(&all.iter().copied().map(create).collect::<Vec<_>>()).into_iter().collect()
        };
        let deep = |all: &[(&str, u32)]| -> Vec<(String, u32)> {
            all.iter().map(|(who, depth)| ((*who).to_owned(), *depth)).collect()
        };
        assert_eq!(
            depths(&[("1", "2"), ("2", "3"), ("3", "9"), ("4", "2")]),
            deep(&[("1", 2), ("2", 1), ("4", 2)])
        );
        assert_eq!(depths(&[("1", "2"), ("2", "1")]), deep(&[("2", 1)]));
        assert_eq!(
            depths(&[("0", "1"), ("1", "2"), ("2", "3"), ("3", "1")]),
            deep(&[("0", 1), ("2", 2), ("3", 1)])
        );
    }
}
