//! What an operator can decide.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Code, Refusal, Refused};
use crate::console::access::{Caller, by_name};
use crate::console::{Desk, PATIENCE};
use crate::core::audit::{self, By};
use crate::store::Approval;

/// Why somebody decides.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct Why {
    /// For the audit, on one line of at most 500 characters; not for secrets or personal data. Without one nothing is decided.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    pub reason: Option<String>,
}

/// Which parked actions, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct Which {
    /// These; empty together with `all`.
    #[serde(default)]
    pub ids: Vec<i64>,
    /// All that are parked.
    #[serde(default)]
    pub all: bool,
    /// For the audit, on one line of at most 500 characters; not for secrets or personal data. Nothing is discarded without one.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How many actions it was done to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// How many; null: that is not known yet, since the source is still being read. `/v1/plans/{plan_id}` tells of an approval, and the
    /// log of a refusal.
    pub actions: Option<u64>,
}

/// To which of the named actions it was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ordered {
    /// To how many.
    pub actions: u64,
    /// Those of the named ones to which nothing was done, since they are not parked.
    pub passed_over: Vec<i64>,
}

/// A reason as the audit keeps it; `None`: none was given.
fn reason(text: Option<&str>) -> Result<Option<&str>, Refused> {
    audit::reason(text.unwrap_or_default()).map_err(|why| Refused::bad_reason(&why))
}

/// Who decides and why, where nobody may without saying that.
pub fn by<'a>(caller: &'a Caller, text: Option<&'a str>) -> Result<By<'a>, Refused> {
    let reason = reason(text)?.ok_or_else(Refused::no_reason)?;
    Ok(By { name: &caller.name, reason: Some(reason) })
}

/// What came of an approval.
pub type Released = Result<u64, Refused>;

/// Releases a held plan, if the source and state are still what it was made from. Where the source takes long to be read the answer
/// is `None`, and the approval goes on; `told` hears of its end.
pub async fn release(
    desk: &Desk,
    plan_id: &str,
    by: By<'_>,
    told: impl FnOnce(&Released) + Send + 'static,
) -> Option<Released> {
    let (desk, plan_id) = (desk.clone(), plan_id.to_owned());
    let (name, reason) = (by.name.to_owned(), by.reason.map(str::to_owned));
    let clock = Arc::clone(&desk.engine().clock);
    let mut task = tokio::spawn(async move {
        let by = By { name: &name, reason: reason.as_deref() };
        let released = match desk.approving.try_acquire() {
            Ok(_turn) => approve_now(&desk, &plan_id, by).await,
            Err(_) => Err(Refused::conflict(Code::Busy, "another approval is under way; wait for its end")),
        };
        if let Err(refused) = &released {
            // Whoever asked may not be there any more.
            tracing::warn!(plan_id, by = name, "not approved: {}", refused.message());
        }
        told(&released);
        released
    });
    tokio::select! {
        released = &mut task => Some(released.unwrap_or_else(|_| Err(Refused::broken()))),
        () = clock.sleep(PATIENCE) => None,
    }
}

/// The answer is how many actions are released.
async fn approve_now(desk: &Desk, plan_id: &str, by: By<'_>) -> Released {
    // The source may have been read for minutes: who may decide is asked again behind that.
    let decides = || {
        let caller = by_name(&desk.engine().settings.http, by.name);
        caller.is_some_and(|caller| caller.decides())
    };
    match desk.engine().approve_if(plan_id, by, decides).await? {
        Approval::NotHeld { .. } if !decides() => Err(Refused::not_an_operator(by.name)),
        Approval::Released(actions) => Ok(actions),
        Approval::Stale(why) => {
            let message =
                format!("plan {plan_id} is stale and stays held: {why}. The next run makes a new plan");
            Err(Refused::conflict(Code::Stale, message))
        }
        Approval::Expired => Err(Refused::conflict(
            Code::Expired,
            format!(
                "plan {plan_id} has expired; the next run holds a new plan where its cause is still there"
            ),
        )),
        Approval::NotHeld { state } => Err(not_held(plan_id, state.as_deref())),
    }
}

/// Drops a held plan.
pub async fn drop_plan(desk: &Desk, plan_id: &str, by: By<'_>) -> Result<(), Refused> {
    let engine = desk.engine();
    if engine.store.reject(plan_id, by, engine.clock.now()).await? {
        return Ok(());
    }
    let state = engine.store.plan_detail(plan_id, engine.clock.now()).await?.map(|plan| plan.state);
    Err(not_held(plan_id, state.as_deref()))
}

fn not_held(plan_id: &str, state: Option<&str>) -> Refused {
    match state {
        Some(state) => Refused::conflict(Code::NotHeld, format!("plan {plan_id} is not held: it is {state}")),
        None => Refused::not_found(format!("no plan is called {plan_id}")),
    }
}

/// Releases a held plan. A reason is needed.
#[utoipa::path(post, path = "/v1/plans/{plan_id}/approve", params(("plan_id" = String, Path, description = "The plan.")),
    request_body = Why, responses((status = 200, body = Done), (status = 202, body = Done), (status = 400, body = Refusal), (status = 401, body = Refusal),
    (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 409, body = Refusal),
    (status = 413, body = Refusal), (status = 415, body = Refusal), (status = 422, body = Refusal)))]
pub async fn approve(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    Path(plan_id): Path<String>,
    Json(why): Json<Why>,
) -> Result<(StatusCode, Json<Done>), Refused> {
    let by = by(&caller, why.reason.as_deref())?;
    match release(&desk, &plan_id, by, |_| {}).await {
        Some(released) => Ok((StatusCode::OK, Json(Done { actions: Some(released?) }))),
        None => Ok((StatusCode::ACCEPTED, Json(Done { actions: None }))),
    }
}

/// Drops a held plan; nobody's access changes. A reason is needed.
#[utoipa::path(post, path = "/v1/plans/{plan_id}/reject", params(("plan_id" = String, Path, description = "The plan.")),
    request_body = Why, responses((status = 200, body = Done), (status = 400, body = Refusal), (status = 401, body = Refusal),
    (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 409, body = Refusal),
    (status = 413, body = Refusal), (status = 415, body = Refusal), (status = 422, body = Refusal)))]
pub async fn reject(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    Path(plan_id): Path<String>,
    Json(why): Json<Why>,
) -> Result<Json<Done>, Refused> {
    let by = by(&caller, why.reason.as_deref())?;
    drop_plan(&desk, &plan_id, by).await?;
    Ok(Json(Done { actions: Some(0) }))
}

/// Puts parked actions back into the queue, with fresh attempts; by its id also one that was discarded.
#[utoipa::path(post, path = "/v1/actions/retry", request_body = Which, responses((status = 200, body = Ordered),
    (status = 400, body = Refusal), (status = 401, body = Refusal), (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 413, body = Refusal),
    (status = 415, body = Refusal), (status = 422, body = Refusal)))]
pub async fn retry(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    Json(which): Json<Which>,
) -> Result<Json<Ordered>, Refused> {
    Ok(Json(order(&desk, &which, &caller, Order::Retry).await?))
}

/// Gives parked actions up until HR or the configuration says something new. A reason is needed.
#[utoipa::path(post, path = "/v1/actions/discard", request_body = Which, responses((status = 200, body = Ordered),
    (status = 400, body = Refusal), (status = 401, body = Refusal), (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 413, body = Refusal),
    (status = 415, body = Refusal), (status = 422, body = Refusal)))]
pub async fn discard(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    Json(which): Json<Which>,
) -> Result<Json<Ordered>, Refused> {
    Ok(Json(order(&desk, &which, &caller, Order::Discard).await?))
}

/// What is ordered for parked actions.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Back into the queue, with fresh attempts.
    Retry,
    /// Given up until HR or the configuration says something new.
    Discard,
}

/// Carries an order out. Where it is done to none of the named actions, it is refused.
pub async fn order(desk: &Desk, which: &Which, caller: &Caller, order: Order) -> Result<Ordered, Refused> {
    if which.all != which.ids.is_empty() {
        return Err(Refused::unusable("name actions by ids, or all of them by all, and not both"));
    }
    let why = which.reason.as_deref();
    let by = match order {
        Order::Discard => by(caller, why)?,
        // It changes nothing that was decided.
        Order::Retry => By { name: &caller.name, reason: reason(why)? },
    };
    let ids = (!which.all).then_some(which.ids.as_slice());
    let engine = desk.engine();
    let now = engine.clock.now();
    let done = match order {
        Order::Discard => engine.store.discard_parked(ids, by, now).await?,
        Order::Retry => {
            let done = engine.store.retry_parked(ids, by, now).await?;
            engine.bell.notify_one();
            done
        }
    };
    if done.is_empty() && !which.all {
        return Err(Refused::not_parked());
    }
    let done: HashSet<i64> = done.into_iter().collect();
    let mut passed_over: Vec<i64> = which.ids.iter().copied().filter(|id| !done.contains(id)).collect();
    passed_over.sort_unstable();
    passed_over.dedup();
    Ok(Ordered { actions: done.len() as u64, passed_over })
}
