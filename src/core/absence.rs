//! What it comes to that the source no longer names somebody.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Reason;
use super::action::{Attributes, Target};
use super::lead_back::back;
use super::lifecycle::AnnouncedEnd;
use super::plan::{Plan, Settled, SettledPerson};
use super::planner::{Absence, Ground, Rulebook, Wish, add};
use super::planted::{self, Fault};
use super::record::Fingerprint;
use super::state::PersonState;
use super::warnings::{number, of_rows_without_id, some_of};

/// People whom the source does not name and who are not settled as absent.
pub(super) struct Missing {
    /// All of them.
    pub people: Vec<String>,
    /// Those of whom it is known that they are gone: how often they were missing, and what absence means, has been asked already.
    pub gone: Vec<String>,
    /// Rows that nobody can tell whose they are.
    pub without_id: u64,
    /// Which those are, as far as they can be named.
    pub which: Vec<String>,
    /// Whether nothing else proves absence in this run.
    pub unsure: bool,
    /// Whether the run only looks again at what another one left.
    pub again: bool,
}

/// Adds people whom the source does not name and who are not settled as absent. Until they have been missing from so many runs
/// as configured, those with something to lose keep it. So do those whose user name a new record claims (`claimed`): it may be the
/// same person under a new employee id, and a record that is rejected for it changes nobody's access.
pub(super) fn add_absents(
    plan: &mut Plan,
    missing: Missing,
    claimed: &BTreeSet<String>,
    ground: &Ground<'_>,
) {
    let Ground { states, rulebook, moment, .. } = *ground;
    let Missing { people: missing, gone, without_id, which, unsure, again } = missing;
    // Whoever has lost it before somebody claimed it, or has not got it yet, keeps nothing: what waits for them is not sent any more.
    let has_it = |state: &PersonState| state.account.is_some() && state.has_something_to_lose();
    let has_it = |id: &&String| states.get(*id).is_none_or(has_it);
    let claimed: BTreeSet<&String> = claimed.iter().filter(has_it).collect();
    let gone: BTreeSet<String> = gone.into_iter().collect();
    let over = |id: &String| states.get(id)?.ends.as_ref()?.over(moment);
    let absent = Fingerprint::absent(rulebook.seed);
    for employee_id in &gone {
        if !claimed.contains(employee_id) {
            add_absent(plan, employee_id.clone(), Absence::Deprovision, ground);
        } else if let Some(last_day) = over(employee_id) {
            add_leaver(plan, employee_id.clone(), &Reason::Announced { last_day }, absent, ground);
        }
    }
    plan.absences.missing.clone_from(&missing);
    let means_leaving = rulebook.absence == Absence::Deprovision;
    // What their absence does not prove, HR has said before: that nobody may be sure of a row, or waits for more runs, takes nothing of it back.
    let is_spared = |id: &String| {
        unsure || without_id > 0 || claimed.contains(id) || !has_lasted(states.get(id), again, rulebook)
    };
    let last_day = |id: &String| over(id).filter(|_| means_leaving && is_spared(id));
    let mut unsettled = Vec::new();
    for employee_id in missing.into_iter().filter(|id| !gone.contains(id)) {
        match last_day(&employee_id) {
            Some(last_day) => {
                add_leaver(plan, employee_id, &Reason::Announced { last_day }, absent, ground);
            }
            None => unsettled.push(employee_id),
        }
    }
    let missing = unsettled;
    // Where absence means nothing, nothing has to prove it, and a last day that was announced does not wait.
    if unsure && means_leaving {
        return;
    }
    if without_id > 0 && means_leaving && !missing.is_empty() && !planted::is(Fault::BelievedAbsence) {
        plan.warnings.push(of_rows_without_id(missing.len(), without_id, &which));
    } else {
        let mut waiting: BTreeMap<u32, u64> = BTreeMap::new();
        let counts_claimed = rulebook.access.lifecycle.same_person().is_some();
        for employee_id in &missing {
            let is_claimed = means_leaving && claimed.contains(employee_id);
            if is_claimed && !counts_claimed {
                continue;
            }
            let state = states.get(employee_id);
            let grace = grace(state, rulebook).filter(|_| means_leaving);
            let runs = absent_runs(state, again);
            if grace.is_some_and(|grace| runs <= grace) && !again {
                plan.absences.counted.push(employee_id.clone());
            }
            if is_claimed {
                // Whoever claims the account takes it over once that counts as absence.
                continue;
            }
            if grace.is_some_and(|grace| runs < grace) {
                *waiting.entry(runs).or_default() += 1;
            } else {
                add_absent(plan, employee_id.clone(), rulebook.absence, ground);
            }
        }
        plan.warnings.extend(waiting.into_iter().map(|(runs, people)| {
            format!(
                "{} absent, for {runs} of {} runs; they keep what they have until then \
                 (source.absence_runs)",
                number(people, "person is", "people are"),
                rulebook.absence_runs
            )
        }));
    }
    if !plan.announced.is_empty() {
        plan.warnings.push(format!(
            "{} missing from the source and {} what they have until the last day that HR had announced is over, and the \
             grace behind it (employee {})",
            number(plan.announced.len(), "person is", "people are"),
            if plan.announced.len() == 1 { "keeps" } else { "keep" },
            some_of(&plan.announced)
        ));
    }
}

/// Whether the absence of somebody has lasted long enough to mean that they have left. `again`: the run only looks again at what another
/// one left, and proves no further absence.
pub(super) fn has_lasted(state: Option<&PersonState>, again: bool, rulebook: &Rulebook) -> bool {
    grace(state, rulebook).is_none_or(|grace| absent_runs(state, again) >= grace)
}

/// From how many runs somebody may be missing before it counts. Who has nothing to lose needs no grace.
fn grace(state: Option<&PersonState>, rulebook: &Rulebook) -> Option<u32> {
    let has_it = rulebook.absence_runs > 1 && state.is_some_and(PersonState::has_something_to_lose);
    has_it.then_some(rulebook.absence_runs)
}

/// From how many runs somebody is missing, with this one.
fn absent_runs(state: Option<&PersonState>, again: bool) -> u32 {
    state.map_or(0, |state| state.absent_runs) + u32::from(!again)
}

/// Adds somebody who has left for this reason, and is settled with this fingerprint.
fn add_leaver(
    plan: &mut Plan,
    employee_id: String,
    reason: &Reason,
    fingerprint: Fingerprint,
    ground: &Ground<'_>,
) {
    let settled = Settled { fingerprint, gone: true, ..Settled::default() };
    let target = Target::NoAccess { known_as: Attributes::new() };
    add(plan, employee_id, Wish { target, reason, granted: None, is_immediate: false, settled }, ground);
}

fn add_absent(plan: &mut Plan, employee_id: String, absence: Absence, ground: &Ground<'_>) {
    let Ground { states, rulebook, moment, .. } = *ground;
    let absent = Fingerprint::absent(rulebook.seed);
    let state = states.get(&employee_id);
    // That they have left is no news of whoever has left, and takes no grace from them.
    let said = state.and_then(|state| state.ends.as_ref());
    let has_access = state.is_some_and(PersonState::has_access_for_grace);
    let graced = said.and_then(AnnouncedEnd::accepted).filter(|ends| has_access && ends.is_in_grace(moment));
    let is_in_grace = graced.is_some();
    // Nor does what a source says beside it that nobody has accepted.
    let (absence, ends) = match graced {
        Some(ends) if absence == Absence::Deprovision => (Absence::Keep, Some(ends.clone())),
        _ => (absence, said.cloned()),
    };
    let fingerprint = if absence == Absence::Keep { absent.kept() } else { absent };
    let is_out = |state: &&PersonState| state.before.as_ref().is_some_and(|before| !before.had_access);
    // A held plan keeps in mind that they have left, and has to stay the same by that.
    if absence == Absence::Keep
        && let Some(state) = state.filter(is_out)
        && back(plan, state, Settled { fingerprint, ..Settled::default() }, ground)
    {
        return;
    }
    let leaves = match (absence, &ends) {
        (Absence::Deprovision, _) => Some(Reason::Absent),
        // That HR no longer names somebody takes back nothing of what it has said before.
        (Absence::Keep, Some(ends)) if ends.has_come(moment) => Some(match ends.is_in_doubt {
            true => Reason::ShownWhenHeld,
            false => Reason::Announced { last_day: ends.last_day },
        }),
        (Absence::Keep, _) => None,
    };
    if let Some(reason) = leaves {
        if reason == Reason::ShownWhenHeld && state.is_some_and(PersonState::has_something_to_lose) {
            plan.shown_when_held.push(employee_id.clone());
        }
        return add_leaver(plan, employee_id, &reason, fingerprint, ground);
    }
    if let Some(ends) = &ends {
        plan.announced.push(format!("{employee_id}: {}", ends.last_day));
    }
    // What HR had said of them before stands.
    plan.reaffirm(&employee_id, ground.stale);
    let base_version = state.map_or(0, |state| state.version);
    let shown = state.and_then(|state| state.shown);
    let hired = state.and_then(|state| state.hired);
    let next_change = ends.as_ref().map(|ends| ends.at);
    let gone = is_in_grace && state.is_some_and(|state| state.gone);
    let settled = Settled { fingerprint, gone, next_change, ends, hired, shown, ..Settled::default() };
    // Whoever suspended somebody who had left knew why.
    if !is_in_grace && state.is_some_and(|state| back(plan, state, settled.clone(), ground)) {
        return;
    }
    plan.settled.push(SettledPerson { employee_id, base_version, settled });
}
