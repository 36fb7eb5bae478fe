//! The guard: a pure check of a plan against limits. It answers with reasons to hold, or with none.

pub mod groups;
mod reason;
mod settings;

use std::collections::BTreeSet;

use self::groups::GroupCounts;
use super::header::HeaderNames;
use super::plan::Plan;
use super::planted::{self, Fault};
use super::record::Fingerprint;
use super::report::Counts;
use super::warnings::{number, some_of};

pub use reason::{HoldReason, doubts_source};
pub use settings::{GuardSettings, OnTrip};

/// The size of what a plan is measured against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// Whether any account was ever confirmed; without one, this is a first load.
    pub has_accounts: bool,
    /// Rows of the last accepted run.
    pub accepted_rows: Option<u64>,
    /// The columns of the last accepted run; those without names: a change of the names does not matter.
    pub accepted_header: Option<HeaderNames>,
    /// Rows that the last accepted run could not use.
    pub accepted_unusable_rows: u64,
    /// The digest of the configuration that decided in the last accepted run.
    pub accepted_rules: Option<u64>,
    /// What it had read: content and configuration.
    pub accepted_input: Option<Fingerprint>,
    /// Whose change of name it had counted, and goes on behind it in further steps.
    pub accepted_renames: BTreeSet<String>,
    /// Creates and reactivations that earlier plans queued, no operator approved, and no worker has ended yet.
    pub open_creates: u64,
    /// Those among them that are not of a first load: planned when there was an account already.
    pub open_later_creates: u64,
    /// People who lose access by what earlier plans queued, no operator approved, and no worker has ended yet: their last workspace
    /// included.
    pub open_deprovisions: u64,
    /// Memberships that are confirmed.
    pub memberships: u64,
    /// Revokes that earlier plans queued, no operator approved, and no worker has ended yet.
    pub open_revokes: u64,
    /// Accounts confirmed active, by group; only where groups are configured.
    pub active_by_group: GroupCounts,
    /// `open_deprovisions` by group; only where groups are configured.
    pub open_deprovisions_by_group: GroupCounts,
    /// Each of several sources; empty where there is one.
    pub sources: Vec<SourceScale>,
    /// Those of the last accepted run that are configured no more, and have named somebody who would lose access.
    pub removed_sources: Vec<String>,
}

/// How one of several sources compares with what was accepted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceScale {
    /// Its name.
    pub name: String,
    /// Rows of its newest complete read.
    pub rows: u64,
    /// Its columns then.
    pub header: HeaderNames,
    /// Rows of the newest complete read that was accepted.
    pub accepted_rows: Option<u64>,
    /// Its columns then; those without names: a change of the names does not matter.
    pub accepted_header: Option<HeaderNames>,
}

impl SourceScale {
    /// Measures the columns of the only source by what was accepted of it before there was a register, as long as it has never been
    /// accepted since.
    pub fn was_accepted_before(&mut self, header: Option<HeaderNames>) {
        if self.accepted_rows.is_none() && self.header.iter().next().is_some() {
            self.accepted_header = header;
        }
    }
}

/// The guard's word on a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why the plan is held; empty means: proceed.
    pub reasons: Vec<HoldReason>,
    /// Whether actions that take no access away go on all the same.
    pub only_deprovisions: bool,
}

impl Verdict {
    /// Whether anything is held.
    pub fn holds(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// Checks a plan.
pub fn check(plan: &Plan, scale: &Scale, settings: &GuardSettings) -> Verdict {
    if planted::is(Fault::IgnoredGuard) {
        return Verdict::default();
    }
    let counts = plan.counts();
    let mut limits = Limits { settings, reasons: Vec::new() };
    limits.deprovisions(plan, scale);
    limits.shown_when_held(plan);
    limits.revokes(plan, scale, &counts);
    limits.creates(scale, &counts);
    limits.source(plan, scale);
    limits.renames(plan, scale);
    let moves = (plan.moves(), scale.active_accounts);
    let of = ("accounts that would pass to another employee id", "active accounts");
    limits.percent("move_percent", moves, settings.max_move_percent, of);
    limits.configuration(plan, scale, &counts);
    let reasons = limits.reasons;
    let only_deprovisions = settings.on_trip == OnTrip::HoldDeprovisions
        && !reasons.is_empty()
        && reasons.iter().all(|reason| SPARES_OTHERS.contains(&reason.code.as_str()));
    Verdict { reasons, only_deprovisions }
}

/// With `hold_deprovisions`, these alone let everything but deprovisions go on.
const SPARES_OTHERS: [&str; 8] = [
    "deprovision_count",
    "shown_when_held",
    "deprovision_percent",
    "deprovision_percent_per",
    "shrink_percent",
    "revoke_count",
    "revoke_percent",
    "exclusive_revoke_count",
];

struct Limits<'a> {
    settings: &'a GuardSettings,
    reasons: Vec<HoldReason>,
}

impl Limits<'_> {
    fn hold(&mut self, code: &str, message: String) {
        self.reasons.push(HoldReason { code: code.into(), message });
    }

    /// Trips where `part` of `whole` is more than `limit` percent; the words say of what.
    fn percent(&mut self, code: &str, (part, whole): (u64, u64), limit: f64, (what, of): (&str, &str)) {
        if part >= self.settings.min_people && exceeds(part, whole, limit) {
            let share = share(part, whole);
            let message =
                format!("{part} {what} of {whole} {of} are {share:.1} %; guard.max_{code} is {limit}");
            self.hold(code, message);
        }
    }

    fn deprovisions(&mut self, plan: &Plan, scale: &Scale) {
        let settings = self.settings;
        // Who loses the last workspace is suspended by Workiva itself.
        let planned = plan.access_ends();
        if planned == 0 {
            return;
        }
        // Deprovisions that still wait count too: five runs of 20 each are 100, not five times 20. And so do those that cannot be
        // planned yet, since the account is in a worker's hands: a false file is no less false while a load is under way.
        let deprovisions = planned + scale.open_deprovisions + plan.busy_deprovisions;
        if deprovisions > settings.max_deprovision_count {
            let message = format!(
                "{} would lose access; guard.max_deprovision_count is {}",
                number(deprovisions, "account", "accounts"),
                settings.max_deprovision_count
            );
            self.hold("deprovision_count", message);
        }
        let limit = settings.max_deprovision_percent;
        self.percent(
            "deprovision_percent",
            (deprovisions, scale.active_accounts + plan.busy_deprovisions),
            limit,
            ("deprovisions", "active accounts"),
        );
        if let Some(column) = &settings.max_deprovision_percent_per {
            self.reasons.extend(groups::check(plan, scale, column, limit, settings.min_people));
        }
    }

    /// A source that was held may have been a wrong one; that the next says nothing of somebody does not make it right.
    fn shown_when_held(&mut self, plan: &Plan) {
        let shown = &plan.shown_when_held;
        if !shown.is_empty() {
            let message = format!(
                "{} shown as gone by an earlier source alone, whose plan was held, and the newest one does not name them \
                 (employee {}); approve the plan if they have left, reject it if they have not",
                number(shown.len(), "person is", "people are"),
                some_of(shown),
            );
            self.hold("shown_when_held", message);
        }
    }

    fn revokes(&mut self, plan: &Plan, scale: &Scale, counts: &Counts) {
        if counts.revoke == 0 {
            return;
        }
        let revokes = counts.revoke + scale.open_revokes;
        if let Some(limit) = self.settings.max_revoke_count.filter(|limit| revokes > *limit) {
            let revokes = number(revokes, "membership", "memberships");
            let message = format!("{revokes} would be taken back; guard.max_revoke_count is {limit}");
            self.hold("revoke_count", message);
        }
        self.percent(
            "revoke_percent",
            (revokes, scale.memberships),
            self.settings.max_revoke_percent,
            ("memberships that would be taken back", "memberships"),
        );
        let (exclusive, limit) =
            (plan.exclusive_revokes, self.settings.max_exclusive_revoke_count.unwrap_or(0));
        if exclusive > limit {
            let message = format!(
                "{} not given by workiva-sync would end; guard.max_exclusive_revoke_count is {limit}",
                number(
                    exclusive,
                    "membership that nobody grants and that was",
                    "memberships that nobody grants and that were"
                )
            );
            self.hold("exclusive_revoke_count", message);
        }
    }

    fn creates(&mut self, scale: &Scale, counts: &Counts) {
        // A file in which those who have left are employed again gives access as one with strangers does.
        let planned = counts.accesses();
        if planned == 0 {
            return;
        }
        const WHAT: &str = "new or reactivated accounts";
        // As with deprovisions, five runs of 20 each are 100.
        let given = planned + scale.open_creates;
        if let Some(limit) = self.settings.max_create_count.filter(|limit| given > *limit) {
            self.hold("create_count", format!("{given} {WHAT}; guard.max_create_count is {limit}"));
        }
        if scale.has_accounts {
            self.percent(
                "create_percent",
                (planned + scale.open_later_creates, scale.active_accounts),
                self.settings.max_create_percent,
                (WHAT, "active accounts"),
            );
        }
    }

    /// Those that wait for another's count too: a file in which everybody has the next one's name would change one in each run. Who was
    /// counted by the run that let this very source stand, and goes on in further steps, is not asked about again with each; whoever else
    /// comes to it by a date or by a repair is.
    fn renames(&mut self, plan: &Plan, scale: &Scale) {
        let is_same = scale.accepted_input == Some(plan.input);
        let is_new = |who: &&&str| !is_same || !scale.accepted_renames.contains(**who);
        let renames = plan.renamed().iter().filter(is_new).count() as u64;
        self.percent(
            "rename_percent",
            (renames, scale.active_accounts),
            self.settings.max_rename_percent,
            ("changed user names or work e-mails", "active accounts"),
        );
    }

    fn source(&mut self, plan: &Plan, scale: &Scale) {
        self.shrinks(scale.accepted_rows, plan.rows, "rows of the last accepted run");
        for source in &scale.sources {
            let of = format!("rows of source '{}' when it was last accepted", source.name);
            self.shrinks(source.accepted_rows, source.rows, &of);
            let changed =
                source.accepted_header.as_ref().and_then(|before| source.header.change_since(before));
            if let Some(change) = changed {
                self.header_changed(&format!("the columns of source '{}'", source.name), &change);
            }
            self.emptied(plan, &source.header, source.accepted_header.as_ref());
        }
        if !scale.removed_sources.is_empty() {
            let (people, names) = (grouped(plan.access_ends()), scale.removed_sources.join("', '"));
            let message = format!(
                "{people} people would lose access, and source '{names}' is in the configuration no more: whom it alone named would have left. \
                 Put it back if it only fails, or approve the plan"
            );
            self.hold("source_removed", message);
        }
        // So many were let stand: whoever approves a file does not approve it again with each run over what is wrong in it.
        if plan.unusable_rows() > scale.accepted_unusable_rows {
            self.percent(
                "reject_percent",
                (plan.unusable_rows(), plan.rows),
                self.settings.max_reject_percent,
                ("unusable rows", "rows"),
            );
        }
        let changed = scale.accepted_header.as_ref().and_then(|before| plan.header.change_since(before));
        if let Some(change) = changed {
            self.header_changed("the source's columns", &change);
        }
        self.emptied(plan, &plan.header, scale.accepted_header.as_ref());
    }

    /// The export lost a column, or the right to read it, and something is to be done about that; or days that were to come are gone.
    fn emptied(&mut self, plan: &Plan, header: &HeaderNames, before: Option<&HeaderNames>) {
        let Some(before) = before else { return };
        let matters = plan.counts().total() > 0 || header.has_lost_days_since(before);
        if let Some(columns) = header.emptied_since(before).filter(|_| matters) {
            let message = format!(
                "hardly any record has a value for {columns} any more, which was usual in the last accepted run; approve the plan if that was meant"
            );
            self.hold("column_emptied", message);
        }
    }

    fn shrinks(&mut self, before: Option<u64>, rows: u64, of: &str) {
        if let Some(before) = before {
            let missing = (before.saturating_sub(rows), before);
            self.percent("shrink_percent", missing, self.settings.max_shrink_percent, ("missing rows", of));
        }
    }

    fn header_changed(&mut self, whose: &str, change: &str) {
        let message = format!(
            "{whose} are not those of the last accepted run: {change}; approve the plan if the export was meant to change"
        );
        self.hold("header_changed", message);
    }

    /// Other rules decide than in the last accepted run. Without accounts there is nothing that they could change.
    fn configuration(&mut self, plan: &Plan, scale: &Scale, counts: &Counts) {
        let is_other = scale.accepted_rules.is_some_and(|before| before != plan.rules);
        let (total, active) = (plan.people(), scale.active_accounts);
        let limit = self.settings.max_config_change_percent;
        if !is_other
            || !scale.has_accounts
            || total < self.settings.min_people
            || !exceeds(total, active, limit)
        {
            return;
        }
        let mut parts = vec![format!("update {} people", grouped(counts.update))];
        let others = [
            ("create", counts.create),
            ("reactivate", counts.reactivate),
            ("suspend", counts.suspend),
            ("delete", counts.delete),
            ("grant memberships:", counts.grant),
            ("revoke memberships:", counts.revoke),
        ];
        let others = others.into_iter().filter(|(_, number)| *number > 0);
        parts.extend(others.map(|(verb, number)| format!("{verb} {}", grouped(number))));
        let message = format!(
            "your configuration change would {}; {} people of {} active accounts are {:.1} %; \
             guard.max_config_change_percent is {limit}",
            parts.join(", "),
            grouped(total),
            grouped(active),
            share(total, active),
        );
        self.hold("config_change_percent", message);
    }
}

/// Whether a part is more than so many percent of the whole. A part of nothing is all of it.
pub fn exceeds(part: u64, whole: u64, limit_percent: f64) -> bool {
    let (part, whole) = if whole == 0 { (part.min(1), 1) } else { (part, whole) };
    part as f64 * 100.0 > limit_percent * whole as f64
}

/// In percent. A part of nothing is all of it.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
