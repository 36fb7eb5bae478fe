//! Live Workiva against what was last confirmed: who was changed behind our back.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Change;
use super::diff::is_same_value;
use super::roster::{Index, Roster, RosterUser};
use super::state::Account;

/// `[drift]`: when live Workiva is compared with what was confirmed, and what is done about differences.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftSettings {
    /// When the daemon compares; seconds first, in the time zone of `[schedule]`. Absent: never.
    #[serde(default)]
    pub cron: Option<String>,
    /// Whether the daemon also plans the way back, through the guard.
    #[serde(default)]
    pub repair: bool,
    /// Of more people than this, in percent of all accounts, nothing is repaired. It trips from `guard.min_people` on.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_repair_percent: f64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { cron: None, repair: false, max_repair_percent: ten() }
    }
}

fn ten() -> f64 {
    10.0
}

/// What can have happened to a user behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftKind {
    /// Confirmed active, and suspended now.
    Suspended,
    /// Confirmed suspended, and active now.
    Activated,
    /// Another user name.
    Renamed,
    /// Another value of some other attribute.
    Changed,
    /// Gone.
    Deleted,
}

impl DriftKind {
    /// Every kind, in order.
    pub const ALL: [Self; 5] =
        [Self::Suspended, Self::Activated, Self::Renamed, Self::Changed, Self::Deleted];

    /// The name in JSON, in metrics and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Activated => "activated",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// An account of the state table, and whether it can be compared.
#[derive(Clone, Debug)]
pub struct KnownAccount {
    /// Whose.
    pub employee_id: String,
    /// As it was last confirmed.
    pub account: Account,
    /// The version of the person's state.
    pub version: i64,
    /// Whether an action is under way, or was confirmed since the listing began: then a difference says nothing.
    pub is_moving: bool,
}

/// Somebody who was changed behind our back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// Whose account.
    pub employee_id: String,
    /// Workiva's id.
    pub scim_id: String,
    /// The version of the state that it was compared with.
    pub base_version: i64,
    /// What happened.
    pub kinds: BTreeSet<DriftKind>,
    /// Attribute by attribute: what was confirmed, and what Workiva shows.
    pub changes: Vec<Change>,
    /// The account as Workiva shows it; `None`: there is none any more.
    pub now: Option<Account>,
}

impl Drifted {
    /// Somebody whose user is gone.
    pub fn deleted(known: KnownAccount) -> Self {
        let active = known.account.active.to_string();
        Self {
            employee_id: known.employee_id,
            scim_id: known.account.scim_id,
            base_version: known.version,
            kinds: [DriftKind::Deleted].into(),
            changes: vec![Change { attribute: "active".into(), from: Some(active), to: None }],
            now: None,
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Who was changed, by employee id.
    pub people: Vec<Drifted>,
    /// Accounts whose user is not in the listing. That alone does not prove that the user is gone.
    pub missing: Vec<KnownAccount>,
    /// Users who are linked to nobody, as positions in the roster.
    pub unknown: Vec<usize>,
    /// Attributes that were sent and that the user does not show: dropped by the server, and no drift. How many users.
    pub not_shown: BTreeMap<String, u64>,
    /// Accounts that were left out, since an action is or was under way.
    pub under_way: u64,
    /// Accounts in all.
    pub accounts: u64,
}

impl Comparison {
    /// How many people of each kind there are; somebody may be of several.
    pub fn counts(&self) -> BTreeMap<DriftKind, u64> {
        let number =
            |kind: DriftKind| self.people.iter().filter(|one| one.kinds.contains(&kind)).count() as u64;
        DriftKind::ALL.into_iter().map(|kind| (kind, number(kind))).collect()
    }
}

/// How many accounts may be missing from a listing for each of them to be asked for. Beyond that, it is the listing that is
/// in doubt.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// To be asked for, one by one.
    pub to_ask: Vec<KnownAccount>,
    /// Too many to be asked for: confirmed active, and not in the listing. Employee ids.
    pub in_doubt: Vec<String>,
    /// Too many to be asked for, but confirmed suspended: there are servers that do not list those. How many.
    pub unlisted_suspended: u64,
}

/// Sorts what is missing. `most` is how many accounts may lose access in one run.
pub fn sort_missing(missing: Vec<KnownAccount>, most: u64) -> Missing {
    let (active, suspended): (Vec<_>, Vec<_>) = missing.into_iter().partition(|one| one.account.active);
    let mut sorted = Missing::default();
    let is_in_doubt = active.len() as u64 > most;
    if is_in_doubt {
        sorted.in_doubt = active.into_iter().map(|one| one.employee_id).collect();
    } else {
        sorted.to_ask = active;
    }
    if is_in_doubt || suspended.len() as u64 > most {
        sorted.unlisted_suspended = suspended.len() as u64;
    } else {
        sorted.to_ask.extend(suspended);
    }
    sorted
}

/// Compares accounts with a listing, one after the other.
pub struct Comparer<'a> {
    roster: &'a Roster,
    managed: &'a BTreeSet<String>,
    by_id: Index,
    linked: Vec<bool>,
    comparison: Comparison,
}

impl<'a> Comparer<'a> {
    /// A comparison with a listing of everybody. `managed` are the mapped SCIM paths.
    pub fn new(roster: &'a Roster, managed: &'a BTreeSet<String>) -> Self {
        let by_id = Index::new(roster, |user| user.scim_id().map(str::to_owned));
        let linked = vec![false; roster.users().len()];
        Self { roster, managed, by_id, linked, comparison: Comparison::default() }
    }

    /// Compares one account.
    pub fn compare(&mut self, known: KnownAccount) {
        self.comparison.accounts += 1;
        let scim_id = known.account.scim_id.as_str();
        let at = self.by_id.find(scim_id).find(|at| &*self.roster.users()[*at].id == scim_id);
        if let Some(at) = at {
            self.linked[at] = true;
        }
        if known.is_moving {
            self.comparison.under_way += 1;
            return;
        }
        match at {
            Some(at) => {
                let drifted = difference(
                    &known,
                    self.roster,
                    &self.roster.users()[at],
                    self.managed,
                    &mut self.comparison.not_shown,
                );
                self.comparison.people.extend(drifted);
            }
            None => self.comparison.missing.push(known),
        }
    }

    /// Ends the comparison.
    pub fn finish(mut self) -> Comparison {
        let unknown = self.linked.iter().enumerate().filter(|(_, linked)| !**linked).map(|(at, _)| at);
        self.comparison.unknown = unknown.collect();
        self.comparison
    }
}

/// How a user differs from the confirmed account, if it does. Only what was sent is compared: what HR never filled is not
/// ours. What the user does not show is counted in `not_shown`, and is no difference.
pub fn difference(
    known: &KnownAccount,
    roster: &Roster,
    live: &RosterUser,
    managed: &BTreeSet<String>,
    not_shown: &mut BTreeMap<String, u64>,
) -> Option<Drifted> {
    let account = &known.account;
    let mut now = account.clone();
    let (mut kinds, mut changes) = (BTreeSet::new(), Vec::new());
    match live.active {
        None => *not_shown.entry("active".into()).or_default() += 1,
        Some(active) if active != account.active => {
            now.active = active;
            kinds.insert(if active { DriftKind::Activated } else { DriftKind::Suspended });
            let text = |value: bool| Some(value.to_string());
            changes.push(Change { attribute: "active".into(), from: text(account.active), to: text(active) });
        }
        Some(_) => {}
    }
    for (path, confirmed) in account.attributes.iter().filter(|(path, _)| managed.contains(*path)) {
        let Some(shown) = roster.value(live, path) else {
            *not_shown.entry(path.clone()).or_default() += 1;
            continue;
        };
        if is_same_value(path, Some(confirmed), Some(shown)) {
            continue;
        }
        now.attributes.insert(path.clone(), shown.to_owned());
        kinds.insert(if path == "userName" { DriftKind::Renamed } else { DriftKind::Changed });
        changes.push(Change {
            attribute: path.clone(),
            from: Some(confirmed.clone()),
            to: Some(shown.to_owned()),
        });
    }
    (!kinds.is_empty()).then(|| Drifted {
        employee_id: known.employee_id.clone(),
        scim_id: account.scim_id.clone(),
        base_version: known.version,
        kinds,
        changes,
        now: Some(now),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::roster::tests::roster;

    const PATHS: [&str; 3] = ["userName", "title", "locale"];

    fn known(id: &str, active: bool) -> KnownAccount {
        let attributes = [("userName", "ana@x.test"), ("title", "CFO"), ("unmapped", "x")];
        let attributes = attributes.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
        KnownAccount {
            employee_id: format!("E{id}"),
            account: Account { scim_id: id.to_owned(), active, attributes },
            version: 3,
            is_moving: false,
        }
    }

    fn compared(accounts: Vec<KnownAccount>, users: &[Value]) -> Comparison {
        let managed = PATHS.map(str::to_owned).into();
        let roster = roster(&PATHS, users);
        let mut comparer = Comparer::new(&roster, &managed);
        accounts.into_iter().for_each(|account| comparer.compare(account));
        comparer.finish()
    }

    fn kinds(active: bool, user: Value) -> Vec<DriftKind> {
        let comparison = compared(vec![known("u1", active)], &[user]);
        comparison.people.iter().flat_map(|one| one.kinds.iter().copied()).collect()
    }

    #[test]
    fn each_change_by_hand_has_its_kind() {
        use DriftKind::{Activated, Changed, Renamed, Suspended};
        for (active, user, expected) in [
            (true, json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": true}), vec![]),
            (
                true,
                json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": false}),
                vec![Suspended],
            ),
            (
                false,
                json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": "true"}),
                vec![Activated],
            ),
            (true, json!({"id": "u1", "userName": "bo@x.test", "title": "CEO"}), vec![Renamed, Changed]),
        ] {
            assert_eq!(kinds(active, user.clone()), expected, "{user}");
        }
    }

    #[test]
    fn letter_case_in_a_user_name_what_is_not_shown_and_what_was_never_sent_are_no_drift() {
        let user = json!({"id": "u1", "userName": "Ana@X.test", "locale": "de", "unmapped": "y"});
        let comparison = compared(vec![known("u1", true)], &[user]);
        assert_eq!(comparison.people, []);
        assert_eq!(comparison.not_shown, [("active".to_owned(), 1), ("title".to_owned(), 1)].into());
    }

    #[test]
    fn what_was_seen_becomes_the_account_and_keeps_what_is_not_shown() {
        let user = json!({"id": "u1", "userName": "bo@x.test", "active": false});
        let comparison = compared(vec![known("u1", true)], &[user]);
        let now = comparison.people[0].now.as_ref().unwrap();
        assert_eq!(
            (now.active, now.attributes["userName"].as_str(), now.attributes["title"].as_str()),
            (false, "bo@x.test", "CFO")
        );
        assert_eq!(comparison.people[0].base_version, 3);
    }

    #[test]
    fn more_missing_users_than_may_lose_access_put_the_listing_in_doubt() {
        let missing = |active: &[bool]| active.iter().map(|active| known("u1", *active)).collect();
        let few = sort_missing(missing(&[true, false, true]), 2);
        assert_eq!((few.to_ask.len(), few.in_doubt.len(), few.unlisted_suspended), (3, 0, 0));
        let many = sort_missing(missing(&[true, true, true, false]), 2);
        assert_eq!((many.to_ask.len(), many.in_doubt.len(), many.unlisted_suspended), (0, 3, 1));
        let hidden = sort_missing(missing(&[true, false, false, false]), 2);
        assert_eq!((hidden.to_ask.len(), hidden.in_doubt.len(), hidden.unlisted_suspended), (1, 0, 3));
    }

    #[test]
    fn whoever_has_an_action_under_way_is_left_out_and_a_user_of_theirs_is_not_unknown() {
        let moving = KnownAccount { is_moving: true, ..known("u1", true) };
        let users = [json!({"id": "u1", "userName": "x"}), json!({"id": "u2", "userName": "y"})];
        let comparison = compared(vec![moving, known("u3", true)], &users);
        assert_eq!((comparison.under_way, comparison.unknown.as_slice()), (1, &[1][..]));
        let missing: Vec<_> = comparison.missing.iter().map(|one| one.employee_id.as_str()).collect();
        assert_eq!((missing, comparison.people.len()), (vec!["Eu3"], 0));
    }
}
