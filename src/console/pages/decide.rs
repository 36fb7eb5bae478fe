//! What an operator decides on a page.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

use super::login::encoded;
use super::{Trouble, Visitor, look};
use crate::console::Desk;
use crate::console::api::Refused;
use crate::console::api::decisions::{Order, Released, Which, by, drop_plan, order, release};
use crate::console::session::{Said, Sessions};
use crate::core::audit::By;

/// The fields of a form; one may be there several times.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads what a browser sends.
    pub fn read(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field; empty where it is not there.
    pub fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// On which page of the list the form stands, as the beginning of a query: what came of it is shown there.
    fn back(&self) -> String {
        let kept = ["query", "kind", "after"].map(|name| (name, self.one(name)));
        let kept = kept.into_iter().filter(|(_, value)| !value.is_empty());
        kept.map(|(name, value)| format!("{name}={}&", encoded(value))).collect()
    }

    /// Each value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Itself, if it comes from a page of this login.
    pub fn of(self, visitor: &Visitor) -> Result<Self, Trouble> {
        if Sha256::digest(self.one("csrf")) != Sha256::digest(&visitor.session.csrf) {
            return Err(Trouble::new(
                StatusCode::FORBIDDEN,
                "This form is not of your login, or of an earlier one. Go back, load the page again, and decide again.",
            ));
        }
        Ok(self)
    }

    fn of_an_operator(self, visitor: &Visitor) -> Result<Self, Trouble> {
        let form = self.of(visitor)?;
        if !visitor.session.caller.decides() {
            let message = format!("{} may look, and not decide.", visitor.session.caller.name);
            return Err(Trouble::new(StatusCode::FORBIDDEN, message));
        }
        Ok(form)
    }
}

/// Approves or rejects a plan.
pub async fn plan(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    Path(plan_id): Path<String>,
    body: Bytes,
) -> Result<Response, Trouble> {
    let form = Form::read(&body).of_an_operator(&visitor)?;
    let by = match by(&visitor.session.caller, Some(form.one("reason"))) {
        Ok(by) => by,
        Err(refused) => return look::plan_again(&desk, &visitor, &plan_id, &form, &refused).await,
    };
    let ticket = Sessions::ticket();
    let said = match form.one("decision") {
        "approve" => approve(&desk, &visitor, &plan_id, by, &ticket).await,
        "reject" => {
            let dropped = drop_plan(&desk, &plan_id, by).await;
            let message = "Rejected: nobody's access changes. The next run plans anew, and holds again what is too much.";
            Some(dropped.map_or_else(|refused| Said::failed(&refused), |()| Said::done(message)))
        }
        _ => Some(Said::failed(&Refused::unusable("decide by approve or reject"))),
    };
    if let Some(said) = said {
        desk.sessions.say(&visitor.cookie, &ticket, said);
    }
    let place = format!("/plans/{}?{}said={ticket}", encoded(&plan_id), form.back());
    Ok(Redirect::to(&place).into_response())
}

/// The answer is what is to be said, where that is not said already.
async fn approve(desk: &Desk, visitor: &Visitor, plan_id: &str, by: By<'_>, ticket: &str) -> Option<Said> {
    let (sessions, cookie, ticket) = (Arc::clone(&desk.sessions), visitor.cookie.clone(), ticket.to_owned());
    let told = move |released: &Released| {
        let said = match released {
            Ok(1) => Said::done("Approved: 1 action is released, and being sent."),
            Ok(actions) => Said::done(format!("Approved: {actions} actions are released, and being sent.")),
            Err(refused) => Said::failed(refused),
        };
        sessions.say(&cookie, &ticket, said);
    };
    let message =
        "The source is still being read for it. Load this page again in a while: it tells what came of it.";
    release(desk, plan_id, by, told).await.is_none().then(|| Said::done(message))
}

/// Puts parked actions back into the queue, or gives them up.
pub async fn parked(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Result<Response, Trouble> {
    let form = Form::read(&body).of_an_operator(&visitor)?;
    let said = match decide_parked(&desk, &visitor, &form).await {
        Ok(message) => Said::done(message),
        Err(refused) if refused.is_of_reason() => {
            return look::parked_again(&desk, &visitor, &form, &refused).await;
        }
        Err(refused) => Said::failed(&refused),
    };
    let ticket = Sessions::ticket();
    desk.sessions.say(&visitor.cookie, &ticket, said);
    Ok(Redirect::to(&format!("/parked?{}said={ticket}", form.back())).into_response())
}

/// The answer is what was done.
async fn decide_parked(desk: &Desk, visitor: &Visitor, form: &Form) -> Result<String, Refused> {
    let (one, done) = match form.one("decision") {
        "retry" => (Order::Retry, "back in the queue"),
        "discard" => (Order::Discard, "discarded: these people stay as they are until HR says something new"),
        _ => return Err(Refused::unusable("Nothing was done: choose Retry or Discard.")),
    };
    let ids: Vec<i64> = if form.one("which") == "all" {
        let ids = desk.engine().store.parked_ids().await?;
        // Whoever decides about all decides about those that they could look at.
        if seal(&ids) != form.one("seen") {
            let message = "Nothing was done: what is parked has changed since the page was loaded. Look through it again.";
            return Err(Refused::unusable(message));
        }
        ids
    } else {
        form.all("id").filter_map(|id| id.parse().ok()).collect()
    };
    let asked = ids.len() as u64;
    if asked == 0 {
        return Err(Refused::unusable(
            "Nothing was done: tick the actions that you mean, or choose all of them.",
        ));
    }
    let which = Which { ids, all: false, reason: Some(form.one("reason").to_owned()) };
    match order(desk, &which, &visitor.session.caller, one).await?.actions {
        number if number < asked => {
            Ok(format!("{number} of {asked} {done}. The others were not parked any more."))
        }
        number => Ok(format!("{number} {done}.")),
    }
}

/// What stands for these actions in a form.
pub fn seal(ids: &[i64]) -> String {
    let mut digest = Sha256::new();
    ids.iter().for_each(|id| digest.update(id.to_be_bytes()));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Said {
    fn done(message: impl Into<String>) -> Self {
        Self { done: true, message: message.into() }
    }

    /// Why nothing was done.
    pub fn failed(refused: &Refused) -> Self {
        Self { done: false, message: refused.message().to_owned() }
    }
}
