//! A plan: every action fully decided, in a stable order, with the report that goes with it.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::action::{ActionKind, Change, Target};
use super::guard::groups::GroupCounts;
use super::header::HeaderNames;
use super::lifecycle::AnnouncedEnd;
use super::new_id::Origin;
use super::record::{Fingerprint, Rejection};
use super::report::Counts;
use super::state::Shown;

/// One action for one person. Execution has no choice left but how to find out what Workiva holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAction {
    /// Whose account.
    pub employee_id: String,
    /// Create, update and so on.
    pub kind: ActionKind,
    /// Attribute by attribute, against the confirmed state.
    pub changes: Vec<Change>,
    /// Why, in words.
    pub because: String,
    /// Where the account ends.
    pub target: Target,
    /// Workiva's id, where one is confirmed.
    pub scim_id: Option<String>,
    /// The version of the person's state that this was decided on.
    pub base_version: i64,
    /// Whether Workiva has to be read first, because an earlier request may have taken effect.
    pub verify: bool,
    /// The queued or parked action that this one replaces.
    pub supersedes: Option<i64>,
    /// Of a revoke: whether the last workspace that is known of somebody goes, who is to be in none. Workiva suspends them for it, so it
    /// counts as a deprovision.
    pub last_workspace: bool,
    /// Whether it ends the access of somebody who leaves for a reason of `lifecycle.immediate`: that goes before everything else.
    pub is_immediate: bool,
    /// What settles the person once this is confirmed.
    pub settled: Settled,
    /// Whose account is taken over, if one is.
    pub moved_from: Option<Origin>,
}

/// What to remember of somebody for whom nothing is left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The fingerprint of the record that was judged.
    pub fingerprint: Fingerprint,
    /// The moment at which the dates alone may change the decision.
    pub next_change: Option<DateTime<Utc>>,
    /// The end that was announced, and is still to come.
    pub ends: Option<AnnouncedEnd>,
    /// The hire date that is known of them.
    pub hired: Option<NaiveDate>,
    /// The group in which the guard counts the person, where it has groups; `None`: as it was.
    pub group: Option<String>,
    /// Whether it says that they have left.
    pub gone: bool,
    /// What a held plan shows of them, where this takes nothing of that back.
    pub shown: Option<Shown>,
    /// The manager whose user they are looked at again for, by the employee id.
    pub manager: Option<String>,
}

/// Somebody who is as they should be, but whose record was not known as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledPerson {
    /// The key.
    pub employee_id: String,
    /// The version of the state that this was decided on.
    pub base_version: i64,
    /// What to remember.
    pub settled: Settled,
}

/// What a run would do.
#[derive(Debug, Default)]
pub struct Plan {
    /// By kind (deprovisions first, of those the immediate ones), creates of managers before those of whom they manage, then by employee id and group.
    pub actions: Vec<PlannedAction>,
    /// Queued actions that nobody needs any more: (action, employee id).
    pub withdrawals: Vec<(i64, String)>,
    /// People who need nothing, to be remembered as settled.
    pub settled: Vec<SettledPerson>,
    /// People for whom an action is already under way.
    pub pending: u64,
    /// Of whom this run says that what has waited for long is still to be done.
    pub reaffirmed: Vec<String>,
    /// Who is to have no access and keeps it, since an operator discarded the action: whom, and which action.
    pub discarded_ends: Vec<(String, i64)>,
    /// Those among `pending` whose action has another end: a run has to look at them again once it has ended.
    pub busy: u64,
    /// Those among `busy` who should lose access then.
    pub busy_deprovisions: u64,
    /// Whose user name changes once another's change is confirmed.
    pub waiting_renames: Vec<String>,
    /// Whose change of user name an earlier plan has under way, and another step comes behind it.
    pub renames_under_way: Vec<String>,
    /// People who keep a workspace that nobody grants them any more, since they are confirmed in no other: whom, and why in words.
    pub kept_workspaces: Vec<(String, String)>,
    /// Memberships that were not given by us and go with a workspace that ends: whose, and which with which, in words.
    pub gone_along: Vec<String>,
    /// Memberships that were not given by us, stay, and are granted by no role: (employee id, group).
    pub lapsed: Vec<(String, String)>,
    /// Memberships that were not given by us and are to end.
    pub exclusive_revokes: u64,
    /// Memberships that are kept, since it is not known which groups are meant.
    pub held_back: u64,
    /// People who get no account before somebody has decided whether one of Workiva's users is theirs.
    pub waiting: Vec<String>,
    /// People who are to have no access, for whom nothing is to do, and who may have a user of Workiva's all the same: nobody has
    /// decided yet.
    pub doubtful_leavers: Vec<String>,
    /// People who wait for a user name until another's change of name is confirmed: (who, holder).
    pub name_waits: Vec<(String, String)>,
    /// User names (compared form) that their holders are about to give up to somebody with an account: (name, who is to have it).
    pub awaited_names: Vec<(String, String)>,
    /// Who gets no manager in Workiva, since HR's has no user there and gets none: (who, manager).
    pub without_manager: Vec<(String, String)>,
    /// Records that cannot be used.
    pub rejected: Vec<Rejection>,
    /// What the operator should know besides.
    pub warnings: Vec<String>,
    /// Who is missing from the source and keeps access until a last day that was announced: whom, and the day, in words.
    pub announced: Vec<String>,
    /// Who would lose something by the word of a source whose plan was held, and is missing from this one.
    pub shown_when_held: Vec<String>,
    /// Who is missing from the source.
    pub absences: Absences,
    /// People with access whose group is not stored yet, by group.
    pub ungrouped: GroupCounts,
    /// Whether somebody is missing who may be in a row that cannot be used.
    pub unsure_absence: bool,
    /// Rows behind the first of those that share an employee id and differ, which are one rejection.
    pub doubled_rows: u64,
    /// Rows read.
    pub rows: u64,
    /// The source's columns.
    pub header: HeaderNames,
    /// Everybody was looked at, since it is an earlier day than the one by which people were settled: the clock was set back. Who is
    /// not settled by this plan is to be looked at again.
    pub anew: bool,
    /// The digest of the configuration that decided.
    pub rules: u64,
    /// The digest of the source's content and of the configuration.
    pub input: Fingerprint,
}

/// People whom the source does not name and who are not settled as absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Absences {
    /// All of them. The count of runs of everybody else begins anew.
    pub missing: Vec<String>,
    /// For whom this run counts.
    pub counted: Vec<String>,
}

impl Plan {
    /// Notes that somebody was looked at for whom something has waited for long (`stale`): it is still to be done.
    pub(super) fn reaffirm(&mut self, employee_id: &str, stale: &HashSet<String>) {
        if stale.contains(employee_id) {
            self.reaffirmed.push(employee_id.to_owned());
        }
    }

    /// How many actions of each kind.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for action in &self.actions {
            counts.add(action.kind, 1);
        }
        counts
    }

    /// How many people something is to be done about.
    pub fn people(&self) -> u64 {
        let people: BTreeSet<&str> = self.actions.iter().map(|action| action.employee_id.as_str()).collect();
        people.len() as u64
    }

    /// People whose last workspace that is known goes: Workiva suspends them by itself.
    pub fn last_workspaces(&self) -> u64 {
        let last = self.actions.iter().filter(|action| action.last_workspace);
        last.map(|action| action.employee_id.as_str()).collect::<BTreeSet<_>>().len() as u64
    }

    /// Who would lose access, by whatever way.
    pub fn losers(&self) -> impl Iterator<Item = &str> {
        let ends = self.actions.iter().filter(|one| one.kind.is_deprovision() || one.last_workspace);
        ends.map(|action| action.employee_id.as_str())
    }

    /// How many people would lose access, by whatever way.
    pub fn access_ends(&self) -> u64 {
        self.counts().deprovisions() + self.last_workspaces()
    }

    /// Whose user name or work e-mail changes, by an action or once another's change is confirmed.
    pub fn renamed(&self) -> BTreeSet<&str> {
        let planned = self.renames().map(|action| action.employee_id.as_str());
        planned.chain(self.waiting_renames.iter().map(String::as_str)).collect()
    }

    /// Whose user name or work e-mail changes in steps of which this plan is not the last: who waits, or takes a name for the time between.
    pub fn renamed_later(&self) -> BTreeSet<&str> {
        let between = self.renames().filter(|action| action.settled.fingerprint == Fingerprint::NONE);
        let between = between.map(|action| action.employee_id.as_str());
        let later = self.waiting_renames.iter().chain(&self.renames_under_way).map(String::as_str);
        between.chain(later).collect()
    }

    fn renames(&self) -> impl Iterator<Item = &PlannedAction> {
        // Where the user name does not follow the address, a column that has shifted shows in the address alone.
        let tells_who = |change: &Change| match change.attribute.as_str() {
            "userName" => change.from.is_some(),
            "emails.work" => change.from.is_some() && change.to.is_some(),
            _ => false,
        };
        let renames = move |action: &&PlannedAction| {
            matches!(action.kind, ActionKind::Update | ActionKind::Reactivate)
                && action.changes.iter().any(tells_who)
        };
        self.actions.iter().filter(renames)
    }

    /// How many accounts pass to another employee id.
    pub fn moves(&self) -> u64 {
        self.actions.iter().filter(|action| action.moved_from.is_some()).count() as u64
    }

    /// Whether a second run over the same source would find nothing that this one did not: nobody rejected, nobody in a
    /// worker's hands, nothing withdrawn, nothing withheld.
    pub fn is_final(&self) -> bool {
        self.rejected.is_empty()
            && self.warnings.is_empty()
            && self.withdrawals.is_empty()
            && self.pending == 0
    }

    /// Whether somebody waits for a decision of `adopt`.
    pub fn has_undecided(&self) -> bool {
        !self.waiting.is_empty() || !self.doubtful_leavers.is_empty()
    }

    /// Whether somebody waits for an operator: for a decision of `adopt`, or to lose access by an action that was discarded.
    pub fn has_leftovers(&self) -> bool {
        self.has_undecided() || !self.discarded_ends.is_empty()
    }

    /// How many records are rejected.
    pub fn rejections(&self) -> u64 {
        self.rejected.len() as u64
    }

    /// How many rows cannot be used: where a column has shifted, all of them may share one employee id, which is one rejection.
    pub fn unusable_rows(&self) -> u64 {
        self.rejections() + self.doubled_rows
    }
}

/// What of an action an approval is bound to: all but how Workiva is found out about.
#[derive(Serialize)]
struct Bound<'a> {
    employee_id: &'a str,
    kind: ActionKind,
    changes: &'a [Change],
    because: &'a str,
    target: &'a Target,
    scim_id: Option<&'a str>,
    base_version: i64,
    supersedes: Option<i64>,
    fingerprint: String,
    next_change: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<&'a Origin>,
}

/// SHA-256 over a plan's input (hexadecimal) and some of its actions in their order, state versions included: what an
/// approval is bound to.
pub fn content_hash<'a>(input: &str, actions: impl IntoIterator<Item = &'a PlannedAction>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(input);
    for action in actions {
        let bound = Bound {
            employee_id: &action.employee_id,
            kind: action.kind,
            changes: &action.changes,
            because: &action.because,
            target: &action.target,
            scim_id: action.scim_id.as_deref(),
            base_version: action.base_version,
            supersedes: action.supersedes,
            fingerprint: action.settled.fingerprint.to_hex(),
            next_change: action.settled.next_change,
            moved_from: action.moved_from.as_ref(),
        };
        let json = serde_json::to_vec(&bound).expect("an action of strings and numbers has a JSON form");
        hasher.update((json.len() as u64).to_le_bytes());
        hasher.update(json);
    }
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
