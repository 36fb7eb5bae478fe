//! The guard: a pure check of a plan against limits. It answers with reasons to hold, or with none.

mod settings;

use serde::{Deserialize, Serialize};

use super::header::HeaderNames;
use super::plan::Plan;

pub use settings::{GuardSettings, OnTrip};

/// One tripped limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReason {
    /// A stable name: `deprovision_count`, `deprovision_percent`, `create_percent`, `shrink_percent`,
    /// `reject_percent`, `rename_percent` or `header_changed`.
    pub code: String,
    /// The figures, in words.
    pub message: String,
}

/// The size of what a plan is measured against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// Whether any account was ever confirmed; without one, this is a first load.
    pub has_accounts: bool,
    /// Rows of the last accepted run.
    pub accepted_rows: Option<u64>,
    /// The columns of the last accepted run; `None`: a change of them does not matter.
    pub accepted_header: Option<HeaderNames>,
    /// Deprovisions that earlier plans queued, no operator approved, and no worker has ended yet.
    pub open_deprovisions: u64,
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
    let counts = plan.counts();
    let mut reasons = Vec::new();
    // Deprovisions that still wait count too: five runs of 20 each are 100, not five times 20.
    let deprovisions =
        counts.deprovisions() + if counts.deprovisions() > 0 { scale.open_deprovisions } else { 0 };
    if deprovisions > settings.max_deprovision_count {
        reasons.push(HoldReason {
            code: "deprovision_count".into(),
            message: format!(
                "{deprovisions} accounts would lose access; guard.max_deprovision_count is {}",
                settings.max_deprovision_count
            ),
        });
    }
    let mut percent = |code: &str, part: u64, whole: u64, limit: f64, what: &str, of: &str| {
        if part >= settings.min_people && exceeds(part, whole, limit) {
            let share = if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 };
            let message =
                format!("{part} {what} of {whole} {of} are {share:.1} %; guard.max_{code} is {limit}");
            reasons.push(HoldReason { code: code.into(), message });
        }
    };
    let active = scale.active_accounts;
    let deprovision_limit = settings.max_deprovision_percent;
    percent(
        "deprovision_percent",
        deprovisions,
        active,
        deprovision_limit,
        "deprovisions",
        "active accounts",
    );
    if scale.has_accounts {
        percent(
            "create_percent",
            counts.create,
            active,
            settings.max_create_percent,
            "new accounts",
            "active accounts",
        );
    }
    if let Some(before) = scale.accepted_rows {
        let missing = before.saturating_sub(plan.rows);
        percent(
            "shrink_percent",
            missing,
            before,
            settings.max_shrink_percent,
            "missing rows",
            "rows of the last accepted run",
        );
    }
    let rejected = plan.rejections();
    percent("reject_percent", rejected, plan.rows, settings.max_reject_percent, "unusable rows", "rows");
    percent(
        "rename_percent",
        plan.renames(),
        active,
        settings.max_rename_percent,
        "changed user names",
        "active accounts",
    );
    let header_change = scale.accepted_header.as_ref().and_then(|before| plan.header.change_since(before));
    if let Some(change) = header_change {
        let message = format!(
            "the source's columns are not those of the last accepted run: {change}; approve the plan if the export was meant \
             to change"
        );
        reasons.push(HoldReason { code: "header_changed".into(), message });
    }
    let spares_others = |reason: &HoldReason| {
        matches!(reason.code.as_str(), "deprovision_count" | "deprovision_percent" | "shrink_percent")
    };
    let only_deprovisions = settings.on_trip == OnTrip::HoldDeprovisions
        && !reasons.is_empty()
        && reasons.iter().all(spares_others);
    Verdict { reasons, only_deprovisions }
}

/// Whether a part is more than so many percent of the whole.
pub fn exceeds(part: u64, whole: u64, limit_percent: f64) -> bool {
    part as f64 * 100.0 > limit_percent * whole as f64
}

#[cfg(test)]
pub(crate) mod tests;
