//! Workiva in memory: the stand-in's own rules, and everything that may go wrong on the way there and back.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};
use workiva_sync::core::scim::answer::classify;
use workiva_sync::core::scim::{Exchange, Failure, FailureKind, ScimPort, ScimRequest};
use workiva_sync::sandbox::{Behaviour, Tenant, TenantAnswer};

use super::hub::{Hub, Who, Wish};

/// One process's connection.
pub struct SimPort {
    /// Where it waits.
    pub hub: Hub,
    /// Whose it is.
    pub who: Who,
}

impl ScimPort for SimPort {
    async fn execute(&self, request: &ScimRequest) -> Exchange {
        if let Some(fault) = request.fault() {
            // The real client sends no such thing either.
            return exchange(request, None, Err(Failure::new(FailureKind::Invalid, None, fault)));
        }
        let others = self.hub.look(|waiting| match &waiting.wish {
            Wish::Request(other, _) => is_same_written(request, other),
            _ => false,
        });
        if others.contains(&true) {
            self.hub.fault(format!("two writes to one user or group at once: {}", request.line()));
        }
        self.hub.ask(self.who, |sender| Wish::Request(request.clone(), sender)).await
    }
}

fn exchange(
    request: &ScimRequest,
    status: Option<u16>,
    result: Result<workiva_sync::core::scim::Answer, Failure>,
) -> Exchange {
    Exchange { line: request.line(), status, elapsed_ms: 1, result }
}

fn written_user(request: &ScimRequest) -> Option<String> {
    match request {
        ScimRequest::CreateUser { body } => Some(format!("employee {}", body["externalId"])),
        ScimRequest::PatchUser { id, .. }
        | ScimRequest::ReplaceUser { id, .. }
        | ScimRequest::DeleteUser { id } => Some(format!("id {id}")),
        _ => None,
    }
}

/// The users whose membership a request changes.
fn written_members(request: &ScimRequest) -> Vec<String> {
    let ScimRequest::PatchGroup { body, .. } = request else { return Vec::new() };
    let operations = body["Operations"].as_array().into_iter().flatten();
    let users = operations.flat_map(|operation| {
        let added = operation["value"].as_array().into_iter().flatten();
        let removed = operation["path"].as_str().and_then(|path| path.split('"').nth(1));
        added.filter_map(|one| one["value"].as_str()).chain(removed).map(str::to_owned).collect::<Vec<_>>()
    });
    users.collect()
}

/// Whether both write one user, or one group, or one a user and the other a membership of theirs.
fn is_same_written(one: &ScimRequest, other: &ScimRequest) -> bool {
    match (one, other) {
        (ScimRequest::PatchGroup { id: one, .. }, ScimRequest::PatchGroup { id: other, .. }) => one == other,
        (ScimRequest::PatchGroup { .. }, user) | (user, ScimRequest::PatchGroup { .. }) => {
            let members = if matches!(one, ScimRequest::PatchGroup { .. }) { one } else { other };
            let written = written_user(user);
            written_members(members).iter().any(|id| written == Some(format!("id {id}")))
        }
        _ => written_user(one).is_some() && written_user(one) == written_user(other),
    }
}

/// What becomes of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered as it should be.
    Answered,
    /// No connection is made.
    Unreachable,
    /// The connection breaks before the request took effect.
    LostBefore,
    /// It takes effect, and the answer is lost.
    LostAfter,
    /// 500, and nothing happened.
    ErrorBefore,
    /// 500, and it took effect.
    ErrorAfter,
    /// It takes effect, and half of the answer comes.
    Cut,
    /// 429 with `Retry-After`, in seconds.
    Throttled(u16),
    /// 503 with `Retry-After`.
    Busy(u16),
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404, whatever was asked for: the wrong address.
    NoRoute,
    /// A list that is not what it should be; another answer comes as it should.
    WrongPage(WrongPage),
}

/// What is wrong with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPage {
    /// Always the first page.
    Repeats,
    /// One user is missing, though counted.
    Short,
    /// The total is not the number of users.
    TotalMoves,
    /// A filter finds nobody.
    FindsNobody,
}

/// How likely each fate is, in percent, and whether the whole of Workiva is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Every request is answered as it should be.
    Fine,
    /// Some requests fail, before or after they took effect.
    Rain,
    /// Most do.
    Storm,
    /// Workiva asks to wait, often.
    Throttling,
    /// Lists are not what they should be.
    WrongPages,
    /// No connection can be made.
    Down,
    /// The credentials are refused.
    LockedOut,
    /// 404 for everything.
    NoRoute,
    /// 404 for whatever is asked, by turns: one of several servers behind one address has the wrong one.
    Flicker,
    /// 403 for everything.
    Forbidden,
}

impl Weather {
    /// All but the fine one.
    pub const BAD: [Self; 9] = [
        Self::Rain,
        Self::Storm,
        Self::Throttling,
        Self::WrongPages,
        Self::Down,
        Self::LockedOut,
        Self::NoRoute,
        Self::Flicker,
        Self::Forbidden,
    ];

    /// What becomes of the next request.
    pub fn draw(self, dice: &mut StdRng) -> Fate {
        let percent: u32 = match self {
            Self::Fine => return Fate::Answered,
            Self::Down => return Fate::Unreachable,
            Self::LockedOut => return Fate::Unauthorized,
            Self::NoRoute => return Fate::NoRoute,
            Self::Forbidden => return Fate::Forbidden,
            Self::Rain => 15,
            Self::Storm => 60,
            Self::Throttling | Self::WrongPages | Self::Flicker => 40,
        };
        if dice.random_range(0..100) >= percent {
            return Fate::Answered;
        }
        let seconds = dice.random_range(1..90);
        let all: &[Fate] = match self {
            Self::Flicker => &[Fate::NoRoute],
            Self::Throttling => &[Fate::Throttled(seconds), Fate::Busy(seconds)],
            Self::WrongPages => &[
                Fate::WrongPage(WrongPage::Repeats),
                Fate::WrongPage(WrongPage::Short),
                Fate::WrongPage(WrongPage::TotalMoves),
                Fate::WrongPage(WrongPage::FindsNobody),
            ],
            _ => &[
                Fate::Unreachable,
                Fate::LostBefore,
                Fate::LostAfter,
                Fate::LostAfter,
                Fate::ErrorBefore,
                Fate::ErrorAfter,
                Fate::Cut,
                Fate::Throttled(seconds),
                Fate::Busy(seconds),
            ],
        };
        all[dice.random_range(0..all.len())]
    }
}

/// What a request did to a user.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The user's id.
    pub id: String,
    /// The user before.
    pub before: Option<Map<String, Value>>,
    /// The user after.
    pub after: Option<Map<String, Value>>,
    /// Whether it changed the members of a group.
    pub is_of_group: bool,
    /// Whether it wrote the whole user.
    pub is_whole: bool,
}

/// The whole of Workiva.
pub struct Workiva {
    /// Its users and rules.
    pub tenant: Tenant,
    /// How it is.
    pub weather: Weather,
    /// Requests that were answered, whatever the answer.
    pub requests: u64,
    /// Those of them that were to change something.
    pub writes: u64,
    /// Users that nobody in HR has to do with, as they were made.
    pub strangers: BTreeMap<String, Map<String, Value>>,
    /// Who is in every group by hand.
    pub guest: Option<String>,
    /// Who was put into which group by hand: the group and the user, and whether no role had ever granted it. Then they have to stay.
    pub by_hand: BTreeMap<(String, String), bool>,
}

impl Workiva {
    /// Empty.
    pub fn new(behaviour: Behaviour) -> Self {
        Self {
            tenant: Tenant::new(behaviour),
            weather: Weather::Fine,
            requests: 0,
            writes: 0,
            strangers: BTreeMap::new(),
            guest: None,
            by_hand: BTreeMap::new(),
        }
    }

    /// Answers a request as its fate wants, and tells what it did.
    pub fn answer(&mut self, hub: &Hub, request: &ScimRequest, fate: Fate) -> (Exchange, Vec<Effect>) {
        self.requests += 1;
        self.writes += u64::from(!request.is_read());
        let plain = |status: u16, retry_after: Option<u16>| {
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(),
                "detail": "simulated"});
            let wait = retry_after.map(|seconds| seconds.to_string());
            let text = body.to_string();
            let result = classify(
                request,
                status,
                wait.as_deref(),
                None,
                Some("application/scim+json"),
                text.as_bytes(),
            );
            exchange(request, Some(status), result)
        };
        let lost = |kind: FailureKind| exchange(request, None, Err(Failure::new(kind, None, "simulated")));
        match fate {
            Fate::Unreachable => return (lost(FailureKind::Unreachable), Vec::new()),
            Fate::LostBefore => return (lost(FailureKind::NoAnswer), Vec::new()),
            Fate::ErrorBefore => return (plain(500, None), Vec::new()),
            Fate::Throttled(seconds) => return (plain(429, Some(seconds)), Vec::new()),
            Fate::Busy(seconds) => return (plain(503, Some(seconds)), Vec::new()),
            Fate::Unauthorized => return (plain(401, None), Vec::new()),
            Fate::Forbidden => return (plain(403, None), Vec::new()),
            Fate::NoRoute => return (plain(404, None), Vec::new()),
            Fate::Answered | Fate::LostAfter | Fate::ErrorAfter | Fate::Cut | Fate::WrongPage(_) => {}
        }
        let (answer, effects) = self.carry_out(hub, request, fate);
        let body = match fate {
            Fate::Cut => &answer.body[..answer.body.len() / 2],
            _ => &answer.body[..],
        };
        let exchange = match fate {
            Fate::LostAfter => lost(FailureKind::NoAnswer),
            Fate::ErrorAfter => plain(500, None),
            _ => {
                let media = Some(answer.content_type);
                let result = classify(request, answer.status, None, answer.location.as_deref(), media, body);
                exchange(request, Some(answer.status), result)
            }
        };
        (exchange, effects)
    }

    fn carry_out(&mut self, hub: &Hub, request: &ScimRequest, fate: Fate) -> (TenantAnswer, Vec<Effect>) {
        let now = hub.now();
        let body = request.body().map(Value::to_string).unwrap_or_default();
        let ids = match request {
            ScimRequest::PatchUser { id, .. }
            | ScimRequest::ReplaceUser { id, .. }
            | ScimRequest::DeleteUser { id } => vec![id.clone()],
            _ => written_members(request),
        };
        let mut before: BTreeMap<String, Option<Map<String, Value>>> =
            ids.into_iter().map(|id| (id.clone(), self.tenant.user(&id).cloned())).collect();
        let path = match (request, fate) {
            (ScimRequest::ListUsers { count, .. }, Fate::WrongPage(WrongPage::Repeats)) => {
                format!("/Users?startIndex=1&count={count}")
            }
            _ => request.path_and_query(),
        };
        let mut answer = self.tenant.answer(request.method(), &path, body.as_bytes(), now);
        if let Fate::WrongPage(wrong) = fate {
            falsify(&mut answer, request, wrong);
        }
        before.extend(created_id(request, &answer).map(|id| (id, None)));
        let is_of_group = matches!(request, ScimRequest::PatchGroup { .. });
        let is_whole = matches!(request, ScimRequest::ReplaceUser { .. });
        let effects = before
            .into_iter()
            .map(|(id, before)| Effect {
                after: self.tenant.user(&id).cloned(),
                id,
                before,
                is_of_group,
                is_whole,
            })
            .filter(|effect| effect.before != effect.after)
            .collect();
        (answer, effects)
    }

    /// The users as they are.
    pub fn users(&self) -> Vec<Map<String, Value>> {
        let users = self.tenant.users().into_iter();
        users.filter_map(|user| if let Value::Object(user) = user { Some(user) } else { None }).collect()
    }

    /// The user with this `externalId`.
    pub fn user_of(&self, employee_id: &str) -> Option<Map<String, Value>> {
        self.users().into_iter().find(|user| text(user, "externalId") == Some(employee_id))
    }
}

/// A text of a user's.
pub fn text<'a>(user: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    user.get(name).and_then(Value::as_str)
}

/// Whether a user has access.
pub fn is_active(user: &Map<String, Value>) -> bool {
    user.get("active") != Some(&Value::Bool(false))
}

fn created_id(request: &ScimRequest, answer: &TenantAnswer) -> Option<String> {
    if !matches!(request, ScimRequest::CreateUser { .. }) || answer.status != 201 {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body["id"].as_str().map(str::to_owned)
}

fn falsify(answer: &mut TenantAnswer, request: &ScimRequest, wrong: WrongPage) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
    let Some(mut users) = body.get("Resources").and_then(Value::as_array).cloned() else { return };
    match (wrong, request) {
        (WrongPage::Short, ScimRequest::ListUsers { .. }) => drop(users.pop()),
        (WrongPage::TotalMoves, ScimRequest::ListUsers { .. }) => {
            body["totalResults"] = json!(body["totalResults"].as_u64().unwrap_or_default() + 1);
        }
        (WrongPage::FindsNobody, ScimRequest::FindUsers { .. }) => {
            users.clear();
            body["totalResults"] = json!(0);
        }
        _ => return,
    }
    body["Resources"] = Value::Array(users);
    answer.body = body.to_string().into_bytes();
}
