//! What is seen in the database after each write: who moved, and which run was stored.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Stored;
use super::hub::Who;
use super::world::World;

/// The database as it was seen last.
#[derive(Debug, Default)]
pub struct Observed {
    /// Of each person the version, and the actions that are open.
    people: BTreeMap<String, Vec<String>>,
    newest_run: String,
    accepted_runs: String,
    rejected_plans: String,
}

impl Observed {
    /// Of whom something is in a worker's hands.
    pub fn busy(&self) -> BTreeSet<String> {
        let busy = self.people.iter().filter(|(_, row)| row.last().is_some_and(|leased| leased == "1"));
        busy.map(|(employee_id, _)| employee_id.clone()).collect()
    }
}

impl World {
    /// Takes in what a write of this process did.
    pub(super) fn observe(&mut self, who: Who) {
        let people: BTreeMap<String, Vec<String>> = self
            .database
            .rows(
                "SELECT p.employee_id, CAST(p.version AS TEXT), coalesce(group_concat(o.action_id || o.state), ''), \
                   CAST(max(EXISTS (SELECT 1 FROM lease l WHERE l.action_id = o.action_id)) AS TEXT) \
                 FROM person p LEFT JOIN action o ON o.employee_id = p.employee_id AND o.state IN ('queued', 'parked') \
                 GROUP BY p.employee_id",
            )
            .into_iter()
            .map(|mut row| (row.remove(0), row))
            .collect();
        self.watch(who);
        let before = std::mem::replace(&mut self.observed.people, people);
        let now = &self.observed.people;
        let moved = before.keys().chain(now.keys()).filter(|id| before.get(*id) != now.get(*id)).cloned();
        let moved: BTreeSet<String> = moved.collect();
        let run = self.newest_run();
        // What a run did itself, it knows.
        self.evidence.moved(&moved, run.is_some().then_some(who));
        let now = self.hub.now();
        match run {
            Some(Some(stored)) => {
                let confirmed = self.database.rows("SELECT employee_id FROM account WHERE had_access = 1");
                let confirmed = confirmed.into_iter().map(|mut row| row.remove(0)).collect();
                self.evidence.stored(who, &stored, &confirmed, now);
            }
            Some(None) => self.evidence.stored_nothing(who),
            None => {}
        }
        let mut decided = self.database.rows(
            "SELECT CAST(count(*) AS TEXT), (SELECT CAST(count(*) AS TEXT) FROM plan WHERE state = 'rejected') \
             FROM run WHERE accepted = 1",
        );
        let [accepted, rejected] = decided.remove(0).try_into().expect("two columns");
        if rejected != self.observed.rejected_plans {
            self.observed.rejected_plans = rejected;
            self.evidence.refused(&self.kept_by_decision());
        }
        if accepted != self.observed.accepted_runs {
            self.observed.accepted_runs = accepted;
            self.evidence.accepted();
        }
    }

    /// With `SIMULATION_WATCH=E007` the log says after each write where the actions of this person stand.
    fn watch(&self, who: Who) {
        let Ok(watched) = std::env::var("SIMULATION_WATCH") else { return };
        let mut rows = self.database.rows(
            "SELECT employee_id, CAST(action_id AS TEXT), kind, coalesce(group_id, ''), state, \
               iif(uncertain, 'uncertain', ''), iif(withdrawn, 'withdrawn', ''), \
               iif(EXISTS (SELECT 1 FROM lease l WHERE l.action_id = a.action_id), 'leased', '') FROM action a",
        );
        rows.retain(|row| row[0] == watched);
        let told: Vec<String> = rows.iter().map(|row| row[1..].join(" ").trim_end().to_owned()).collect();
        self.hub.note(format!("{who} has written; {watched}: {}", told.join(", ")));
    }

    /// Who was to lose access by the plan that was rejected last.
    fn kept_by_decision(&self) -> BTreeSet<String> {
        let kept = self.database.rows(
            "SELECT employee_id FROM action WHERE kind IN ('suspend', 'delete') AND plan_id = \
               (SELECT plan_id FROM plan WHERE state = 'rejected' ORDER BY rowid DESC LIMIT 1)",
        );
        kept.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// The run that was stored since the last look, if one was; an inner `None`: it came to no plan.
    fn newest_run(&mut self) -> Option<Option<Stored>> {
        let newest = self.database.rows(
            "SELECT CAST(rowid AS TEXT), outcome, CAST(accepted AS TEXT) FROM run ORDER BY rowid DESC LIMIT 1",
        );
        let [rowid, outcome, accepted] = newest.first()?.as_slice() else { return None };
        if *rowid == self.observed.newest_run {
            return None;
        }
        self.observed.newest_run.clone_from(rowid);
        if matches!(outcome.as_str(), "incomplete" | "failed") {
            return Some(None);
        }
        let rejected = self.database.rows(
            "SELECT coalesce(employee_id, '') FROM rejection \
             WHERE run_id = (SELECT run_id FROM run ORDER BY rowid DESC LIMIT 1)",
        );
        let rejected = rejected.into_iter().map(|mut row| row.remove(0)).collect();
        Some(Some(Stored { accepted: accepted == "1", rejected }))
    }
}
