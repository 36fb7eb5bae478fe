//! What HR systems send: `POST /v1/hr/records` with records, `POST /v1/hr/trigger` with the word that there is something new.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use super::fault::Fault;
use super::gate::Client;
use super::signature::Claim;
use super::{bearer, shows};
use crate::config::{Encoding, TriggerSettings};
use crate::core::delivery::{DeliveryKind, Format, PushRequest, Receipt, Refusal};

/// The largest body with records. A snapshot that is larger comes in parts.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// The largest body of a webhook; what it says is not read.
const MOST_WEBHOOK_BYTES: usize = 1024 * 1024;
/// The highest number of a part.
const MOST_PARTS: u32 = 100_000;
/// The longest key by which a request that is sent again is known.
const MOST_KEY_BYTES: usize = 255;
/// Bodies with records that are held in memory at a time, of each source; others of it wait.
const BODIES: usize = 2;
/// Bodies of webhooks that are held in memory at a time, until their signature is checked: whoever sends them is a stranger until then.
const WEBHOOK_BODIES: usize = 16;
/// Room for those.
static WEBHOOK_ROOM: Semaphore = Semaphore::const_new(WEBHOOK_BODIES);
/// Room for bodies with records, by source: whoever sends slowly keeps no other source waiting.
static ROOM: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);

/// A source that is pushed to.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its name.
    pub source: String,
    /// What the sender has to show.
    pub token: SecretString,
    /// How its CSV is written.
    pub encoding: Encoding,
}

/// What the server asks of the daemon on behalf of HR systems.
pub trait Inbound: Send + Sync + 'static {
    /// The time, by which signed requests are old.
    fn now(&self) -> DateTime<Utc>;
    /// The sources that are pushed to.
    fn doors(&self) -> Vec<Door>;
    /// Takes in what was pushed; an `Ok` means that it is durable.
    fn receive(
        &self,
        source: &str,
        request: PushRequest,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, Refusal>> + Send;
    /// How the run went that a sender was told of; `None`: nobody was told of such a one.
    fn told_run(
        &self,
        source: &str,
        run_id: &str,
    ) -> impl Future<Output = Result<Option<String>, Refusal>> + Send;
    /// Who may start a run.
    fn trigger_settings(&self) -> TriggerSettings;
    /// Starts a run that reads this source, or all. The answer is whether one waited already that will do; `None`: there is no
    /// such source.
    fn trigger(&self, source: Option<&str>) -> Option<bool>;
}

/// The routes for HR systems. Each asks for its own token or signature.
pub fn routes<V: Inbound>(inbound: Arc<V>) -> Router {
    Router::new()
        .route("/v1/hr/records", post(records::<V>))
        .route("/v1/hr/runs/{run_id}", get(told_run::<V>))
        .route("/v1/hr/trigger", post(trigger::<V>))
        .with_state(inbound)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    source: Option<String>,
    snapshot: Option<String>,
    part: Option<u32>,
    commit: Option<bool>,
    records: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Committed {
    parts: u32,
    records: u64,
}

async fn records<V: Inbound>(
    State(inbound): State<Arc<V>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Fault> {
    let (asked, Door { source, encoding, .. }) = let_in(&*inbound, &headers, &request)?;
    if headers.contains_key(header::CONTENT_ENCODING) {
        let message = "compressed bodies are not taken; send it without Content-Encoding";
        return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", message.into()));
    }
    let wanted = wanted(&asked, &headers, encoding)?;
    let room = room_of(&source);
    let _room = room.acquire().await;
    let body = whole(request, MOST_BYTES, "send a snapshot in parts, and a delta as several").await?;
    let (status, request) = match wanted {
        Wanted::Begin => (StatusCode::CREATED, PushRequest::Begin),
        Wanted::Commit(snapshot) => (StatusCode::ACCEPTED, commit(snapshot, &body)?),
        Wanted::Body(request @ PushRequest::Part { .. }) => (StatusCode::OK, request),
        Wanted::Body(request) => (StatusCode::ACCEPTED, request),
    };
    // What has come is taken in also where its sender does not wait for the answer: the same request may come again.
    let receiving = tokio::spawn(async move { inbound.receive(&source, request, body.into()).await });
    let received = receiving.await.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())))?;
    Ok((status, Json(received)).into_response())
}

fn room_of(source: &str) -> Arc<Semaphore> {
    // Nothing that holds the lock can panic.
    let mut rooms = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let room = rooms.entry(source.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(BODIES)));
    Arc::clone(room)
}

fn unreadable(query: QueryRejection) -> Fault {
    Fault::unusable(format!("the query cannot be read: {query}"))
}

fn stranger() -> Fault {
    let message = "send the source's own token (source.push.token) as a bearer token";
    Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", message.into())
}

/// What somebody may by the token that they show; `None`: it is nobody's, or there is none.
fn shown_by<T>(
    request: &Request,
    headers: &HeaderMap,
    now: DateTime<Utc>,
    find: impl FnOnce() -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some((client, token)) = request.extensions().get::<Client>().zip(bearer(headers)) else {
        return Ok(None);
    };
    Ok(client.judge(token, now, find)?)
}

/// What a sender asks, and the source that they may push to. Whoever shows no token is not told what is wrong with the question.
fn let_in<V: Inbound>(inbound: &V, headers: &HeaderMap, request: &Request) -> Result<(Asked, Door), Fault> {
    let theirs = || {
        let mut open = inbound.doors();
        open.retain(|door| shows(headers, &door.token));
        (!open.is_empty()).then_some(open)
    };
    let open = shown_by(request, headers, inbound.now(), theirs)?.ok_or_else(stranger)?;
    let asked = Query::<Asked>::try_from_uri(request.uri());
    let Query(asked) = asked.map_err(unreadable)?;
    let open = match (&asked.source, open.as_slice()) {
        (None, [one]) => one.clone(),
        (None, _) => return Err(Fault::unusable("several sources have this token; name one with ?source=")),
        // Whether there is such a source is not for this sender to know.
        (Some(name), open) => open.iter().find(|door| door.source == *name).ok_or_else(stranger)?.clone(),
    };
    Ok((asked, open))
}

/// What is asked for, before the body has come.
enum Wanted {
    Begin,
    Commit(String),
    Body(PushRequest),
}

fn wanted(asked: &Asked, headers: &HeaderMap, encoding: Encoding) -> Result<Wanted, Fault> {
    let format = || {
        let told =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let refused = |message| Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message);
        let format = Format::of_content_type(told).ok_or_else(|| {
            refused(format!(
                "Content-Type is '{told}'; send application/json, application/x-ndjson or text/csv"
            ))
        })?;
        match charset(told).find(|charset| !is_read(charset, format, encoding)) {
            Some(charset) if format == Format::Csv => Err(refused(format!(
                "Content-Type has charset={charset}, and CSV for this source is read as another (source.encoding); send that one"
            ))),
            Some(charset) => {
                Err(refused(format!("Content-Type has charset={charset}, and JSON is UTF-8; send it so")))
            }
            None => Ok(format),
        }
    };
    let single = |kind| {
        let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if key.is_empty() || key.len() > MOST_KEY_BYTES {
            return Err(Fault::unusable(format!(
                "the header Idempotency-Key has to hold 1 to {MOST_KEY_BYTES} characters: the same for the same delivery, so that \
                 it can be sent again without being done twice"
            )));
        }
        let (key, records) = (key.to_owned(), asked.records);
        Ok(Wanted::Body(PushRequest::Deliver { kind, format: format()?, key, records }))
    };
    if asked.records.is_some() && asked.snapshot.as_deref() != Some("whole") {
        return Err(Fault::unusable("records goes with snapshot=whole; a commit says it in its body"));
    }
    match (asked.snapshot.as_deref(), asked.part, asked.commit.unwrap_or_default()) {
        (None, None, false) => single(DeliveryKind::Delta),
        (Some("whole"), None, false) => single(DeliveryKind::Snapshot),
        (Some("begin"), None, false) => Ok(Wanted::Begin),
        (Some(snapshot), Some(number @ 1..=MOST_PARTS), false) => {
            Ok(Wanted::Body(PushRequest::Part { snapshot: snapshot.to_owned(), number, format: format()? }))
        }
        (Some(snapshot), None, true) => Ok(Wanted::Commit(snapshot.to_owned())),
        (_, Some(_), _) => Err(Fault::unusable(format!(
            "part is a number from 1 to {MOST_PARTS}, beside snapshot, and without commit"
        ))),
        _ => Err(Fault::unusable(
            "ask for one of: nothing (a delta), snapshot=whole, snapshot=begin, snapshot=ID&part=N, snapshot=ID&commit=true",
        )),
    }
}

/// How a content type says that the text is encoded.
fn charset(content_type: &str) -> impl Iterator<Item = String> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
}

/// Whether a text so encoded is read as it is meant.
fn is_read(charset: &str, format: Format, encoding: Encoding) -> bool {
    match charset {
        "us-ascii" | "ascii" => true,
        "utf-8" | "utf8" => format != Format::Csv || encoding == Encoding::Utf8,
        // Of Latin-1, windows-1252 has all letters.
        "windows-1252" | "cp1252" | "iso-8859-1" | "latin1" => {
            format == Format::Csv && encoding == Encoding::Windows1252
        }
        _ => false,
    }
}

fn commit(snapshot: String, body: &[u8]) -> Result<PushRequest, Fault> {
    let Committed { parts, records } = serde_json::from_slice(body).map_err(|error| {
        Fault::unusable(format!(
            "a commit says {{\"parts\": N, \"records\": M}}, so that what is missing is noticed: {error}"
        ))
    })?;
    Ok(PushRequest::Commit { snapshot, parts, records })
}

async fn whole(request: Request, most: usize, mend: &str) -> Result<Bytes, Fault> {
    let told = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let large = || {
        let message = format!("the body is larger than {} MiB; {mend}", most / 1024 / 1024);
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    if told.is_some_and(|told| told > most) {
        return Err(large());
    }
    to_bytes(request.into_body(), most).await.map_err(|error| {
        match std::error::Error::source(&error)
            .is_some_and(|cause| cause.to_string().contains("length limit"))
        {
            true => large(),
            false => Fault::unusable("the body did not come whole; send it again"),
        }
    })
}

#[derive(Debug, Serialize)]
struct ToldRun {
    run_id: String,
    outcome: String,
}

async fn told_run<V: Inbound>(
    State(inbound): State<Arc<V>>,
    Path(run_id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Fault> {
    let (_, open) = let_in(&*inbound, &headers, &request)?;
    match inbound.told_run(&open.source, &run_id).await? {
        Some(outcome) => Ok(Json(ToldRun { run_id, outcome }).into_response()),
        None => Err(Refusal::Unknown("no delivery to this source was answered with this run".into()).into()),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    source: Option<String>,
}

async fn trigger<V: Inbound>(
    State(inbound): State<Arc<V>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Fault> {
    let settings = inbound.trigger_settings();
    if !settings.is_on() {
        let message = "no webhook is configured; set trigger.token_file or trigger.secret_file";
        return Err(Fault::new(StatusCode::NOT_FOUND, "off", message.into()));
    }
    let called = Query::<Called>::try_from_uri(request.uri());
    let may_by_token = match &settings.token {
        Some(token) => {
            let theirs = || shows(&headers, token.as_secret()).then_some(());
            shown_by(&request, &headers, inbound.now(), theirs)?.is_some()
        }
        None => false,
    };
    if !may_by_token && !is_signed(&settings, inbound.now(), &headers, request).await? {
        let message =
            "send trigger.token as a bearer token, or a signature by trigger.secret that is not too old";
        return Err(Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", message.into()));
    }
    // What cannot be read names no source, and without a name all of them would be read.
    let Query(called) = called.map_err(unreadable)?;
    match inbound.trigger(called.source.as_deref()) {
        Some(coalesced) => {
            Ok((StatusCode::ACCEPTED, Json(json!({ "coalesced": coalesced }))).into_response())
        }
        None => Err(Refusal::Unknown("no source has this name".into()).into()),
    }
}

/// Whether a webhook carries the signature that the key gives. The body of one that cannot be is not waited for.
async fn is_signed(
    settings: &TriggerSettings,
    now: DateTime<Utc>,
    headers: &HeaderMap,
    request: Request,
) -> Result<bool, Fault> {
    let Some(secret) = &settings.secret else { return Ok(false) };
    let Some(claim) = Claim::read(settings, headers, now) else { return Ok(false) };
    let Ok(_room) = WEBHOOK_ROOM.try_acquire() else {
        return Err(Refusal::Later("so many webhooks are under way; send it again later".into()).into());
    };
    let body = whole(request, MOST_WEBHOOK_BYTES, "nothing of it is read").await?;
    Ok(claim.holds(settings, secret.as_secret(), &body))
}
