//! How one user differs from what was confirmed of the account.

use std::collections::BTreeSet;

use super::{Comparison, DriftKind, Drifted, KnownAccount, Learnt};
use crate::core::action::Change;
use crate::core::diff::is_same_value;
use crate::core::roster::{Roster, RosterUser};

/// Which attributes are compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The mapped SCIM paths.
    pub managed: &'a BTreeSet<String>,
    /// Those that are written only where there is no value.
    pub filled_when_empty: &'a BTreeSet<String>,
}

/// How a user differs from the confirmed account, if it does. Only what was sent is compared: what HR never filled is not
/// ours, unless a value by hand is to keep HR's away. What the user does not show, and what the server alters, is counted in `comparison`, and is no difference.
pub fn difference(
    known: &KnownAccount,
    roster: &Roster,
    live: &RosterUser,
    compared: Compared<'_>,
    comparison: &mut Comparison,
) -> Option<Drifted> {
    let Compared { managed, filled_when_empty } = compared;
    let account = &known.account;
    let mut now = account.clone();
    let (mut kinds, mut changes) = (BTreeSet::new(), Vec::new());
    match live.active {
        None => *comparison.not_shown.entry("active".into()).or_default() += 1,
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
            *comparison.not_shown.entry(path.clone()).or_default() += 1;
            continue;
        };
        if is_same_value(path, Some(confirmed), Some(shown)) {
            if known.is_healed(path, confirmed) {
                comparison.healed.push((known.employee_id.clone(), path.clone()));
            }
            continue;
        }
        // Nobody may hide a user name by changing it twice.
        if path != "userName" && known.comes_back(path, confirmed, shown) {
            *comparison.altered.entry(path.clone()).or_default() += 1;
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
    let is_unknown = |path: &&String| !account.attributes.contains_key(*path);
    for path in filled_when_empty.iter().filter(is_unknown) {
        let Some(shown) = roster.value(live, path).filter(|shown| !shown.is_empty()) else { continue };
        now.attributes.insert(path.clone(), shown.to_owned());
        comparison.learnt.push(Learnt {
            employee_id: known.employee_id.clone(),
            base_version: known.version,
            attribute: path.clone(),
            value: shown.to_owned(),
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
