//! The guard: a pure check of a plan against limits. It answers with reasons to hold, or with none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// `[guard]`: how much one run may change before a person has to look.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    /// Most accounts that may lose access in one run.
    pub max_deprovision_count: u64,
    /// The same as a percentage of active accounts.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_deprovision_percent: f64,
    /// Most new accounts, as a percentage of active accounts; not on a first, empty state.
    #[serde(default = "fifty")]
    #[schemars(range(min = 0.0))]
    pub max_create_percent: f64,
    /// How far the number of rows may fall below that of the last accepted run, in percent.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_shrink_percent: f64,
    /// Most rows that may be unusable, in percent.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_reject_percent: f64,
    /// Most user names that may change, as a percentage of active accounts.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_rename_percent: f64,
    /// A percentage limit trips only when at least this many people are concerned.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub min_people: u64,
    /// What a trip stops.
    #[serde(default)]
    pub on_trip: OnTrip,
}

fn fifty() -> f64 {
    50.0
}

fn ten() -> f64 {
    10.0
}

fn five() -> f64 {
    5.0
}

fn three() -> u64 {
    3
}

/// What a tripped limit stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTrip {
    /// The whole plan.
    #[default]
    HoldAll,
    /// Deprovisions only, where nothing but deprovisions or a shrunken source tripped; otherwise the whole plan.
    HoldDeprovisions,
}

/// One tripped limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReason {
    /// A stable name: `deprovision_count`, `deprovision_percent`, `create_percent`, `shrink_percent`,
    /// `reject_percent` or `rename_percent`.
    pub code: String,
    /// The figures, in words.
    pub message: String,
}

/// The size of what a plan is measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// Whether any account was ever confirmed; without one, this is a first load.
    pub has_accounts: bool,
    /// Rows of the last accepted run.
    pub accepted_rows: Option<u64>,
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
pub fn check(plan: &Plan, scale: Scale, settings: &GuardSettings) -> Verdict {
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
    let spares_others = |reason: &HoldReason| {
        matches!(reason.code.as_str(), "deprovision_count" | "deprovision_percent" | "shrink_percent")
    };
    let only_deprovisions = settings.on_trip == OnTrip::HoldDeprovisions
        && !reasons.is_empty()
        && reasons.iter().all(spares_others);
    Verdict { reasons, only_deprovisions }
}

fn exceeds(part: u64, whole: u64, limit_percent: f64) -> bool {
    part as f64 * 100.0 > limit_percent * whole as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::action::{ActionKind, Attributes, Change, Target};
    use super::super::plan::PlannedAction;
    use super::super::record::{Rejection, RejectionKind};
    use super::*;

    pub(crate) fn settings() -> GuardSettings {
        serde_json::from_str(r#"{"max_deprovision_count": 25, "max_deprovision_percent": 5.0}"#).unwrap()
    }

    fn plan(suspends: usize, creates: usize, renames: usize) -> Plan {
        let action = |kind, changes| PlannedAction {
            employee_id: "1".into(),
            kind,
            changes,
            because: String::new(),
            target: Target::NoAccess { known_as: Attributes::new() },
            scim_id: None,
            base_version: 0,
            verify: false,
            supersedes: None,
            settled: Default::default(),
        };
        let rename = Change { attribute: "userName".into(), from: Some("a".into()), to: Some("b".into()) };
        let mut plan = Plan { rows: 1000, ..Plan::default() };
        plan.actions.extend((0..suspends).map(|_| action(ActionKind::Suspend, vec![])));
        plan.actions.extend((0..creates).map(|_| action(ActionKind::Create, vec![])));
        plan.actions.extend((0..renames).map(|_| action(ActionKind::Update, vec![rename.clone()])));
        plan
    }

    fn scale(active: u64) -> Scale {
        Scale {
            active_accounts: active,
            has_accounts: active > 0,
            accepted_rows: Some(1000),
            open_deprovisions: 0,
        }
    }

    fn codes(plan: &Plan, scale: Scale) -> Vec<String> {
        check(plan, scale, &settings()).reasons.into_iter().map(|reason| reason.code).collect()
    }

    #[test]
    fn a_plan_within_every_limit_proceeds() {
        assert!(codes(&plan(25, 400, 40), scale(1000)).is_empty());
    }

    #[test]
    fn each_limit_trips_by_its_own_code_one_above_it() {
        assert_eq!(codes(&plan(26, 0, 0), scale(1000)), ["deprovision_count"]);
        assert_eq!(codes(&plan(6, 0, 0), scale(100)), ["deprovision_percent"]);
        assert_eq!(codes(&plan(0, 501, 0), scale(1000)), ["create_percent"]);
        assert_eq!(codes(&plan(0, 0, 51), scale(1000)), ["rename_percent"]);
        let shrunken = Plan { rows: 899, ..Plan::default() };
        assert_eq!(codes(&shrunken, scale(1000)), ["shrink_percent"]);
        let rejection = Rejection {
            employee_id: None,
            row: None,
            kind: RejectionKind::NoEmployeeId,
            reason: String::new(),
        };
        let spoiled = Plan { rows: 1000, rejected: vec![rejection; 51], ..Plan::default() };
        assert_eq!(codes(&spoiled, scale(1000)), ["reject_percent"]);
    }

    #[test]
    fn a_percentage_says_nothing_about_fewer_than_three_people() {
        assert!(codes(&plan(2, 0, 0), scale(4)).is_empty());
        assert_eq!(codes(&plan(3, 0, 0), scale(4)), ["deprovision_percent"]);
    }

    #[test]
    fn creates_are_free_on_a_first_empty_state() {
        let empty = Scale { accepted_rows: None, ..scale(0) };
        assert!(codes(&plan(0, 1000, 0), empty).is_empty());
        assert_eq!(codes(&plan(0, 3, 0), Scale { has_accounts: true, ..empty }), ["create_percent"]);
    }

    #[test]
    fn deprovisions_that_still_wait_count_against_the_limit() {
        let waiting = Scale { open_deprovisions: 20, ..scale(1000) };
        assert_eq!(codes(&plan(10, 0, 0), waiting), ["deprovision_count"]);
    }

    #[test]
    fn holding_deprovisions_alone_is_for_trips_about_deprovisions_alone() {
        let mut settings = settings();
        settings.on_trip = OnTrip::HoldDeprovisions;
        assert!(check(&plan(26, 10, 0), scale(1000), &settings).only_deprovisions);
        assert!(
            !check(&plan(26, 10, 60), scale(1000), &settings).only_deprovisions,
            "a shifted column holds all"
        );
    }
}
