//! The endpoints of groups: which group a request means, what is answered, and what a membership does to a user.

use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, error, no_content, refused, scim};
use super::groups::{GroupFilter, is_workspace};
use super::refusal::Refusal;
use super::scim::Target;
use super::world::World;

type Query = [(String, String)];

/// Whether a request gives somebody what needs a workspace that they are not in. Workiva holds it for a while, and then fails it
/// (**D**).
pub(super) fn is_held(
    world: &World,
    method: &Method,
    target: &Target,
    body: &Result<Map<String, Value>, Refusal>,
) -> bool {
    let (&Method::PATCH, Target::Group(id, _), Ok(body)) = (method, target, body) else { return false };
    let members = world.groups.patched(id, body);
    members.and_then(|members| world.groups.lacks_workspace(id, &members)).unwrap_or(false)
}

/// `GET /Groups`.
pub(super) fn list(world: &World, query: &Query) -> Answer {
    let answered = (|| {
        let number = |name: &str, default: usize| match text(query, name).map(str::parse::<i64>) {
            Some(Ok(number)) => Ok(usize::try_from(number).unwrap_or(0)),
            Some(Err(_)) => Err(Refusal::value(format!("{name} must be a number"))),
            None => Ok(default),
        };
        let filter = match text(query, "filter") {
            Some(_) if !world.directory.behaviour.filter => {
                return Err(Refusal::Invalid("invalidFilter", "filters are not supported".to_owned()));
            }
            Some(filter) => GroupFilter::parse(filter)?,
            None => GroupFilter::default(),
        };
        let cap = usize::try_from(world.directory.behaviour.page_cap).unwrap_or(usize::MAX);
        let start = if world.directory.behaviour.paging { number("startIndex", 1)?.max(1) } else { 1 };
        let count = number("count", cap)?.min(cap);
        let (total, page) =
            world.groups.list(&filter, start, count, shows_members(world, query), world.directory.base_url());
        Ok(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": page.len(),
            "Resources": page,
        }))
    })();
    match answered {
        Ok(body) => scim(StatusCode::OK, &body),
        Err(refusal) => refused(&refusal, &world.directory.behaviour),
    }
}

/// GET and PATCH of one group.
pub(super) fn one(
    world: &mut World,
    method: &Method,
    (id, query): (&str, &Query),
    body: Result<Map<String, Value>, Refusal>,
    now: DateTime<Utc>,
) -> Answer {
    let answered = match *method {
        Method::GET => world.groups.shown(id, shows_members(world, query), world.directory.base_url()),
        Method::PATCH => body.and_then(|body| patch(world, id, &body, now)),
        _ => return error(StatusCode::METHOD_NOT_ALLOWED, None, "the endpoint does not take this method"),
    };
    match answered {
        Ok(_) if method == Method::PATCH && world.directory.behaviour.patch_answers_no_content => {
            no_content()
        }
        Ok(group) => scim(StatusCode::OK, &group),
        Err(refusal) => refused(&refusal, &world.directory.behaviour),
    }
}

/// All operations, or none.
fn patch(
    world: &mut World,
    id: &str,
    body: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let members = world.groups.patched(id, body)?;
    let unknown = |user: &&String| world.directory.get(user).is_err();
    if members.difference(world.groups.members(id)?).any(|user| unknown(&user)) {
        return Err(Refusal::value("a member is no user"));
    }
    if world.groups.lacks_workspace(id, &members)? {
        return Err(Refusal::value("a member is not in the workspace"));
    }
    set_members(world, id, members, now)?;
    world.groups.shown(id, world.directory.behaviour.shows_members, world.directory.base_url())
}

/// Gives a group these members; with the last workspace access goes, and with a workspace it comes back (**D**).
pub(super) fn set_members(
    world: &mut World,
    id: &str,
    members: std::collections::BTreeSet<String>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let moves = world.groups.set_members(id, members, now)?;
    let statistics = &mut world.statistics;
    statistics.members_added += moves.joined.len() as u64;
    statistics.members_removed += moves.left.len() as u64;
    if is_workspace(id) {
        for user in moves.left.iter().filter(|user| world.groups.workspaces_of(user) == 0) {
            world.directory.set_active(user, false, now);
        }
        for user in &moves.joined {
            world.directory.set_active(user, true, now);
        }
    }
    Ok(())
}

fn shows_members(world: &World, query: &Query) -> bool {
    let names = |name: &str| text(query, name).map(|list| list.split(',').any(|one| one.trim() == "members"));
    world.directory.behaviour.shows_members
        && names("attributes").unwrap_or(true)
        && !names("excludedAttributes").unwrap_or(false)
}

fn text<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
