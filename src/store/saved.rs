//! Plans that were saved, to be applied exactly as they are or not at all.

use chrono::{DateTime, TimeDelta, Utc};

use super::actions::insert_actions;
use super::approval::{A_NEWER_RUN, decide, drop_held, drop_waiting, moved, release};
use super::audit::append;
use super::plans::{
    Committed, PlanCommit, PlanRow, RunRecord, beside_actions, insert_plan, insert_run, rules_text,
};
use super::recorded;
use super::withdrawal::withdraw;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::audit::Entry;
use crate::core::plan::{PlannedAction, content_hash};

/// How many saved plans are kept, the newest; behind that, the oldest are dropped.
pub const KEPT_SAVED: i64 = 10;
/// How long a saved plan can be applied.
pub const SAVED_FOR: TimeDelta = TimeDelta::days(7);

/// How applying a saved plan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Application {
    /// Its actions are queued.
    Released(Committed),
    /// The guard stopped it: it is the held plan now.
    Held(Committed),
    /// There is no saved plan of this key.
    NotSaved {
        /// Its state, if there is one.
        state: Option<String>,
    },
    /// Source, configuration, state or the stored plan itself have changed since; this is how.
    Stale(String),
}

impl Store {
    /// Keeps a plan, to be applied later. Saved plans that are too many or too old are dropped.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored.
    pub async fn save_plan(&self, commit: &PlanCommit<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let actions: Vec<&PlannedAction> = commit.plan.actions.iter().collect();
        let hash = content_hash(&commit.plan.input.to_hex(), actions.iter().copied());
        let mut tx = self.begin().await?;
        let row = PlanRow { plan_id: commit.plan_id, run_id: None, state: "saved", hash: &hash, now };
        let mut told = vec![insert_plan(&mut tx, &row, commit).await?];
        insert_actions(&mut tx, commit.plan_id, &actions, "held", now, &mut told).await?;
        append(&mut tx, now, &told).await?;
        let sql = "SELECT plan_id FROM plan WHERE state = 'saved' AND (created_at < ?1 OR plan_id NOT IN \
                     (SELECT plan_id FROM plan WHERE state = 'saved' ORDER BY created_at DESC, rowid DESC LIMIT ?2))";
        let old: Vec<String> = sqlx::query_scalar(sql)
            .bind(millis(now - SAVED_FOR))
            .bind(KEPT_SAVED)
            .fetch_all(&mut *tx)
            .await?;
        for plan_id in old {
            drop_waiting(&mut tx, &plan_id, "superseded", "a newer saved plan".into(), now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Applies the saved plan that `commit` names, if it is what was planned anew just now (`commit.plan`), and is stored as it
    /// was shown. Should the guard hold it, it becomes the held plan.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn apply_saved(
        &self,
        run: &RunRecord<'_>,
        commit: &PlanCommit<'_>,
        by: &str,
    ) -> Result<Application, StoreError> {
        let now = run.ended_at;
        let mut tx = self.begin().await?;
        if let Some(refusal) = refuse(&mut tx, commit, now).await? {
            return Ok(refusal);
        }
        let is_held = !commit.hold_reasons.is_empty();
        let plan_id = commit.plan_id;
        let mut told = vec![insert_run(&mut tx, run, Some(plan_id), Some(commit), !is_held).await?];
        let actions: Vec<&PlannedAction> = commit.plan.actions.iter().collect();
        let mut queued = 0;
        if is_held {
            drop_held(&mut tx, "superseded", A_NEWER_RUN, now).await?;
            told.push(hold(&mut tx, run, commit).await?);
        } else {
            queued = release(&mut tx, plan_id, now).await?;
            decide(&mut tx, plan_id, "applied", by.into(), now).await?;
        }
        sqlx::query("UPDATE plan SET run_id = ?2 WHERE plan_id = ?1")
            .bind(plan_id)
            .bind(run.run_id)
            .execute(&mut *tx)
            .await?;
        let held = if is_held { &actions[..] } else { &[] };
        withdraw(&mut tx, run, commit.plan, held, &mut told).await?;
        beside_actions(&mut tx, commit.plan).await?;
        append(&mut tx, now, &told).await?;
        tx.commit().await?;
        let committed = Committed { plan_id: Some(plan_id.to_owned()), queued };
        Ok(if is_held { Application::Held(committed) } else { Application::Released(committed) })
    }
}

/// Why a saved plan cannot be applied, if so.
async fn refuse(
    tx: &mut Tx,
    commit: &PlanCommit<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Application>, StoreError> {
    let sql =
        "SELECT state, input, coalesce(rules, ''), content_hash, created_at FROM plan WHERE plan_id = ?1";
    let plan: Option<(String, String, String, String, i64)> =
        sqlx::query_as(sql).bind(commit.plan_id).fetch_optional(&mut **tx).await?;
    let Some((state, input, rules, shown, created_at)) = plan else {
        return Ok(Some(Application::NotSaved { state: None }));
    };
    if state != "saved" {
        return Ok(Some(Application::NotSaved { state: Some(state) }));
    }
    let stale = |why: String| Ok(Some(Application::Stale(why)));
    if created_at < millis(now - SAVED_FOR) {
        return stale(format!("it was saved more than {} days ago", SAVED_FOR.num_days()));
    }
    if rules != rules_text(commit.plan) {
        return stale("the configuration that decides about people has changed since".into());
    }
    let input_now = commit.plan.input.to_hex();
    if input != input_now {
        return stale("the content of the HR source has changed since".into());
    }
    if let Some(why) = moved(tx, commit.plan_id, &input, &shown).await? {
        return stale(why);
    }
    if content_hash(&input_now, &commit.plan.actions) != shown {
        let why = "what is to be done has changed since: a date has come, or a run in between has done or queued a part of it";
        return stale(why.into());
    }
    Ok(None)
}

/// Makes the saved plan the held one. The answer is its entry in the audit.
async fn hold(tx: &mut Tx, run: &RunRecord<'_>, commit: &PlanCommit<'_>) -> Result<Entry, StoreError> {
    let now = run.ended_at;
    sqlx::query(
        "UPDATE plan SET state = 'held', created_at = ?2, expires_at = ?3, hold_reasons = ?4 WHERE plan_id = ?1",
    )
    .bind(commit.plan_id)
    .bind(millis(now))
    .bind(millis(commit.expires_at))
    .bind(to_json(&commit.hold_reasons))
    .execute(&mut **tx)
    .await?;
    let hash = content_hash(&commit.plan.input.to_hex(), &commit.plan.actions);
    let row = PlanRow { plan_id: commit.plan_id, run_id: Some(run.run_id), state: "held", hash: &hash, now };
    Ok(recorded::plan(&row, commit))
}
