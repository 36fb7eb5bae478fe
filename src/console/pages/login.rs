//! Logging in and out.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::decide::Form;
use super::{COOKIE, Trouble, Visitor, render};
use crate::console::Desk;
use crate::console::access::by_token;
use crate::http::{Client, TooMany};

/// What has to be written otherwise in a part of an address: all but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a part of an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The login page, from which somebody goes on to `next`.
pub fn address(next: &str) -> String {
    format!("/login?next={}", encoded(next))
}

/// The login page.
pub async fn page(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    if desk.engine().settings.http.users.is_empty() {
        // Where nobody is named, it says so.
        return Redirect::to("/").into_response();
    }
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let next = local(query.one("next"));
    render::bare(StatusCode::OK, "login.html", &context! { next, failed => "" })
}

/// Somebody shows a token.
pub async fn log_in(
    State(desk): State<Desk>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&body);
    let (next, token) = (local(form.one("next")), form.one("token").trim());
    let engine = desk.engine();
    let caller = match client.judge(token, engine.clock.now(), || by_token(&engine.settings.http, token)) {
        Ok(Some(caller)) => caller,
        Ok(None) => {
            let failed = "This is nobody's token.";
            return render::bare(StatusCode::UNAUTHORIZED, "login.html", &context! { next, failed });
        }
        Err(TooMany { seconds }) => {
            let failed = format!(
                "Too many tokens were shown that are nobody's. Yours was not looked at: try again in {seconds} s."
            );
            let page = render::bare(StatusCode::TOO_MANY_REQUESTS, "login.html", &context! { next, failed });
            return ([(header::RETRY_AFTER, seconds.to_string())], page).into_response();
        }
    };
    tracing::info!(user = caller.name, role = ?caller.role, "logged in to the dashboard");
    let cookie = desk.sessions.begin(caller, engine.clock.now());
    let is_by_tls = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if is_loopback(&headers) && !is_by_tls { "" } else { "; Secure" };
    let cookie = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}");
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

/// Somebody leaves.
pub async fn log_out(
    State(desk): State<Desk>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Result<Response, Trouble> {
    Form::read(&body).of(&visitor)?;
    desk.sessions.end(&visitor.cookie);
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

/// Where to go on: a path of ours, never another site.
fn local(next: &str) -> &str {
    let is_written_out = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_path = next.starts_with('/') && !next.starts_with("//") && is_written_out;
    if is_path { next } else { "/" }
}

/// Whether the browser asked this machine itself, in plain HTTP. Anywhere else a cookie goes by TLS alone.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_goes_on_to_a_page_of_ours_alone() {
        for ours in ["/", "/people/1000", "/people?query=a%2Fb"] {
            assert_eq!(local(ours), ours);
        }
        for other in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\u{1}",
            "/\u{e9}",
            "people",
        ] {
            assert_eq!(local(other), "/", "{other}");
        }
        assert_eq!(address("/people/a b"), "/login?next=%2Fpeople%2Fa%20b");
    }

    #[test]
    fn only_this_machine_may_keep_a_cookie_without_tls() {
        let asked = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_loopback(&headers)
        };
        assert!(["localhost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080"].into_iter().all(asked));
        assert!(
            !["10.0.0.1:8080", "example.com", "127.0.0.1.example.com", "[fe80::1]", ""]
                .into_iter()
                .any(asked)
        );
        assert!(!is_loopback(&HeaderMap::new()));
    }
}
