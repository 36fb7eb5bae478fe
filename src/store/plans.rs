//! A run, its plan and its outbox: stored in one transaction, so that a crash leaves all of it or nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::actions::insert_actions;
use super::approval::{A_NEWER_RUN, drop_held, stored_hash};
use super::audit::append;
use super::memberships::let_go_all;
use super::names::keep_awaited;
use super::quiet::{Seen, has_seen_all, was_queued_since};
use super::recorded;
use super::register::{RegisterWrite, store_register};
use super::settling::{count_absences, settle};
use super::shown::keep_in_mind;
use super::stale::reaffirm;
use super::withdrawal::withdraw;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::audit::Entry;
use crate::core::guard::{HoldReason, doubts_source};
use crate::core::header::HeaderNames;
use crate::core::plan::{Plan, PlannedAction, content_hash};
use crate::core::report::{Counts, Outcome};
use crate::core::source_file::SourceFile;

/// How many rows one statement takes.
pub(super) const CHUNK: usize = 2_000;
/// How many rejections of a run are kept; the count is kept whole.
const KEPT_REJECTIONS: usize = 1_000;

/// What is remembered of a run.
#[derive(Debug)]
pub struct RunRecord<'a> {
    /// The key.
    pub run_id: &'a str,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was stored.
    pub ended_at: DateTime<Utc>,
    /// What started it: `schedule`, `start`, `sync`, `missed`.
    pub cause: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// The file or system that was read.
    pub source: Option<&'a SourceFile>,
    /// What went wrong, if it did, or what an operator should know.
    pub message: Option<&'a str>,
    /// What had been stored when it began to look.
    pub seen: Seen,
}

impl<'a> RunRecord<'a> {
    pub(super) fn source_digest(&self) -> Option<&'a str> {
        self.source.and_then(|source| source.digest.as_deref())
    }
}

/// A plan to be stored with its run.
#[derive(Debug)]
pub struct PlanCommit<'a> {
    /// The key, should it be new.
    pub plan_id: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// Why it is held; empty: it is released.
    pub hold_reasons: &'a [HoldReason],
    /// Whether, though held, actions that take no access away are released.
    pub only_deprovisions: bool,
    /// Whether nothing is stored where another run has queued something since this one began to look.
    pub yields: bool,
    /// Until when it can be approved, should it be held.
    pub expires_at: DateTime<Utc>,
    /// What was read into the register.
    pub register: Option<&'a RegisterWrite>,
}

/// What became of a plan when it was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The plan's key: an earlier one where the same plan is held already.
    pub plan_id: Option<String>,
    /// Actions that workers may now take.
    pub queued: u64,
}

impl Store {
    /// Stores a run that came to no plan.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_run(&self, run: &RunRecord<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let told = insert_run(&mut tx, run, None, None, false).await?;
        append(&mut tx, run.ended_at, &[told]).await?;
        Ok(tx.commit().await?)
    }

    /// Adds to what an operator is told of a run that is stored.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn add_to_run(&self, run_id: &str, message: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE run SET message = coalesce(message || '; ', '') || ?2 WHERE run_id = ?1";
        sqlx::query(sql).bind(run_id).bind(message).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Stores a run, its plan and the outbox.
    ///
    /// People whose state has moved since the plan was made are left out: the next run sees them again.
    ///
    /// # Errors
    /// Where the database fails, or the plan yields to another one; then nothing is stored.
    pub async fn commit_plan(
        &self,
        run: &RunRecord<'_>,
        commit: &PlanCommit<'_>,
    ) -> Result<Committed, StoreError> {
        let now = run.ended_at;
        let (held, released): (Vec<&PlannedAction>, Vec<&PlannedAction>) =
            commit.plan.actions.iter().partition(|action| {
                !commit.hold_reasons.is_empty() && (!commit.only_deprovisions || action.kind.takes_away())
            });
        let is_held = !commit.hold_reasons.is_empty();
        let mut tx = self.begin().await?;
        if commit.yields && was_queued_since(&mut tx, run.seen).await? {
            return Err(StoreError::QueuedBeside);
        }
        let has_seen_all = has_seen_all(&mut tx, run).await?;
        let mut withdrawn = Vec::new();
        // Also under a hold: to keep back what the newest record contradicts sends nothing.
        let ended = withdraw(&mut tx, run, commit.plan, &held, &mut withdrawn).await?;
        let held: Vec<Cow<'_, PlannedAction>> = held.into_iter().map(|one| behind(one, &ended)).collect();
        let held: Vec<&PlannedAction> = held.iter().map(Cow::as_ref).collect();
        let hash = content_hash(&commit.plan.input.to_hex(), held.iter().copied());
        let same = if is_held { standing(&mut tx, &hash).await? } else { None };
        if same.is_none() {
            drop_held(&mut tx, "superseded", A_NEWER_RUN, now).await?;
        }
        let stored = is_held || !released.is_empty();
        let plan_id = same.clone().or_else(|| stored.then(|| commit.plan_id.to_owned()));
        let mut told = vec![insert_run(&mut tx, run, plan_id.as_deref(), Some(commit), !is_held).await?];
        told.append(&mut withdrawn);
        if let Some(plan_id) = plan_id.as_deref().filter(|_| same.is_none()) {
            let state = if is_held { "held" } else { "released" };
            let plan = PlanRow { plan_id, run_id: Some(run.run_id), state, hash: &hash, now };
            told.push(insert_plan(&mut tx, &plan, commit).await?);
        }
        let mut queued = 0;
        if let Some(plan_id) = &plan_id {
            if same.is_none() {
                insert_actions(&mut tx, plan_id, &held, "held", now, &mut told).await?;
                keep_in_mind(&mut tx, &held, now).await?;
            }
            end_open(&mut tx, &released, now).await?;
            queued = insert_actions(&mut tx, plan_id, &released, "queued", now, &mut told).await?;
            deny_origins(&mut tx, &commit.plan.actions).await?;
        }
        if !is_held || !doubts_source(commit.hold_reasons) {
            reaffirm(&mut tx, &commit.plan.reaffirmed, run.started_at).await?;
        }
        let_go_all(&mut tx).await?;
        let settled = beside_actions(&mut tx, commit.plan).await?;
        let leaves_nothing = !is_held
            && has_seen_all
            && commit.plan.is_final()
            && queued == released.len() as u64
            && settled == commit.plan.settled.len() as u64;
        if let Some(digest) = run.source_digest().filter(|_| leaves_nothing) {
            let sql = "UPDATE run SET quiet_digest = ?2 WHERE run_id = ?1";
            sqlx::query(sql).bind(run.run_id).bind(digest).execute(&mut *tx).await?;
        }
        append(&mut tx, now, &told).await?;
        tx.commit().await?;
        Ok(Committed { plan_id, queued })
    }
}

/// Keeps in mind that the old employee ids of moves are to have no access: until the account has passed to the new one nothing takes it
/// from them, and should it be suspended by hand meanwhile, nothing gives it back to them either.
async fn deny_origins(tx: &mut Tx, actions: &[PlannedAction]) -> Result<(), StoreError> {
    let origins: Vec<&String> =
        actions.iter().filter_map(|one| Some(&one.moved_from.as_ref()?.employee_id)).collect();
    if origins.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE person SET shown = 'without', fingerprint = iif(gone = 1, fingerprint, '') \
               WHERE employee_id IN (SELECT value FROM json_each(?1))";
    sqlx::query(sql).bind(to_json(&origins)).execute(&mut **tx).await?;
    Ok(())
}

/// Stores a run; the answer is its entry in the audit.
pub(super) async fn insert_run(
    tx: &mut Tx,
    run: &RunRecord<'_>,
    plan_id: Option<&str>,
    commit: Option<&PlanCommit<'_>>,
    accepted: bool,
) -> Result<Entry, StoreError> {
    let plan = commit.map(|commit| commit.plan);
    let header = match plan {
        Some(plan) => store_header(tx, &plan.header).await?,
        None => None,
    };
    forget_renames(tx).await?;
    sqlx::query(
        "INSERT INTO run (run_id, started_at, ended_at, cause, outcome, plan_id, source_name, source_rows, rejected, input, accepted, \
           planned, hold_reasons, message, header, rules, source_digest, source_modified, source_ends_line, renames, unsure_absence, doubled_rows) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    )
    .bind(run.run_id)
    .bind(millis(run.started_at))
    .bind(millis(run.ended_at))
    .bind(run.cause)
    .bind(run.outcome.name())
    .bind(plan_id)
    .bind(run.source.map(|source| &source.name))
    .bind(plan.map_or(0, |plan| plan.rows.cast_signed()))
    .bind(plan.map_or(0, |plan| plan.rejections().cast_signed()))
    .bind(plan.map(|plan| plan.input.to_hex()))
    .bind(accepted)
    .bind(to_json(&plan.map_or_else(Counts::default, Plan::counts)))
    .bind(to_json(&commit.map_or(&[][..], |commit| commit.hold_reasons)))
    .bind(run.message)
    .bind(header)
    .bind(plan.map(rules_text))
    .bind(run.source_digest())
    // A time that is still to come would keep out whatever is written until then.
    .bind(run.source.and_then(|source| source.modified).map(|at| millis(at.min(run.started_at))))
    .bind(run.source.and_then(|source| source.ends_line))
    .bind(plan.and_then(renames))
    .bind(plan.is_some_and(|plan| plan.unsure_absence))
    .bind(plan.map_or(0, |plan| plan.doubled_rows.cast_signed()))
    .execute(&mut **tx)
    .await?;
    if let Some(write) = commit.and_then(|commit| commit.register) {
        let missing = plan.map_or(&[][..], |plan| &plan.absences.missing);
        store_register(tx, write, missing, accepted, run.ended_at).await?;
    }
    let told = recorded::run(run, plan_id, commit, accepted);
    let Some(plan) = plan else { return Ok(told) };
    let rows: Vec<_> =
        plan.rejected.iter().take(KEPT_REJECTIONS).map(|r| (&r.employee_id, r.row, &r.reason)).collect();
    if !rows.is_empty() {
        sqlx::query(
            "INSERT INTO rejection (run_id, number, employee_id, row, reason) \
             SELECT ?1, key, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)",
        )
        .bind(run.run_id)
        .bind(to_json(&rows))
        .execute(&mut **tx)
        .await?;
    }
    Ok(told)
}

/// Whose change of name goes on behind a run; `None`: nobody's.
fn renames(plan: &Plan) -> Option<String> {
    let all = plan.renamed_later();
    (!all.is_empty()).then(|| to_json(&all))
}

/// Forgets whose changes of name went on behind runs that no other run is measured by any more: they may be many.
async fn forget_renames(tx: &mut Tx) -> Result<(), StoreError> {
    let sql = "UPDATE run SET renames = NULL WHERE renames IS NOT NULL \
               AND rowid IS NOT (SELECT max(rowid) FROM run WHERE accepted = 1) \
               AND run_id NOT IN (SELECT run_id FROM plan WHERE state = 'held')";
    sqlx::query(sql).execute(&mut **tx).await?;
    Ok(())
}

/// Stores a header that was not there before. The answer is its digest.
async fn store_header(tx: &mut Tx, header: &HeaderNames) -> Result<Option<String>, StoreError> {
    if header.is_empty() {
        return Ok(None);
    }
    let digest = header.digest().to_hex();
    sqlx::query("INSERT INTO source_header (digest, names) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")
        .bind(&digest)
        .bind(header.to_text())
        .execute(&mut **tx)
        .await?;
    Ok(Some(digest))
}

/// The digest of the configuration that decided, as it is stored.
pub(super) fn rules_text(plan: &Plan) -> String {
    format!("{:016x}", plan.rules)
}

/// The held plan, if it is this one: by the hash that it was shown under, and by what is stored of it now.
async fn standing(tx: &mut Tx, hash: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT plan_id, input FROM plan WHERE state = 'held' AND content_hash = ?1";
    let held: Option<(String, String)> = sqlx::query_as(sql).bind(hash).fetch_optional(&mut **tx).await?;
    let Some((plan_id, input)) = held else { return Ok(None) };
    let stored = stored_hash(tx, &plan_id, &input).await?;
    Ok((stored.as_deref() == Some(hash)).then_some(plan_id))
}

/// What is stored of a plan beside itself.
pub(super) struct PlanRow<'a> {
    pub plan_id: &'a str,
    pub run_id: Option<&'a str>,
    pub state: &'a str,
    pub hash: &'a str,
    pub now: DateTime<Utc>,
}

/// Stores a plan without its actions; the answer is its entry in the audit.
pub(super) async fn insert_plan(
    tx: &mut Tx,
    row: &PlanRow<'_>,
    commit: &PlanCommit<'_>,
) -> Result<Entry, StoreError> {
    sqlx::query(
        "INSERT INTO plan (plan_id, run_id, state, created_at, input, content_hash, counts, hold_reasons, rules, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(row.plan_id)
    .bind(row.run_id)
    .bind(row.state)
    .bind(millis(row.now))
    .bind(commit.plan.input.to_hex())
    .bind(row.hash)
    .bind(to_json(&commit.plan.counts()))
    .bind(to_json(&commit.hold_reasons))
    .bind(rules_text(commit.plan))
    .bind((row.state == "held").then(|| millis(commit.expires_at)))
    .execute(&mut **tx)
    .await?;
    Ok(recorded::plan(row, commit))
}

/// A held action; what has ended by now it no longer takes the place of. So the same plan stays the same in the next run.
fn behind<'a>(action: &'a PlannedAction, ended: &BTreeSet<i64>) -> Cow<'a, PlannedAction> {
    match action.supersedes {
        Some(action_id) if ended.contains(&action_id) => {
            Cow::Owned(PlannedAction { supersedes: None, ..action.clone() })
        }
        _ => Cow::Borrowed(action),
    }
}

/// Stores what a plan says beside its actions: who is missing, and who is settled. The answer is how many are settled.
pub(super) async fn beside_actions(tx: &mut Tx, plan: &Plan) -> Result<u64, StoreError> {
    count_absences(tx, &plan.absences).await?;
    keep_awaited(tx, plan).await?;
    if plan.anew {
        sqlx::query("UPDATE person SET fingerprint = ''").execute(&mut **tx).await?;
    }
    settle(tx, &plan.settled).await
}

/// Ends the waiting actions that the new ones take the place of.
async fn end_open(tx: &mut Tx, actions: &[&PlannedAction], now: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<i64> = actions.iter().filter_map(|action| action.supersedes).collect();
    for chunk in ids.chunks(CHUNK) {
        sqlx::query(
            "UPDATE action SET state = 'superseded', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
             WHERE action_id IN (SELECT value FROM json_each(?1)) AND state IN ('queued', 'parked', 'discarded') \
               AND action_id NOT IN (SELECT action_id FROM lease)",
        )
        .bind(to_json(&chunk))
        .bind(millis(now))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
