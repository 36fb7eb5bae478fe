//! The SCIM endpoints: which user a request means, and what is answered.

use axum::http::{Method, StatusCode, header};
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, error, no_content, refused, scim},
    filter::Filter,
    http::is_write,
    membership,
    options::Behaviour,
    refusal::Refusal,
    users::Written,
    world::World,
};

/// Where a request goes.
pub(super) enum Target {
    /// `/Users`, with the decoded members of the query.
    Users(Vec<(String, String)>),
    /// `/Users/{id}`, decoded.
    User(String),
    /// `/Groups`, with the decoded members of the query.
    Groups(Vec<(String, String)>),
    /// `/Groups/{id}`, decoded, with those of the query.
    Group(String, Vec<(String, String)>),
    /// `/ServiceProviderConfig`.
    Configuration,
    /// Anything else.
    Nothing,
}

impl Target {
    /// Reads a path and a query. Both are only percent-decoded: a `+` stays one (RFC 3986).
    pub(super) fn read(path: &str, query: Option<&str>) -> Target {
        match path.strip_prefix("/scim/v2/") {
            Some("Users") => read_query(query.unwrap_or_default()).map_or(Target::Nothing, Target::Users),
            Some("Groups") => read_query(query.unwrap_or_default()).map_or(Target::Nothing, Target::Groups),
            Some("ServiceProviderConfig") => Target::Configuration,
            Some(rest) => Self::read_one(rest, query).unwrap_or(Target::Nothing),
            None => Target::Nothing,
        }
    }

    /// `Users/{id}` and `Groups/{id}`.
    fn read_one(path: &str, query: Option<&str>) -> Option<Target> {
        let (kind, id) = path.split_once('/').filter(|(_, id)| !id.is_empty() && !id.contains('/'))?;
        match kind {
            "Users" => Some(Target::User(decode(id)?)),
            "Groups" => Some(Target::Group(decode(id)?, read_query(query.unwrap_or_default())?)),
            _ => None,
        }
    }
}

fn read_query(query: &str) -> Option<Vec<(String, String)>> {
    let members = query.split('&').filter(|member| !member.is_empty());
    members
        .map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// The body as an object; a body that is none is refused only where one is needed.
pub(super) fn parse_body(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::syntax("the body is not a JSON object"))
}

/// The user that a write is for, for counting writes to one user: by id, or by user name where it is yet to come.
pub(super) fn written_user(
    method: &Method,
    target: &Target,
    body: &Result<Map<String, Value>, Refusal>,
) -> Option<String> {
    match (target, body) {
        _ if !is_write(method) => None,
        (Target::User(id), _) => Some(format!("id {id}")),
        (Target::Group(id, _), _) => Some(format!("group {id}")),
        (Target::Users(_), Ok(body)) => {
            let name = body.get("userName").and_then(Value::as_str)?;
            Some(format!("name {}", name.to_lowercase()))
        }
        _ => None,
    }
}

/// Answers a request that nothing stands in the way of.
pub(super) fn answer(
    world: &mut World,
    method: &Method,
    target: Target,
    body: Result<Map<String, Value>, Refusal>,
    now: DateTime<Utc>,
) -> Answer {
    let answered = match (method, target) {
        (&Method::GET, Target::Configuration) => return configuration(&world.directory.behaviour),
        (&Method::GET, Target::Users(query)) => list(world, &query),
        (&Method::POST, Target::Users(_)) => body.and_then(|body| create(world, body, now)),
        (&Method::GET, Target::User(id)) => world
            .directory
            .get(&id)
            .map(|user| scim(StatusCode::OK, &shown(user, &world.directory.behaviour))),
        (method, Target::User(id)) => return write(world, method, &id, body, now),
        (_, Target::Groups(_) | Target::Group(..)) if !world.directory.behaviour.groups => {
            return error(StatusCode::NOT_FOUND, None, "there is no such endpoint");
        }
        (&Method::GET, Target::Groups(query)) => return membership::list(world, &query),
        (method, Target::Group(id, query)) => {
            return membership::one(world, method, (&id, &query), body, now);
        }
        (_, Target::Nothing) => return error(StatusCode::NOT_FOUND, None, "there is no such endpoint"),
        _ => return error(StatusCode::METHOD_NOT_ALLOWED, None, "the endpoint does not take this method"),
    };
    answered.unwrap_or_else(|refusal| refused(&refusal, &world.directory.behaviour))
}

fn create(world: &mut World, body: Map<String, Value>, now: DateTime<Utc>) -> Result<Answer, Refusal> {
    let behaviour = world.directory.behaviour.clone();
    let user = world.directory.create(body, now)?;
    let location = user["meta"]["location"].as_str().unwrap_or_default();
    let answer = scim(StatusCode::CREATED, &shown(user, &behaviour)).with_header(header::LOCATION, location);
    world.statistics.creates += 1;
    Ok(answer)
}

/// PUT, PATCH and DELETE of one user.
fn write(
    world: &mut World,
    method: &Method,
    id: &str,
    body: Result<Map<String, Value>, Refusal>,
    now: DateTime<Utc>,
) -> Answer {
    let behaviour = world.directory.behaviour.clone();
    let routed = match *method {
        Method::PUT => behaviour.put,
        Method::PATCH => behaviour.patch,
        Method::DELETE => behaviour.delete,
        _ => return error(StatusCode::METHOD_NOT_ALLOWED, None, "the endpoint does not take this method"),
    };
    if !routed && behaviour.unrouted_answers_not_found {
        return error(StatusCode::NOT_FOUND, None, "there is no such endpoint");
    }
    if !routed {
        return error(StatusCode::NOT_IMPLEMENTED, None, "this method is not supported");
    }
    let written = match *method {
        Method::DELETE => match world.delete_user(id) {
            Ok(()) => {
                world.statistics.deletes += 1;
                return no_content();
            }
            Err(refusal) => Err(refusal),
        },
        Method::PUT => body.and_then(|body| world.directory.replace(id, body, now)),
        _ => body.and_then(|body| world.directory.patch(id, &body, now)),
    };
    match written {
        Ok(Written { user, changed }) => {
            world.statistics.updates += 1;
            world.statistics.unchanged_updates += u64::from(!changed);
            if method == Method::PATCH && behaviour.patch_answers_no_content {
                return no_content();
            }
            scim(StatusCode::OK, &shown(user, &behaviour))
        }
        Err(refusal) => refused(&refusal, &behaviour),
    }
}

fn list(world: &World, query: &[(String, String)]) -> Result<Answer, Refusal> {
    let behaviour = &world.directory.behaviour;
    let text =
        |name: &str| query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let number = |name: &str| match text(name).map(|value| value.parse::<i64>()) {
        // A number below the least one counts as the least one (RFC 7644 section 3.4.2.4).
        Some(Ok(number)) => Ok(Some(usize::try_from(number).unwrap_or(0))),
        Some(Err(_)) => Err(Refusal::value(format!("{name} must be a number"))),
        None => Ok(None),
    };
    let filter = match text("filter") {
        Some(_) if !behaviour.filter => {
            return Err(Refusal::Invalid("invalidFilter", "filters are not supported".to_owned()));
        }
        Some(filter) => Some(Filter::parse(filter).map_err(|why| Refusal::Invalid("invalidFilter", why))?),
        None => None,
    };
    let page = world.directory.list(filter.as_ref(), number("startIndex")?.unwrap_or(1), number("count")?);
    let resources: Vec<_> = page.users.iter().map(|user| shown(user, behaviour)).collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": page.total,
        "startIndex": page.start_index,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    Ok(scim(StatusCode::OK, &body))
}

/// A user as this server shows it; copied only where that differs from how it is kept.
fn shown<'a>(
    user: &'a Map<String, Value>,
    behaviour: &Behaviour,
) -> std::borrow::Cow<'a, Map<String, Value>> {
    let mut shown = std::borrow::Cow::Borrowed(user);
    if !behaviour.echoes_active {
        shown.to_mut().shift_remove("active");
    } else if behaviour.active_as_text
        && let Some(active) = user.get("active").and_then(Value::as_bool)
    {
        shown.to_mut().insert("active".to_owned(), Value::String(active.to_string()));
    }
    shown
}

fn configuration(behaviour: &Behaviour) -> Answer {
    if !behaviour.discovery {
        return error(StatusCode::NOT_FOUND, None, "there is no such endpoint");
    }
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"];
    if !behaviour.discovery_is_complete {
        return scim(StatusCode::OK, &json!({"schemas": schemas}));
    }
    let body = json!({
        "schemas": schemas,
        "patch": {"supported": behaviour.patch},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": behaviour.filter, "maxResults": behaviour.page_cap},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": false},
        "authenticationSchemes": [
            {"type": "httpbasic", "name": "HTTP Basic", "description": "User name and password"},
            {"type": "oauthbearertoken", "name": "Bearer token", "description": "A token in the header"},
        ],
        "meta": {"resourceType": "ServiceProviderConfig"},
    });
    scim(StatusCode::OK, &body)
}
