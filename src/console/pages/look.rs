//! The pages that show something.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::decide::{Form, seal};
use super::told::Record;
use super::{Trouble, Visitor, render};
use crate::console::api::{self, Listed, Refused};
use crate::console::session::Said;
use crate::console::{Desk, alerts, overview};
use crate::core::action::ActionKind;
use crate::core::audit::Kind as RecordKind;
use crate::core::value::canonical;
use crate::store::{
    ACTIONS_LOOKED_THROUGH, AuditSearch, LOOKED_THROUGH, Looked, PeopleSearch, PlanSearch,
    RECORDS_LOOKED_THROUGH, Standing,
};

/// How many rows a page has.
const ROWS: u32 = 50;

type Page = Result<Response, Trouble>;

/// What was asked for behind the question mark; empty where it was not.
fn asked(query: Option<String>) -> Form {
    Form::read(query.unwrap_or_default().as_bytes())
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn missing(what: &str) -> Trouble {
    Trouble::new(StatusCode::NOT_FOUND, what)
}

/// How everything is.
pub async fn overview(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Page {
    let all = overview::look(&desk).await?;
    let most = all.days.iter().map(|day| day.applied + day.unchanged + day.held + day.failed).max();
    let busiest = most.unwrap_or(0);
    let data = context! { all, busiest, most => busiest.max(1) };
    Ok(render::page(&desk, &visitor, "overview", "overview.html", data).await)
}

/// A plan: who, what, why.
pub async fn plan(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(plan_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Page {
    let data = plan_data(&desk, &plan_id, &asked(query)).await?;
    let data = context! { reason => "", ..data };
    Ok(render::page(&desk, &visitor, "plan", "plan.html", data).await)
}

/// The same behind a decision that was not taken, with what was typed.
pub async fn plan_again(
    desk: &Desk,
    visitor: &Visitor,
    plan_id: &str,
    form: &Form,
    refused: &Refused,
) -> Page {
    let data = plan_data(desk, plan_id, form).await?;
    let data = context! { reason => form.one("reason"), ..data };
    Ok(render::page_saying(desk, visitor, "plan", "plan.html", data, not_taken(refused)).await)
}

/// `asked` says which of its actions: by query, kind and after.
async fn plan_data(desk: &Desk, plan_id: &str, asked: &Form) -> Result<Value, Trouble> {
    let engine = desk.engine();
    let plan = engine.store.plan_detail(plan_id, engine.clock.now()).await?;
    let plan = plan.ok_or_else(|| missing("There is no such plan."))?;
    let (search, kind, after) = (asked.one("query"), asked.one("kind"), asked.one("after"));
    api::kind(given(kind))?;
    let wanted = PlanSearch { after: api::number(given(after))?, query: search, kind: given(kind) };
    let actions = engine.store.plan_actions(plan_id, &wanted, ROWS + 1).await?;
    let stopped = actions.stopped_at.is_some();
    let actions = Listed::of_search(actions, ROWS, |action| action.action_id.to_string());
    let kinds = ActionKind::ALL.map(ActionKind::name);
    let looked_through = ACTIONS_LOOKED_THROUGH;
    Ok(context! { plan, actions, search, kind, after, kinds, stopped, looked_through })
}

/// The form could be read, and what it says is not enough.
fn not_taken(refused: &Refused) -> (StatusCode, Option<Said>) {
    (StatusCode::UNPROCESSABLE_ENTITY, Some(Said::failed(refused)))
}

/// People, and a search among them.
pub async fn people(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Page {
    let asked = asked(query);
    let (search, standing) = (asked.one("query"), api::standing(given(asked.one("state")))?);
    let wanted = PeopleSearch { after: given(asked.one("after")), query: search, standing };
    let people = desk.engine().store.people_behind(&wanted, ROWS + 1).await?;
    let stopped = people.stopped_at.is_some();
    let people = Listed::of_search(people, ROWS, |person| person.employee_id.clone());
    let (state, states) = (standing.map_or("", Standing::name), Standing::ALL.map(Standing::name));
    let data = context! { people, search, state, states, stopped, looked_through => LOOKED_THROUGH };
    Ok(render::page(&desk, &visitor, "people", "people.html", data).await)
}

/// One person, explained.
pub async fn person(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(employee_id): Path<String>,
) -> Page {
    of_person(&desk, &visitor, &employee_id).await
}

/// The same, of an id that cannot stand in a path.
pub async fn person_asked(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Page {
    of_person(&desk, &visitor, asked(query).one("employee_id")).await
}

async fn of_person(desk: &Desk, visitor: &Visitor, employee_id: &str) -> Page {
    let told = desk.explain(employee_id).await?.ok_or_else(|| {
        missing("Nobody with this employee id is in the source or was ever in it. Ids are compared exactly; leading zeros count.")
    })?;
    Ok(render::page(desk, visitor, "people", "person.html", context! { told }).await)
}

/// What waits for an operator.
pub async fn parked(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Page {
    let data = parked_data(&desk, &asked(query)).await?;
    Ok(render::page(&desk, &visitor, "parked", "parked.html", data).await)
}

/// The same behind a decision that was not taken, with what was typed and ticked.
pub async fn parked_again(desk: &Desk, visitor: &Visitor, form: &Form, refused: &Refused) -> Page {
    let data = parked_data(desk, form).await?;
    Ok(render::page_saying(desk, visitor, "parked", "parked.html", data, not_taken(refused)).await)
}

async fn parked_data(desk: &Desk, asked: &Form) -> Result<Value, Trouble> {
    let store = &desk.engine().store;
    let after = asked.one("after");
    let parked = store.parked_behind(api::number(given(after))?, ROWS + 1).await?;
    let parked = Listed::of(parked, ROWS, |action| action.action_id.to_string());
    let seen = seal(&store.parked_ids().await?);
    let ticked: Vec<&str> = asked.all("id").collect();
    let (reason, which) = (asked.one("reason"), asked.one("which"));
    Ok(context! { parked, seen, after, ticked, reason, which })
}

/// Runs.
pub async fn runs(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Page {
    let asked = asked(query);
    let after = given(asked.one("after"));
    let runs = desk.engine().store.runs_before(after, ROWS + 1).await?;
    if let (Some(after), true) = (after, runs.is_empty())
        && desk.engine().store.run_detail(after).await?.is_none()
    {
        return Err(api::not_next().into());
    }
    let runs = Listed::of(runs, ROWS, |run| run.run_id.clone());
    Ok(render::page(&desk, &visitor, "runs", "runs.html", context! { runs }).await)
}

/// One run.
pub async fn run(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(run_id): Path<String>,
) -> Page {
    let run = desk.engine().store.run_detail(&run_id).await?;
    let run = run.ok_or_else(|| missing("There is no such run."))?;
    Ok(render::page(&desk, &visitor, "runs", "run.html", context! { run }).await)
}

/// The audit.
pub async fn audit(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Page {
    let asked = asked(query);
    let employee_id = canonical(asked.one("employee_id"));
    let (kind, plan) = (asked.one("kind"), asked.one("plan").trim());
    let wanted = AuditSearch {
        before: api::number(given(asked.one("after")))?,
        employee_id: given(&employee_id),
        kind: api::record_kind(given(kind))?,
        plan_id: given(plan),
    };
    let engine = desk.engine();
    let records = engine.store.audit_before(&wanted, ROWS + 1).await?;
    let stopped = records.stopped_at.is_some();
    let Looked { rows, stopped_at } = records;
    let records = Looked { rows: rows.into_iter().map(Record::from).collect(), stopped_at };
    let records = Listed::of_search(records, ROWS, |record| record.seq().to_string());
    let head = engine.store.audit_head().await?;
    let look = alerts::audit_look(&engine.settings.alerts, &engine.store.alert_state().await?);
    let kinds = RecordKind::ALL.map(RecordKind::name);
    let looked_through = RECORDS_LOOKED_THROUGH;
    let data = context! { records, employee_id, kind, plan, kinds, head, look, stopped, looked_through };
    Ok(render::page(&desk, &visitor, "audit", "audit.html", data).await)
}

/// The configuration in effect.
pub async fn configuration(State(desk): State<Desk>, Extension(visitor): Extension<Visitor>) -> Page {
    let values: Vec<(String, String)> = desk.engine().configuration().into_iter().collect();
    Ok(render::page(&desk, &visitor, "configuration", "configuration.html", context! { values }).await)
}
