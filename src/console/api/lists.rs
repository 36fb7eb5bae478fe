//! What can be looked at.
#![allow(unused_qualifications, reason = "what is made of a generic body in an attribute of `utoipa`")]

use axum::extract::{Path, Query, State};
use axum::response::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Listed, Refusal, Refused};
use crate::console::Desk;
use crate::console::alerts::{self, Alerts};
use crate::console::overview::{self, Overview};
use crate::core::action::ActionKind;
use crate::core::audit::Kind as RecordKind;
use crate::core::value::canonical;
use crate::engine::explain::Explanation;
use crate::store::{
    AuditRow, AuditSearch, ParkedAction, PeopleSearch, PersonRow, PlanAction, PlanDetail, PlanSearch,
    RunDetail, RunSummary, Standing,
};

/// How many rows a page has where nothing is said.
const USUAL: u32 = 50;
/// The longest page.
const MOST: u32 = 500;

type Answer<T> = Result<Json<T>, Refused>;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, 1 to 500; 50 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Which people.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleAsked {
    /// Whose employee id begins so, then whose user name, last name, first name, display name or work e-mail address does; then who waits for an
    /// account that is to be called so; and where there is nobody of these, each of whose words stands in a confirmed attribute. Regardless of case.
    pub query: Option<String>,
    /// Only those who stand here: active, suspended, without_account, in_doubt (nobody has decided whether a user of Workiva is theirs) or
    /// keeps_access (to have none, and keeping it, since the action was discarded).
    #[param(inline, value_type = Option<Standing>)]
    pub state: Option<String>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, 1 to 500; 50 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PersonAsked {
    /// Whom.
    pub employee_id: String,
}

/// Which actions of a plan.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActionsAsked {
    /// Of a search with a digit in it: whose employee id begins so, if somebody's in the plan does, of at most 200 people. Otherwise also who has,
    /// or by the plan is to have, names, a user name or an e-mail address in which each of the words stands. Regardless of case.
    pub query: Option<String>,
    /// Of this kind.
    #[param(inline, value_type = Option<ActionKind>)]
    pub kind: Option<String>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, 1 to 500; 50 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Which records of the audit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditAsked {
    /// About this person alone.
    pub employee_id: Option<String>,
    /// Of this kind.
    #[param(inline, value_type = Option<RecordKind>)]
    pub kind: Option<String>,
    /// About this plan: runs that made it or found it held, itself, the actions that it decided on, and what became of it.
    pub plan: Option<String>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, 1 to 500; 50 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// One key of the configuration in effect.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigurationKey {
    /// The key in dotted form.
    pub key: String,
    /// Its value; secrets are redacted, and what may name a person stands as its SHA-256.
    pub value: String,
}

/// How many rows to read, one more than are asked for.
fn limit(asked: Option<u32>) -> Result<u32, Refused> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Refused::unusable(format!("limit has to be 1 to {MOST}"))),
    }
}

/// A number that a list went on behind.
pub fn number(after: Option<&str>) -> Result<Option<i64>, Refused> {
    after.map(|text| text.parse().map_err(|_| not_next())).transpose()
}

/// No list went on behind that.
pub fn not_next() -> Refused {
    Refused::unusable("after has to be `next` of a page")
}

fn no_plan(plan_id: &str) -> Refused {
    Refused::not_found(format!("no plan is called {plan_id}"))
}

/// A kind of action, if there is one of this name.
pub fn kind(asked: Option<&str>) -> Result<Option<ActionKind>, Refused> {
    let unknown =
        || Refused::unusable("kind has to be create, update, reactivate, suspend, delete, grant or revoke");
    asked.map(|name| ActionKind::parse(name).ok_or_else(unknown)).transpose()
}

/// Where people may stand, if there is a state of this name.
pub fn standing(asked: Option<&str>) -> Result<Option<Standing>, Refused> {
    let unknown =
        || Refused::unusable("state has to be active, suspended, without_account, in_doubt or keeps_access");
    asked.map(|name| Standing::parse(name).ok_or_else(unknown)).transpose()
}

/// A kind of record, if there is one of this name.
pub fn record_kind(asked: Option<&str>) -> Result<Option<RecordKind>, Refused> {
    let unknown = || {
        let names = RecordKind::ALL.map(RecordKind::name).join(", ");
        Refused::unusable(format!("kind has to be one of {names}"))
    };
    asked.map(|name| RecordKind::parse(name).ok_or_else(unknown)).transpose()
}

/// How everything is.
#[utoipa::path(get, path = "/v1/overview", responses((status = 200, body = Overview), (status = 401, body = Refusal)))]
pub async fn overview(State(desk): State<Desk>) -> Answer<Overview> {
    Ok(Json(overview::look(&desk).await?))
}

/// Runs, newest first.
#[utoipa::path(get, path = "/v1/runs", params(Paging),
    responses((status = 200, body = Listed<RunSummary>), (status = 400, body = Refusal), (status = 401, body = Refusal)))]
pub async fn runs(State(desk): State<Desk>, Query(asked): Query<Paging>) -> Answer<Listed<RunSummary>> {
    let limit = limit(asked.limit)?;
    let engine = desk.engine();
    let runs = engine.store.runs_before(asked.after.as_deref(), limit + 1).await?;
    if let (Some(after), true) = (&asked.after, runs.is_empty())
        && engine.store.run_detail(after).await?.is_none()
    {
        return Err(not_next());
    }
    Ok(Json(Listed::of(runs, limit, |run| run.run_id.clone())))
}

/// One run.
#[utoipa::path(get, path = "/v1/runs/{run_id}", params(("run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = RunDetail), (status = 401, body = Refusal), (status = 404, body = Refusal)))]
pub async fn run(State(desk): State<Desk>, Path(run_id): Path<String>) -> Answer<RunDetail> {
    let run = desk.engine().store.run_detail(&run_id).await?;
    run.map(Json).ok_or_else(|| Refused::not_found(format!("no run is called {run_id}")))
}

/// One plan.
#[utoipa::path(get, path = "/v1/plans/{plan_id}", params(("plan_id" = String, Path, description = "The plan.")),
    responses((status = 200, body = PlanDetail), (status = 401, body = Refusal), (status = 404, body = Refusal)))]
pub async fn plan(State(desk): State<Desk>, Path(plan_id): Path<String>) -> Answer<PlanDetail> {
    let plan = desk.engine().store.plan_detail(&plan_id, desk.now()).await?;
    plan.map(Json).ok_or_else(|| no_plan(&plan_id))
}

/// What a plan does, in its order.
#[utoipa::path(get, path = "/v1/plans/{plan_id}/actions",
    params(("plan_id" = String, Path, description = "The plan."), ActionsAsked),
    responses((status = 200, body = Listed<PlanAction>), (status = 400, body = Refusal), (status = 401, body = Refusal),
    (status = 404, body = Refusal)))]
pub async fn plan_actions(
    State(desk): State<Desk>,
    Path(plan_id): Path<String>,
    Query(asked): Query<ActionsAsked>,
) -> Answer<Listed<PlanAction>> {
    let limit = limit(asked.limit)?;
    let search = PlanSearch {
        after: number(asked.after.as_deref())?,
        query: asked.query.as_deref().unwrap_or_default(),
        kind: kind(asked.kind.as_deref())?.map(ActionKind::name),
    };
    let engine = desk.engine();
    let actions = engine.store.plan_actions(&plan_id, &search, limit + 1).await?;
    if actions.rows.is_empty() && !engine.store.has_plan(&plan_id).await? {
        return Err(no_plan(&plan_id));
    }
    Ok(Json(Listed::of_search(actions, limit, |action| action.action_id.to_string())))
}

/// People by employee id; those who are searched for by what they were found by, and then by that.
#[utoipa::path(get, path = "/v1/people", params(PeopleAsked),
    responses((status = 200, body = Listed<PersonRow>), (status = 400, body = Refusal), (status = 401, body = Refusal)))]
pub async fn people(State(desk): State<Desk>, Query(asked): Query<PeopleAsked>) -> Answer<Listed<PersonRow>> {
    let limit = limit(asked.limit)?;
    let search = PeopleSearch {
        after: asked.after.as_deref(),
        query: asked.query.as_deref().unwrap_or_default(),
        standing: standing(asked.state.as_deref())?,
    };
    let people = desk.engine().store.people_behind(&search, limit + 1).await?;
    Ok(Json(Listed::of_search(people, limit, |person| person.employee_id.clone())))
}

/// One person: input, decision and rule, difference, requests and answers. The source is read for it.
#[utoipa::path(get, path = "/v1/people/{employee_id}", params(("employee_id" = String, Path, description = "Whom.")),
    responses((status = 200, body = Explanation), (status = 401, body = Refusal), (status = 404, body = Refusal)))]
pub async fn person(State(desk): State<Desk>, Path(employee_id): Path<String>) -> Answer<Explanation> {
    let message = "nobody with this employee id is in the source or was ever in it; ids are compared exactly";
    desk.explain(&employee_id).await?.map(Json).ok_or_else(|| Refused::not_found(message))
}

/// One person, as by `/v1/people/{employee_id}`; for an id that cannot stand in a path: `.`, `..`, or one with a slash.
#[utoipa::path(get, path = "/v1/person", params(PersonAsked),
    responses((status = 200, body = Explanation), (status = 400, body = Refusal), (status = 401, body = Refusal), (status = 404, body = Refusal)))]
pub async fn person_asked(State(desk): State<Desk>, Query(asked): Query<PersonAsked>) -> Answer<Explanation> {
    person(State(desk), Path(asked.employee_id)).await
}

/// What somebody is told of at present, and by which channels.
#[utoipa::path(get, path = "/v1/alerts", responses((status = 200, body = Alerts), (status = 401, body = Refusal)))]
pub async fn alerts(State(desk): State<Desk>) -> Answer<Alerts> {
    let engine = desk.engine();
    let state = engine.store.alert_state().await?;
    Ok(Json(alerts::raised(&engine, state)))
}

/// The actions that wait for an operator.
#[utoipa::path(get, path = "/v1/actions/parked", params(Paging),
    responses((status = 200, body = Listed<ParkedAction>), (status = 400, body = Refusal), (status = 401, body = Refusal)))]
pub async fn parked(State(desk): State<Desk>, Query(asked): Query<Paging>) -> Answer<Listed<ParkedAction>> {
    let limit = limit(asked.limit)?;
    let after = number(asked.after.as_deref())?;
    let parked = desk.engine().store.parked_behind(after, limit + 1).await?;
    Ok(Json(Listed::of(parked, limit, |action| action.action_id.to_string())))
}

/// Records of the audit, newest first.
#[utoipa::path(get, path = "/v1/audit", params(AuditAsked),
    responses((status = 200, body = Listed<AuditRow>), (status = 400, body = Refusal), (status = 401, body = Refusal)))]
pub async fn audit(State(desk): State<Desk>, Query(asked): Query<AuditAsked>) -> Answer<Listed<AuditRow>> {
    let limit = limit(asked.limit)?;
    let before = number(asked.after.as_deref())?;
    let employee_id = asked.employee_id.as_deref().map(canonical);
    let search = AuditSearch {
        before,
        employee_id: employee_id.as_deref(),
        kind: record_kind(asked.kind.as_deref())?,
        plan_id: asked.plan.as_deref(),
    };
    let records = desk.engine().store.audit_before(&search, limit + 1).await?;
    Ok(Json(Listed::of_search(records, limit, |record| record.seq.to_string())))
}

/// The configuration in effect.
#[utoipa::path(get, path = "/v1/configuration",
    responses((status = 200, body = [ConfigurationKey]), (status = 401, body = Refusal)))]
pub async fn configuration(State(desk): State<Desk>) -> Answer<Vec<ConfigurationKey>> {
    Ok(Json(
        desk.engine()
            .configuration()
            .into_iter()
            .map(|(key, value)| ConfigurationKey { key, value })
            .collect(),
    ))
}
