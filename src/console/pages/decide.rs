//! What an operator decides on a page.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

use super::login::encoded;
use super::{Trouble, Visitor};
use crate::console::Desk;
use crate::console::api::Refused;
use crate::console::api::decisions::{Order, Released, Which, drop_plan, order, reason, release};
use crate::console::session::Said;
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

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
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
    let reason = reason(Some(form.one("reason")));
    let said = match (form.one("decision"), &reason) {
        (_, Err(refused)) => Some(Said::failed("plan", refused)),
        ("approve", Ok(reason)) => approve(&desk, &visitor, &plan_id, *reason).await,
        ("reject", Ok(reason)) => {
            let by = By { name: &visitor.session.caller.name, reason: *reason };
            let dropped = drop_plan(&desk, &plan_id, by).await;
            let message = "Rejected: nobody's access changes. The next run plans anew, and holds again what is too much.";
            Some(
                dropped
                    .map_or_else(|refused| Said::failed("plan", &refused), |()| Said::done("plan", message)),
            )
        }
        _ => Some(Said::failed("plan", &Refused::unusable("decide by approve or reject"))),
    };
    if let Some(said) = said {
        desk.sessions.say(&visitor.cookie, said);
    }
    Ok(Redirect::to(&format!("/plans/{}", encoded(&plan_id))).into_response())
}

/// The answer is what is to be said, where that is not said already.
async fn approve(desk: &Desk, visitor: &Visitor, plan_id: &str, reason: Option<&str>) -> Option<Said> {
    let by = By { name: &visitor.session.caller.name, reason };
    let (sessions, cookie) = (Arc::clone(&desk.sessions), visitor.cookie.clone());
    let told = move |released: &Released| {
        let said = match released {
            Ok(actions) => {
                Said::done("plan", format!("Approved: {actions} actions are released, and being sent."))
            }
            Err(refused) => Said::failed("plan", refused),
        };
        sessions.say(&cookie, said);
    };
    let message =
        "The source is still being read for it. Load this page again in a while: it tells what came of it.";
    release(desk, plan_id, by, told).await.is_none().then(|| Said::done("plan", message))
}

/// Puts parked actions back into the queue, or gives them up.
pub async fn parked(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Result<Response, Trouble> {
    let form = Form::read(&body).of_an_operator(&visitor)?;
    let said = decide_parked(&desk, &visitor, &form).await;
    let said =
        said.map_or_else(|refused| Said::failed("parked", &refused), |message| Said::done("parked", message));
    desk.sessions.say(&visitor.cookie, said);
    Ok(Redirect::to("/parked").into_response())
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
    match order(desk, &which, &visitor.session.caller, one).await? {
        0 => Err(Refused::unusable("Nothing was done: none of them is parked any more.")),
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
    fn done(place: &'static str, message: impl Into<String>) -> Self {
        Self { place, done: true, message: message.into() }
    }

    fn failed(place: &'static str, refused: &Refused) -> Self {
        Self { place, done: false, message: refused.message().to_owned() }
    }
}
