//! The dashboard: pages for a browser, made on the server.

mod decide;
mod login;
mod look;
mod render;
mod told;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use minijinja::context;

use self::decide::Form;
use super::Desk;
use super::access::cookie;
use super::api::Refused;
use super::session::Session;
use crate::engine::EngineError;
use crate::store::StoreError;

/// What a browser keeps of a login.
const COOKIE: &str = "workiva_sync";

/// Somebody who is logged in, and by what.
#[derive(Clone)]
pub struct Visitor {
    session: Session,
    cookie: String,
    /// By which the page knows of which decision it has to tell; empty: of none.
    ticket: String,
}

/// The routes. Each but the login and what its page needs asks for a login.
pub fn routes(desk: &Desk) -> Router {
    let inside = Router::new()
        .route("/", get(look::overview))
        .route("/plans/{plan_id}", get(look::plan))
        .route("/plans/{plan_id}/decide", post(decide::plan))
        .route("/people", get(look::people))
        .route("/people/{employee_id}", get(look::person))
        .route("/person", get(look::person_asked))
        .route("/parked", get(look::parked))
        .route("/parked/decide", post(decide::parked))
        .route("/runs", get(look::runs))
        .route("/runs/{run_id}", get(look::run))
        .route("/audit", get(look::audit))
        .route("/configuration", get(look::configuration))
        .route("/logout", post(login::log_out))
        .fallback(|| async { Trouble::new(StatusCode::NOT_FOUND, "There is no such page.") })
        .layer(middleware::from_fn_with_state(desk.clone(), require_login));
    Router::new()
        .route("/login", get(login::page).post(login::log_in))
        .route("/assets/style.css", get(style))
        .route("/assets/script.js", get(script))
        .route("/assets/favicon.svg", get(favicon))
        .route("/favicon.ico", get(favicon))
        .merge(inside)
        .layer(middleware::from_fn(refuse_other_sites))
        .layer(middleware::from_fn(as_page))
        .with_state(desk.clone())
}

async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../assets/style.css"))
}

async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../assets/script.js"))
}

async fn favicon() -> Response {
    asset("image/svg+xml", include_str!("../assets/favicon.svg"))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    // Short enough for an upgrade to be seen, long enough not to be asked for with every page.
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=300")];
    render::guarded((headers, text).into_response())
}

/// What is refused before a handler has it (a method, a form that is too large) comes without a page.
async fn as_page(request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_bare = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    let status = answer.status();
    if status.is_redirection() {
        return render::guarded(answer);
    }
    if !(status.is_client_error() || status.is_server_error()) || !is_bare {
        return answer;
    }
    let words = to_bytes(answer.into_body(), 64 * 1024).await.unwrap_or_default();
    let message = match status {
        StatusCode::METHOD_NOT_ALLOWED => "This page is not asked for in this way.".to_owned(),
        StatusCode::PAYLOAD_TOO_LARGE => {
            "That is more than a form may hold. Nothing was done. Go back, and choose fewer.".to_owned()
        }
        _ => String::from_utf8_lossy(&words).into_owned(),
    };
    Trouble::new(status, message).into_response()
}

/// What a browser says that another site makes it send is never carried out.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if request.method() != Method::GET && !is_of_this_site(request.headers()) {
        return Trouble::new(StatusCode::FORBIDDEN, "another site has sent this").into_response();
    }
    next.run(request).await
}

/// By what every browser of these years says of each request over TLS or to loopback; an older one names the page's origin. One that a proxy
/// asks for under another name is known by the former alone.
fn is_of_this_site(headers: &HeaderMap) -> bool {
    let told = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = told("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    told("origin").is_none_or(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == told("host")
    })
}

async fn require_login(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let engine = desk.engine();
    let http = &engine.settings.http;
    if http.users.is_empty() {
        return Trouble::new(
            StatusCode::NOT_FOUND,
            "The dashboard is off: the configuration names nobody who may see it. Add [[http.users]] with name, role and token_file.",
        )
        .into_response();
    }
    let shown = cookie(request.headers(), COOKIE).map(str::to_owned);
    let asks_by_itself = request.headers().contains_key("x-refresh");
    let now = engine.clock.now();
    let session = shown.as_deref().and_then(|shown| desk.sessions.find(shown, http, now, asks_by_itself));
    let Some((session, cookie)) = session.zip(shown) else {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let message = "Your login is over, and nothing was decided. Log in, and decide again.";
            return Trouble::new(StatusCode::UNAUTHORIZED, message).into_response();
        }
        return Redirect::to(&login::address(&request.uri().to_string())).into_response();
    };
    let query = Form::read(request.uri().query().unwrap_or_default().as_bytes());
    let ticket = query.one("said").to_owned();
    request.extensions_mut().insert(Visitor { session, cookie, ticket });
    next.run(request).await
}

/// Why there is no page.
pub struct Trouble(StatusCode, String);

impl Trouble {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self(status, message.into())
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::new(refused.status(), refused.message())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a page of the console could not be made");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "a page of the console could not be made");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        render::bare(status, "error.html", &context! { status => status.as_u16(), message })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_is_of_this_site_by_what_the_browser_says() {
        let is_of_this_site = |told: &[(&'static str, &'static str)]| {
            let named = |(name, value): &(&'static str, &'static str)| {
                (name.parse().expect("a name"), HeaderValue::from_static(value))
            };
            is_of_this_site(&told.iter().map(named).collect())
        };
        let (host, ours) = (("host", "sync.example:8080"), ("origin", "https://sync.example:8080"));
        assert!(is_of_this_site(&[host]));
        assert!(is_of_this_site(&[host, ours]));
        assert!(is_of_this_site(&[("host", "behind.proxy"), ours, ("sec-fetch-site", "same-origin")]));
        assert!(!is_of_this_site(&[("host", "behind.proxy"), ours]));
        assert!(!is_of_this_site(&[host, ours, ("sec-fetch-site", "same-site")]));
        assert!(!is_of_this_site(&[host, ("origin", "https://sync.example")]));
        assert!(!is_of_this_site(&[host, ("origin", "null")]));
        assert!(!is_of_this_site(&[ours]));
    }
}
