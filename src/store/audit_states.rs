//! The states of actions, held against the records that led there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use sqlx::{Row, SqliteConnection};

use super::audit_beside::bodies;
use super::{StoreError, to_json};
use crate::core::audit::{Kind, Record};

/// What of a record tells where an action stands.
#[derive(Deserialize)]
struct Told {
    action: i64,
    /// Of a decision; of a withdrawal that leaves the action open.
    state: Option<String>,
    /// Of an outcome.
    ended: Option<String>,
}

/// Where an action stood after a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stood {
    Held,
    Queued,
    Parked,
    Done,
    Discarded,
    Withdrawn,
}

impl Stood {
    /// `None`: the record leaves the action where it was.
    fn after(kind: Kind, told: &Told) -> Option<Self> {
        match (kind, told.ended.as_deref(), told.state.as_deref()) {
            (Kind::Withdrawal, _, None) | (_, Some("superseded"), _) => Some(Self::Withdrawn),
            (Kind::Discard, ..) => Some(Self::Discarded),
            (Kind::Retry, ..)
            | (_, Some("queued"), _)
            | (Kind::Decision | Kind::Withdrawal, _, Some("queued")) => Some(Self::Queued),
            (_, Some("done"), _) => Some(Self::Done),
            (_, Some("parked"), _) | (Kind::Withdrawal, _, Some("parked")) => Some(Self::Parked),
            (Kind::Decision, _, Some("held")) => Some(Self::Held),
            // Another process had it by then.
            _ => None,
        }
    }

    /// Whether an action may be stored so now, as part of a plan in that state. Only a newer action, a released plan or a link
    /// of `adopt` ends an action without a record of its own: it is superseded, or dropped with its plan.
    fn may_be(self, state: &str, plan: &str) -> bool {
        match (self, plan) {
            (Self::Held, "held" | "saved") => state == "held",
            (Self::Held | Self::Queued, "approved" | "applied") | (Self::Queued, _) => {
                matches!(state, "queued" | "superseded")
            }
            (Self::Held, _) => state == "dropped",
            (Self::Parked, _) => matches!(state, "parked" | "superseded"),
            (Self::Done, _) => state == "done",
            (Self::Discarded, _) => matches!(state, "discarded" | "superseded"),
            (Self::Withdrawn, _) => state == "superseded",
        }
    }
}

/// What the records so far tell of actions.
#[derive(Default)]
pub(super) struct ActionStates {
    /// Those that are not stored as their newest record says, with that record. A later one may put that right.
    pub doubtful: BTreeMap<i64, i64>,
    /// Those of which only what they did is learnt: to take the mark away would let them be sent.
    withdrawn: BTreeSet<i64>,
}

/// Takes in the next records.
pub(super) async fn compare_states(
    tx: &mut SqliteConnection,
    records: &[Record],
    states: &mut ActionStates,
) -> Result<(), StoreError> {
    let mut newest: HashMap<i64, (i64, Stood)> = HashMap::new();
    for kind in [Kind::Decision, Kind::Withdrawal, Kind::Outcome, Kind::Retry, Kind::Discard] {
        for (seq, told) in bodies::<Told>(records, kind)? {
            let Some(stood) = Stood::after(kind, &told) else { continue };
            if kind == Kind::Withdrawal && told.state.is_some() {
                states.withdrawn.insert(told.action);
            }
            let so_far = newest.entry(told.action).or_insert((seq, stood));
            if so_far.0 < seq {
                *so_far = (seq, stood);
            }
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = newest.keys().copied().collect();
    let rows = sqlx::query(
        "SELECT a.action_id, a.state, p.state, a.withdrawn FROM json_each(?1) j JOIN action a ON a.action_id = j.value \
         JOIN plan p USING (plan_id)",
    )
    .bind(to_json(&ids))
    .fetch_all(tx)
    .await?;
    let stored: HashMap<i64, (&str, &str, bool)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect();
    for (action_id, (seq, stood)) in newest {
        let as_told = stored.get(&action_id).is_some_and(|(state, plan, withdrawn)| {
            stood.may_be(state, plan) && *withdrawn == states.withdrawn.contains(&action_id)
        });
        if as_told {
            states.doubtful.remove(&action_id);
        } else {
            states.doubtful.insert(action_id, seq);
        }
    }
    Ok(())
}
