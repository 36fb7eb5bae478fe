//! `/v1`: what the pages show, as JSON. Its OpenAPI document is made from this code.

mod answers;
pub mod decisions;
mod lists;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

pub use self::answers::{Listed, Refused};
pub use self::lists::{kind, not_next, number, record_kind, standing};
use super::Desk;
use super::access::by_token;
use crate::http::{Client, bearer};

/// The document of this API.
#[derive(OpenApi)]
#[openapi(
    info(title = "workiva-sync", description = "What operators see of the daemon, and decide."),
    paths(
        lists::overview, lists::runs, lists::run, lists::plan, lists::plan_actions, lists::people, lists::person,
        lists::person_asked, lists::alerts,
        lists::parked, lists::audit, lists::configuration,
        decisions::approve, decisions::reject, decisions::retry, decisions::discard
    ),
    modifiers(&Bearer, &Anywhere),
    security(("token" = []))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// What any request can be answered.
struct Anywhere;

impl Anywhere {
    const REFUSALS: [(&str, &str); 7] = [
        ("400", "The request cannot be read."),
        ("401", "Nobody's token."),
        ("404", "There is no such thing, or the configuration names nobody who may ask."),
        ("405", "This path takes another method; the header `Allow` names it."),
        ("429", "So many tokens were shown that are nobody's that this one was not looked at."),
        ("500", "It failed; the log says why."),
        ("503", "There was no answer in time, or too many requests are under way."),
    ];
}

impl Modify for Anywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let refusal = ContentBuilder::new().schema(Some(Ref::from_schema_name("Refusal"))).build();
        for path in document.paths.paths.values_mut() {
            for operation in [&mut path.get, &mut path.post].into_iter().flatten() {
                for (status, words) in Self::REFUSALS {
                    let told = ResponseBuilder::new().description(words);
                    let told = told.content("application/json", refusal.clone()).build();
                    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| told.into());
                }
            }
        }
    }
}

/// The routes. Each but the document asks for the token of a user.
pub fn routes(desk: &Desk) -> Router {
    let asked = Router::new()
        .route("/v1/overview", get(lists::overview))
        .route("/v1/runs", get(lists::runs))
        .route("/v1/runs/{run_id}", get(lists::run))
        .route("/v1/plans/{plan_id}", get(lists::plan))
        .route("/v1/plans/{plan_id}/actions", get(lists::plan_actions))
        .route("/v1/plans/{plan_id}/approve", post(decisions::approve))
        .route("/v1/plans/{plan_id}/reject", post(decisions::reject))
        .route("/v1/people", get(lists::people))
        .route("/v1/people/{employee_id}", get(lists::person))
        .route("/v1/person", get(lists::person_asked))
        .route("/v1/alerts", get(lists::alerts))
        .route("/v1/actions/parked", get(lists::parked))
        .route("/v1/actions/retry", post(decisions::retry))
        .route("/v1/actions/discard", post(decisions::discard))
        .route("/v1/audit", get(lists::audit))
        .route("/v1/configuration", get(lists::configuration))
        .layer(middleware::from_fn_with_state(desk.clone(), require_user))
        .with_state(desk.clone());
    let unknown = || async {
        Refused::not_found("there is nothing at this path; /v1/openapi.json names what there is")
    };
    Router::new()
        .route("/v1/openapi.json", get(document))
        .route("/v1", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*path}", any(unknown))
        .merge(asked)
}

async fn document() -> Response {
    Json(Document::openapi()).into_response()
}

async fn require_user(
    State(desk): State<Desk>,
    Extension(client): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Response {
    let engine = desk.engine();
    let http = &engine.settings.http;
    if http.users.is_empty() {
        return Refused::nobody_named().into_response();
    }
    let Some(token) = bearer(request.headers()) else { return Refused::unknown_token().into_response() };
    let caller = match client.judge(token, engine.clock.now(), || by_token(http, token)) {
        Ok(Some(caller)) => caller,
        Ok(None) => return Refused::unknown_token().into_response(),
        Err(too_many) => return Refused::too_many(too_many).into_response(),
    };
    let only_looks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !only_looks && !caller.decides() {
        return Refused::not_an_operator(&caller.name).into_response();
    }
    request.extensions_mut().insert(caller);
    let mut answer = as_json(next.run(request).await).await;
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// What is wrong with a body or a query, without a word of the types of this program.
fn in_our_words(words: &str) -> String {
    const BEFORE: [(&str, &str); 5] = [
        ("Failed to deserialize the JSON body into the target type: ", "the body has another form: "),
        ("Failed to parse the request body as JSON: ", "the body is no JSON: "),
        ("Failed to deserialize query string: ", "a parameter cannot be read: "),
        ("Failed to buffer the request body: ", "the body cannot be read: "),
        ("Invalid URL: ", "the path cannot be read: "),
    ];
    let ours =
        BEFORE.iter().find_map(|(theirs, ours)| Some(format!("{ours}{}", words.strip_prefix(theirs)?)));
    ours.unwrap_or_else(|| words.to_owned())
}

/// What is refused before a handler has it (a method, a body or a query of the wrong form) is told in words alone, or in none.
async fn as_json(answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_bare = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    if !answer.status().is_client_error() || !is_bare {
        return answer;
    }
    let status = answer.status();
    let allowed = answer.headers().get(header::ALLOW).cloned();
    let words = to_bytes(answer.into_body(), 64 * 1024).await.unwrap_or_default();
    let words = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path takes another method; the header Allow names it".into(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "send the body as JSON, with Content-Type: application/json".into()
        }
        _ => in_our_words(&String::from_utf8_lossy(&words)),
    };
    let mut refused = Refused::of_form(status, words).into_response();
    if let Some(allowed) = allowed {
        refused.headers_mut().insert(header::ALLOW, allowed);
    }
    refused
}
