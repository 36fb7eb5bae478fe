//! How actions end: by a guarded update, together with every request that was sent and what was confirmed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::accounts::{pass_on, store_accounts, taken_accounts};
use super::attempts::{AttemptRow, repeated, store_attempts};
use super::audit::append;
use super::led_back::forget;
use super::managers::is_another;
use super::memberships::{LEAVES_MORE, end_memberships, let_go, with_another_user};
use super::outbox::{Claim, Claimed, claim};
use super::recorded::outcome;
use super::withdrawal::end_withdrawn;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::action::ActionKind;
use crate::core::audit::Entry;
use crate::core::grants::Given;
use crate::core::planted::{self, Fault};
use crate::core::state::Account;

/// How a worker's work on an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Confirmed: this is the account now (none: there is none any more).
    Done {
        /// The confirmed account.
        account: Option<Account>,
    },
    /// Confirmed of a membership.
    Member {
        /// By whom it was given; `None`: there is none any more.
        given: Option<Given>,
        /// Whether Workiva has suspended the user for it.
        is_suspended: bool,
    },
    /// It was withdrawn, and has not done what it was to do.
    Withdrawn {
        /// What Workiva shows instead of the confirmed account (an inner `None`: there is no user any more); `None`: that very account.
        learnt: Option<Option<Account>>,
    },
    /// Back into the queue as it was: nothing was sent.
    Untouched,
    /// Back into the queue.
    Again {
        /// Not before this.
        not_before: DateTime<Utc>,
        /// Whether the attempt counts against the limit.
        counts: bool,
        /// Whether a request may have taken effect unseen.
        uncertain: bool,
        /// Why.
        reason: String,
    },
    /// For an operator.
    Parked {
        /// Whether a request may have taken effect unseen.
        uncertain: bool,
        /// Why, and what to do.
        reason: String,
    },
}

impl Ending {
    /// The account that is confirmed or learnt by it, if there is one.
    pub(super) fn account(&self) -> Option<&Account> {
        match self {
            Self::Done { account } | Self::Withdrawn { learnt: Some(account) } => account.as_ref(),
            _ => None,
        }
    }
}

/// An action that a worker is through with.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The key.
    pub action_id: i64,
    /// The fence.
    pub epoch: i64,
    /// The run that planned it.
    pub run_id: String,
    /// Whose account.
    pub employee_id: String,
    /// The employee id whose account it takes over, if it does.
    pub moved_from: Option<String>,
    /// Create, update and so on.
    pub kind: ActionKind,
    /// Every request that was sent for it.
    pub attempts: Vec<AttemptRow>,
    /// How it ended.
    pub ending: Ending,
}

impl Finished {
    /// Of an action that was claimed and never begun.
    pub fn untouched(action: &Claimed) -> Self {
        Self::new(action, Vec::new(), Ending::Untouched)
    }

    /// Of a claimed action, with every request that was sent for it.
    pub fn new(action: &Claimed, attempts: Vec<AttemptRow>, ending: Ending) -> Self {
        Self {
            action_id: action.action_id,
            epoch: action.epoch,
            run_id: action.run_id.clone(),
            employee_id: action.employee_id.clone(),
            moved_from: action.moved_from.clone(),
            kind: action.kind,
            attempts,
            ending,
        }
    }

    /// Whether it goes back into the queue.
    pub fn is_to_go_on(&self) -> bool {
        matches!(self.ending, Ending::Untouched | Ending::Again { .. })
    }
}

/// What a turn came to.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// The actions that were still ours when they ended; what others did is kept as requests only.
    pub ours: BTreeSet<i64>,
    /// Whether something that waited for one of them can be claimed by now.
    pub let_go: bool,
    /// What was claimed, those that take access away first.
    pub claimed: Vec<Claimed>,
}

#[derive(Serialize)]
struct EndingRow<'a> {
    id: i64,
    state: &'static str,
    not_before: i64,
    counts: bool,
    uncertain: bool,
    error: &'a str,
}

impl Store {
    /// Stores how actions ended, with every request and what was confirmed, and claims the next ones (`limit` 0: none).
    /// Both are one transaction, since each costs one.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored or claimed.
    pub async fn turn(&self, finished: &[Finished], next: &Claim<'_>) -> Result<Turn, StoreError> {
        let mut tx = self.begin().await?;
        let mut turn = Turn::default();
        if !finished.is_empty() {
            let (ours, let_go) = finish(&mut tx, finished, next.now).await?;
            turn.let_go = let_go;
            turn.ours = ours.into_iter().map(|(action_id, _)| action_id).collect();
        }
        if next.limit > 0 {
            turn.claimed = claim(&mut tx, next).await?;
        }
        tx.commit().await?;
        Ok(turn)
    }
}

/// An action under one claim: (action, epoch). A turn may hold the ends of two claims of one action.
pub(super) type Hold = (i64, i64);

async fn finish(
    tx: &mut Tx,
    finished: &[Finished],
    now: DateTime<Utc>,
) -> Result<(BTreeSet<Hold>, bool), StoreError> {
    let holds = end_leases(tx, finished).await?;
    let repeated = repeated(tx, finished, &holds).await?;
    store_attempts(tx, finished).await?;
    let ours: Vec<&Finished> =
        finished.iter().filter(|one| holds.contains(&(one.action_id, one.epoch))).collect();
    let taken = taken_accounts(tx, &ours).await?;
    let (mut done, mut members, mut looked_at, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let people: Vec<&str> = ours.iter().map(|one| &*one.employee_id).collect();
    for one in ours {
        match &one.ending {
            _ if taken.contains_key(&one.action_id) => others.push(one),
            Ending::Done { .. } => done.push(one),
            Ending::Member { .. } => members.push(one),
            Ending::Withdrawn { .. } => looked_at.push(one),
            _ => others.push(one),
        }
    }
    let moved = pass_on(tx, &done).await?;
    end_done(tx, &done, now).await?;
    end_memberships(tx, &members, now).await?;
    end_withdrawn(tx, &looked_at, now).await?;
    end_others(tx, &others, &taken, now).await?;
    let let_go = let_go(tx, &people).await?;
    let told: Vec<Entry> = finished
        .iter()
        .filter_map(|one| {
            let hold = (one.action_id, one.epoch);
            let ended = match &one.ending {
                _ if !holds.contains(&hold) => "lost",
                _ if taken.contains_key(&one.action_id) => "parked",
                Ending::Done { .. } | Ending::Member { .. } => "done",
                Ending::Withdrawn { .. } => "superseded",
                Ending::Parked { .. } => "parked",
                Ending::Untouched | Ending::Again { .. } => "queued",
            };
            // Nothing was sent and nothing has ended: a pause alone is no outcome.
            let is_nothing = one.attempts.is_empty() && matches!(ended, "lost" | "queued");
            if is_nothing || repeated.contains(&hold) {
                return None;
            }
            Some(outcome(one, ended))
        })
        .chain(moved)
        .collect();
    append(tx, now, &told).await?;
    Ok((holds, let_go > 0))
}

/// Ends the leases that are still ours, and says which.
async fn end_leases(tx: &mut Tx, finished: &[Finished]) -> Result<BTreeSet<Hold>, StoreError> {
    let mut by_epoch: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for one in finished {
        by_epoch.entry(one.epoch).or_default().push(one.action_id);
    }
    let mut ours = BTreeSet::new();
    for (epoch, ids) in by_epoch {
        let ids = to_json(&ids);
        let any_epoch = planted::is(Fault::SkippedFence);
        // One text rather than a row each: this is on the way of every action.
        let held: String = sqlx::query_scalar(
            "SELECT json_group_array(action_id) FROM lease \
             WHERE action_id IN (SELECT value FROM json_each(?1)) AND (epoch = ?2 OR ?3)",
        )
        .bind(&ids)
        .bind(epoch)
        .bind(any_epoch)
        .fetch_one(&mut **tx)
        .await?;
        sqlx::query("DELETE FROM lease WHERE action_id IN (SELECT value FROM json_each(?1))")
            .bind(&held)
            .execute(&mut **tx)
            .await?;
        let held: Vec<i64> =
            serde_json::from_str(&held).map_err(|_| StoreError::Corrupt { what: "a lease" })?;
        ours.extend(held.into_iter().map(|action_id| (action_id, epoch)));
    }
    Ok(ours)
}

/// Actions that were confirmed.
async fn end_done(tx: &mut Tx, done: &[&Finished], now: DateTime<Utc>) -> Result<(), StoreError> {
    if done.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = done.iter().map(|one| one.action_id).collect();
    sqlx::query(
        "UPDATE action SET state = 'done', attempts = attempts + 1, error = NULL, \
           ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
         WHERE action_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let accounts = done.iter().map(|one| (&*one.employee_id, one.ending.account())).collect::<Vec<_>>();
    let anew = with_another_user(tx, &accounts).await?;
    store_accounts(tx, &accounts, true, now).await?;
    forget(tx, &accounts.iter().map(|(employee_id, _)| *employee_id).collect::<Vec<_>>()).await?;
    // Who has an account is in doubt no longer.
    sqlx::query(
        "DELETE FROM adoption WHERE decision = 'open' AND employee_id IN \
           (SELECT j.value FROM json_each(?1) j JOIN account a ON a.employee_id = j.value)",
    )
    .bind(to_json(&accounts.iter().map(|(employee_id, _)| *employee_id).collect::<Vec<_>>()))
    .execute(&mut **tx)
    .await?;
    let other_manager = is_another("a.manager", "a.employee_id");
    // Another user is two changes at once: whatever was planned beside this one meant the memberships of the user before. So it did of
    // an account that has passed from an employee id of whom more has changed than that. What HR has taken back settles nobody.
    let settled = format!(
        "UPDATE person SET version = version + 1 + (a.employee_id IN (SELECT value FROM json_each(?2))), next_change = a.next_change, ends = a.ends, hired = a.hired, shown = NULL, \
           manager = a.manager, fingerprint = iif(EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id AND o.group_id IS NOT NULL \
             AND {LEAVES_MORE}) OR a.employee_id IN (SELECT value FROM json_each(?2)) OR {other_manager} OR a.withdrawn = 1 \
             OR EXISTS (SELECT 1 FROM person f WHERE f.employee_id = a.moved_from AND f.version <> a.moved_version + 1), '', a.fingerprint), \
           guard_group = coalesce(a.guard_group, person.guard_group), gone = a.gone \
         FROM action a WHERE a.action_id IN (SELECT value FROM json_each(?1)) AND person.employee_id = a.employee_id"
    );
    sqlx::query(AssertSqlSafe(settled)).bind(to_json(&ids)).bind(to_json(&anew)).execute(&mut **tx).await?;
    Ok(())
}

/// Actions that go back into the queue, or wait for an operator. Of a membership that was planned before there was a user, it is kept whom
/// the requests were about.
async fn end_others(
    tx: &mut Tx,
    others: &[&Finished],
    taken: &BTreeMap<i64, String>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if others.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        others.iter().filter_map(|one| ending_row(one, taken.get(&one.action_id), now)).collect();
    sqlx::query(
        "UPDATE action SET state = j.value ->> 'state', not_before = j.value ->> 'not_before', \
           attempts = attempts + (j.value ->> 'counts'), uncertain = max(uncertain, j.value ->> 'uncertain'), \
           error = j.value ->> 'error', \
           scim_id = iif(group_id IS NULL, scim_id, coalesce(scim_id, \
             (SELECT c.scim_id FROM account c WHERE c.employee_id = action.employee_id))) \
         FROM json_each(?1) j WHERE action_id = j.value ->> 'id'",
    )
    .bind(to_json(&rows))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// `None`: the row stays as it is.
fn ending_row<'a>(one: &'a Finished, taken: Option<&'a String>, now: DateTime<Utc>) -> Option<EndingRow<'a>> {
    let row = EndingRow {
        id: one.action_id,
        state: "parked",
        not_before: millis(now),
        counts: true,
        uncertain: false,
        error: taken.map_or("", String::as_str),
    };
    match &one.ending {
        Ending::Done { .. } | Ending::Member { .. } | Ending::Withdrawn { .. } => Some(row),
        Ending::Untouched => None,
        Ending::Again { not_before, counts, uncertain, reason } => Some(EndingRow {
            state: "queued",
            not_before: millis(*not_before),
            counts: *counts,
            uncertain: *uncertain,
            error: reason,
            ..row
        }),
        Ending::Parked { uncertain, reason } => {
            Some(EndingRow { uncertain: *uncertain, error: reason, ..row })
        }
    }
}
