//! The control endpoints under `/_sandbox`, for tests in another process. They meet no fault, no rate limit and
//! no outage, and are not counted.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    answer::{Answer, error, json, refused},
    faults::{FaultInjector, Faults},
    http::now,
    membership,
    refusal::Refusal,
    world::{Outage, Shared},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GroupBody {
    id: String,
    #[serde(default)]
    display_name: String,
    members: Option<BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutageBody {
    outage: Outage,
}

/// Answers a control request; `endpoint` is what follows `/_sandbox/`.
pub(super) fn handle(shared: &Shared, method: &Method, endpoint: &str, body: &[u8]) -> Answer {
    match (method, endpoint) {
        (&Method::GET, "users") => json(StatusCode::OK, &shared.world().directory.snapshot()),
        (&Method::POST, "users") => seed(shared, body),
        (&Method::GET, "groups") => {
            let world = shared.world();
            json(StatusCode::OK, &world.groups.snapshot(world.directory.base_url()))
        }
        (&Method::POST, "groups") => seed_group(shared, body),
        (&Method::GET, "statistics") => json(StatusCode::OK, &shared.world().statistics),
        (&Method::PUT, "faults") => set_faults(shared, body),
        (&Method::PUT, "outage") => set_outage(shared, body),
        (_, "users" | "groups" | "statistics" | "faults" | "outage") => {
            error(StatusCode::METHOD_NOT_ALLOWED, None, "the endpoint does not take this method")
        }
        _ => error(StatusCode::NOT_FOUND, None, "there is no such endpoint"),
    }
}

/// A user who is already there; `"ownedElsewhere": true` gives them to another organization.
fn seed(shared: &Shared, body: &[u8]) -> Answer {
    let mut world = shared.world();
    let seeded = serde_json::from_slice::<Map<String, Value>>(body)
        .map_err(|_| Refusal::syntax("the body is not a JSON object"))
        .and_then(|mut user| {
            let owned_elsewhere = match user.shift_remove("ownedElsewhere") {
                None => false,
                Some(Value::Bool(owned)) => owned,
                Some(_) => return Err(Refusal::value("ownedElsewhere must be true or false")),
            };
            let user = world.directory.seed(user, owned_elsewhere, now())?;
            Ok(json(StatusCode::CREATED, user))
        });
    seeded.unwrap_or_else(|refusal| refused(&refusal, &world.directory.behaviour))
}

/// A group that is there, without members, or the members of one that is there already: as if made by hand.
fn seed_group(shared: &Shared, body: &[u8]) -> Answer {
    let mut world = shared.world();
    let seeded = serde_json::from_slice::<GroupBody>(body)
        .map_err(|why| Refusal::syntax(why.to_string()))
        .and_then(|group| {
            if world.groups.members(&group.id).is_err() {
                world.groups.seed(&group.id, &group.display_name, now())?;
            }
            if let Some(members) = group.members {
                membership::set_members(&mut world, &group.id, members, now())?;
            }
            world.groups.shown(&group.id, true, world.directory.base_url())
        });
    match seeded {
        Ok(group) => json(StatusCode::CREATED, &group),
        Err(refusal) => refused(&refusal, &world.directory.behaviour),
    }
}

fn set_faults(shared: &Shared, body: &[u8]) -> Answer {
    match serde_json::from_slice::<Faults>(body) {
        Ok(faults) if (0.0..=1.0).contains(&faults.rate) => {
            let answer = json(StatusCode::OK, &faults);
            shared.world().faults = FaultInjector::new(faults);
            answer
        }
        Ok(_) => error(StatusCode::BAD_REQUEST, Some("invalidValue"), "rate must be between 0 and 1"),
        Err(why) => error(StatusCode::BAD_REQUEST, Some("invalidSyntax"), &why.to_string()),
    }
}

fn set_outage(shared: &Shared, body: &[u8]) -> Answer {
    match serde_json::from_slice::<OutageBody>(body) {
        Ok(OutageBody { outage }) => {
            shared.world().outage = outage;
            json(StatusCode::OK, &serde_json::json!({"outage": outage}))
        }
        Err(why) => error(StatusCode::BAD_REQUEST, Some("invalidSyntax"), &why.to_string()),
    }
}
