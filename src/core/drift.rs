//! Live Workiva against what was last confirmed: who was changed behind our back.

mod difference;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::action::Change;
use super::roster::{Index, Roster, RosterUser};
use super::state::Account;
pub use difference::{Compared, difference};

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
    /// How many active users may be missing from the list for each of them to be asked for. Beyond that it is the list that is in
    /// doubt. Absent: `guard.max_deprovision_count`.
    #[serde(default)]
    pub max_missing: Option<u64>,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { cron: None, repair: false, max_repair_percent: ten(), max_missing: None }
    }
}

fn ten() -> f64 {
    10.0
}

/// What can have happened to a user behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
    /// There is to be none, and an active user has the employee id for `externalId`.
    Returned,
    /// No longer in a group that was given.
    #[serde(rename = "not_in_group")]
    NotInGroup,
}

impl DriftKind {
    /// Every kind, in order.
    pub const ALL: [Self; 7] = [
        Self::Suspended,
        Self::Activated,
        Self::Renamed,
        Self::Changed,
        Self::Deleted,
        Self::Returned,
        Self::NotInGroup,
    ];

    /// The name in JSON, in metrics and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Activated => "activated",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Returned => "returned",
            Self::NotInGroup => "not_in_group",
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
    /// Whether an action is queued, or was confirmed since the listing began: then a difference says nothing.
    pub is_moving: bool,
    /// What earlier repairs were made against: attribute to what was confirmed, and what was shown instead.
    pub repaired: BTreeMap<String, (String, String)>,
}

impl KnownAccount {
    /// Whether a value that is not the confirmed one was repaired before and is back: then the server writes it so.
    fn comes_back(&self, path: &str, confirmed: &str, shown: &str) -> bool {
        self.repaired.get(path).is_some_and(|(before, back)| before == confirmed && back == shown)
    }

    /// Whether an earlier repair of this attribute is seen to have worked.
    fn is_healed(&self, path: &str, confirmed: &str) -> bool {
        self.repaired.get(path).is_some_and(|(before, _)| before == confirmed)
    }
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

    /// Somebody whose user is gone, and there again under another id.
    pub fn made_anew(known: KnownAccount, roster: &Roster, live: &RosterUser) -> Self {
        let mut now = known.account.clone();
        now.scim_id = live.id.to_string();
        // Workiva takes an absent `active` for true.
        now.active = live.active.unwrap_or(true);
        for (path, value) in &mut now.attributes {
            if let Some(shown) = roster.value(live, path) {
                shown.clone_into(value);
            }
        }
        let id = Change {
            attribute: "id".into(),
            from: Some(known.account.scim_id.clone()),
            to: Some(now.scim_id.clone()),
        };
        Self { changes: vec![id], now: Some(now), ..Self::deleted(known) }
    }
}

impl Drifted {
    /// Somebody who is no longer in these groups.
    pub fn not_in_groups(known: KnownAccount, groups: Vec<String>) -> Self {
        let change = |group| Change { attribute: "group".into(), from: Some(group), to: None };
        Self {
            employee_id: known.employee_id,
            scim_id: known.account.scim_id.clone(),
            base_version: known.version,
            kinds: [DriftKind::NotInGroup].into(),
            changes: groups.into_iter().map(change).collect(),
            now: Some(known.account),
        }
    }

    /// Somebody who is to have no account, and has an active user all the same.
    pub fn returned(employee_id: String, base_version: i64, roster: &Roster, live: &RosterUser) -> Self {
        let change = Change { attribute: "active".into(), from: None, to: Some("true".into()) };
        let scim_id = live.id.to_string();
        let now = Account { scim_id: scim_id.clone(), active: true, attributes: roster.attributes(live) };
        let kinds = [DriftKind::Returned].into();
        Self { employee_id, scim_id, base_version, kinds, changes: vec![change], now: Some(now) }
    }
}

/// A value that was not confirmed, and that keeps HR's away from an attribute which is written only where there is none. It is no drift:
/// nothing was changed that HR has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// Whose account it is.
    pub employee_id: String,
    /// The version of their state that was compared.
    pub base_version: i64,
    /// The SCIM path.
    pub attribute: String,
    /// What Workiva shows.
    pub value: String,
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
    /// Attributes that show the same other value again after a repair: the server writes them so, and no drift. How many users.
    pub altered: BTreeMap<String, u64>,
    /// Values that are learnt.
    pub learnt: Vec<Learnt>,
    /// Repairs that are seen to have worked: (employee id, attribute).
    pub healed: Vec<(String, String)>,
    /// Whose account was left out, since an action is queued or was confirmed meanwhile.
    pub under_way: Vec<String>,
    /// Active users of nobody who have the key of somebody whose account is another user: (employee id, position in the roster).
    pub twins: Vec<(String, usize)>,
    /// Active users of nobody who have the key of somebody who is to have no account, and neither the user name nor the address that they
    /// had: (employee id, position in the roster). They may be somebody else.
    pub in_doubt: Vec<(String, usize)>,
    /// Who is in a group again that was taken back from them: (employee id, group). Left as they are.
    pub back_in_groups: Vec<(String, String)>,
    /// Groups whose members could not be read, each with the reason.
    pub unread_groups: Vec<String>,
    /// Accounts in all.
    pub accounts: u64,
}

impl Comparison {
    /// Whether somebody was left out, or something was found that only a person can mend: that nobody was changed is not the whole
    /// truth then.
    pub fn is_unsure(&self) -> bool {
        let told = [self.under_way.is_empty(), self.twins.is_empty(), self.in_doubt.is_empty()];
        told.contains(&false) || !self.back_in_groups.is_empty()
    }

    /// Whether no user shows whether it is active, though accounts were compared.
    pub fn is_blind(&self, roster: &Roster) -> bool {
        let users = roster.users();
        self.accounts > 0 && !users.is_empty() && users.iter().all(|user| user.active.is_none())
    }

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
    compared: Compared<'a>,
    by_id: Index,
    by_external_id: Index,
    linked: Vec<bool>,
    comparison: Comparison,
}

impl<'a> Comparer<'a> {
    /// A comparison with a listing of everybody.
    pub fn new(roster: &'a Roster, compared: Compared<'a>) -> Self {
        let by_id = Index::new(roster, |user| user.scim_id().map(str::to_owned));
        let by_external_id = Index::new(roster, |user| user.external_id.as_deref().map(str::to_owned));
        let linked = vec![false; roster.users().len()];
        Self { roster, compared, by_id, by_external_id, linked, comparison: Comparison::default() }
    }

    /// Compares one account.
    pub fn compare(&mut self, known: KnownAccount) {
        self.comparison.accounts += 1;
        let scim_id = known.account.scim_id.as_str();
        let at = self.by_id.find(scim_id).find(|at| &*self.roster.users()[*at].id == scim_id);
        if let Some(at) = at {
            self.linked[at] = true;
        }
        let key = known.account.attributes.get("externalId").unwrap_or(&known.employee_id);
        let is_twin = |other: &usize| {
            let user = &self.roster.users()[*other];
            Some(*other) != at && user.external_id.as_deref() == Some(key) && user.active != Some(false)
        };
        let twins = self.by_external_id.find(key).filter(is_twin);
        self.comparison.twins.extend(twins.map(|other| (known.employee_id.clone(), other)));
        if known.is_moving {
            self.comparison.under_way.push(known.employee_id);
            return;
        }
        match at {
            Some(at) => {
                let drifted = difference(
                    &known,
                    self.roster,
                    &self.roster.users()[at],
                    self.compared,
                    &mut self.comparison,
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
        self.comparison.twins.retain(|(_, at)| !self.linked[*at]);
        self.comparison
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
