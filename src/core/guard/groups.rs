//! The percentage of deprovisions within each group of people: `guard.max_deprovision_percent_per`.

use std::collections::{BTreeMap, BTreeSet};

use super::{HoldReason, Scale, exceeds, share};
use crate::core::plan::Plan;

/// How many groups a message names, the worst first.
const NAMED: usize = 5;
/// How much of a group's value a message shows, in characters.
const SHOWN: usize = 40;

/// How many people are in each group, by `column=value`.
pub type GroupCounts = BTreeMap<String, u64>;

/// The group of people with this value in this column. People without a value are a group of their own. The column is part
/// of it, so that a group of another column is not taken for one of this.
pub fn group(column: &str, value: Option<&str>) -> String {
    format!("{column}={}", value.unwrap_or_default())
}

/// Whether a group is one of this column.
pub fn is_of(group: &str, column: &str) -> bool {
    group.strip_prefix(column).is_some_and(|rest| rest.starts_with('='))
}

/// Checks the share of deprovisions within each group; `limit` is in percent.
pub(super) fn check(
    plan: &Plan,
    scale: &Scale,
    column: &str,
    limit: f64,
    min_people: u64,
) -> Option<HoldReason> {
    let mut leaving = GroupCounts::new();
    let mut people = BTreeSet::new();
    for action in plan.actions.iter().filter(|action| action.kind.is_deprovision() || action.last_workspace) {
        if !people.insert(&action.employee_id) {
            continue;
        }
        let group = action.settled.group.clone().unwrap_or_else(|| group(column, None));
        *leaving.entry(group).or_default() += 1;
    }
    let count = |counts: &GroupCounts, group: &str| counts.get(group).copied().unwrap_or(0);
    let mut tripped: Vec<(f64, String, u64, u64)> = leaving
        .into_iter()
        .map(|(group, planned)| {
            let waiting = count(&scale.open_deprovisions_by_group, &group);
            let active = count(&scale.active_by_group, &group) + count(&plan.ungrouped, &group);
            (group, planned + waiting, active)
        })
        .filter(|(_, part, active)| *part >= min_people && exceeds(*part, *active, limit))
        .map(|(group, part, active)| (share(part, active), group, part, active))
        .collect();
    if tripped.is_empty() {
        return None;
    }
    tripped.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let named = tripped.iter().take(NAMED).map(|(share, group, part, active)| {
        let who = described(group, column);
        format!("{part} deprovisions of {active} active accounts {who} are {share:.1} %")
    });
    let mut message = named.collect::<Vec<_>>().join("; ");
    if tripped.len() > NAMED {
        message += &format!("; and {} more", tripped.len() - NAMED);
    }
    message += &format!("; guard.max_deprovision_percent is {limit}, for each {column} as well");
    Some(HoldReason { code: "deprovision_percent_per".into(), message })
}

fn described(group: &str, column: &str) -> String {
    match group.get(column.len() + 1..).filter(|value| !value.is_empty()) {
        Some(value) => {
            let short: String = value.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
            format!("with {column} '{short}'")
        }
        None => format!("without a {column}"),
    }
}
