//! From data to a page.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use minijinja::{Environment, Value, context};
use serde::Serialize;

use super::Visitor;
use super::login::encoded;
use crate::console::Desk;
use crate::console::session::Said;

/// Nothing is loaded but what the daemon itself serves, and no other page may hold one of these in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut all = Environment::new();
    all.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    all.add_filter("time", time);
    all.add_filter("number", number);
    // The crate's own leaves a slash as it is, which would part an employee id.
    all.add_filter("urlencode", |text: &str| encoded(text));
    all.add_filter("person", |employee_id: &str| Value::from_safe_string(person(employee_id)));
    all.add_filter("plural", plural);
    // What a dotted key is made of.
    all.add_filter("parts", |key: &str| key.split('.').map(str::to_owned).collect::<Vec<_>>());
    all.add_filter("duration", |seconds: i64| duration(seconds));
    macro_rules! add {
        ($($name:literal),*) => {
            $(all.add_template($name, include_str!(concat!("../templates/", $name))).expect("a test renders each template");)*
        };
    }
    add!(
        "frame.html",
        "base.html",
        "login.html",
        "error.html",
        "overview.html",
        "plan.html",
        "people.html",
        "person.html",
        "parked.html",
        "runs.html",
        "run.html",
        "audit.html",
        "configuration.html",
        "macros.html"
    );
    all
});

/// A page for somebody who is logged in. `place` is where it stands in the navigation. It says what came of the decision behind which it is.
pub async fn page(desk: &Desk, visitor: &Visitor, place: &str, template: &str, data: Value) -> Response {
    let said = desk.sessions.take_said(&visitor.cookie, &visitor.ticket);
    page_saying(desk, visitor, place, template, data, (StatusCode::OK, said)).await
}

/// The same with another status, and something to be said.
pub async fn page_saying(
    desk: &Desk,
    visitor: &Visitor,
    place: &str,
    template: &str,
    data: Value,
    (status, said): (StatusCode, Option<Said>),
) -> Response {
    let engine = desk.engine();
    let parked = engine.store.parked_number().await.unwrap_or_default();
    let held_plan = engine.store.held_plan_id(engine.clock.now()).await.ok().flatten();
    let frame = context! {
        place,
        user => visitor.session.caller.name,
        decides => visitor.session.caller.decides(),
        csrf => visitor.session.csrf,
        said,
        parked_number => parked,
        held_plan,
        ..data
    };
    whole(status, template, &frame)
}

/// A page that needs no login.
pub fn bare(status: StatusCode, template: &str, data: &impl Serialize) -> Response {
    whole(status, template, data)
}

fn whole(status: StatusCode, template: &str, data: &impl Serialize) -> Response {
    let text = TEMPLATES.get_template(template).and_then(|template| template.render(data));
    match text {
        Ok(text) => guarded((status, Html(text)).into_response()),
        Err(error) => {
            tracing::error!(template, error = %error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made; the log says why\n")
                .into_response()
        }
    }
}

/// With the headers that keep a page to itself.
pub fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let all = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where somebody's page is. A browser takes `.` and `..` in a path for a way to somewhere else, however they are written, and a proxy may part a
/// path at a slash that is written out: such ids stand behind the question mark.
fn person(employee_id: &str) -> String {
    let is_misread = matches!(employee_id, "." | "..") || employee_id.contains(['/', '\\']);
    let before = if is_misread { "/person?employee_id=" } else { "/people/" };
    format!("{before}{}", encoded(employee_id))
}

/// A time of our JSON as a person reads it.
fn time(text: &Value) -> Value {
    let Some(at) = text.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()) else {
        return Value::from("–");
    };
    Value::from_safe_string(format!(
        "<time datetime=\"{}\">{}</time>",
        at.format("%Y-%m-%dT%H:%M:%SZ"),
        at.format("%Y-%m-%d %H:%M:%S")
    ))
}

/// A number with its thousands set apart.
fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "−" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The word for so many: that for one, or that for several, which is the same with an s where nothing is said.
fn plural(number: i64, one: &str, several: Option<&str>) -> String {
    match (number, several) {
        (1, _) => one.to_owned(),
        (_, Some(several)) => several.to_owned(),
        (_, None) => format!("{one}s"),
    }
}

/// Seconds in the two largest units that are worth it.
fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_written_to_be_read() {
        let numbers = [0, 999, 1_000, 1_234_567, -4_000].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567", "−4,000"]);
        let words = [0, 1, 2].map(|number| plural(number, "action", None));
        assert_eq!(words, ["actions", "action", "actions"]);
        assert_eq!([1, 2].map(|number| plural(number, "waits", Some("wait"))), ["waits", "wait"]);
        let durations = [-3, 59, 60, 3_720, 172_800].map(duration);
        assert_eq!(durations, ["0 s", "59 s", "1 min", "1 h 2 min", "2 days"]);
    }

    #[test]
    fn an_id_that_would_be_misread_in_a_path_stands_behind_the_question_mark() {
        assert_eq!(["1000", "a b?", "..."].map(person), ["/people/1000", "/people/a%20b%3F", "/people/..."]);
        assert_eq!(
            [".", "..", "a/b", "a\\b"].map(person),
            [
                "/person?employee_id=.",
                "/person?employee_id=..",
                "/person?employee_id=a%2Fb",
                "/person?employee_id=a%5Cb"
            ]
        );
    }

    #[test]
    fn times_are_marked_up_and_what_is_no_time_is_not_trusted() {
        let page = |at: &str| {
            let mut one = Environment::new();
            one.add_filter("time", time);
            one.render_named_str("a.html", "{{ at | time }}", context! { at }).unwrap()
        };
        assert_eq!(
            page("2026-11-26T16:04:55.123Z"),
            "<time datetime=\"2026-11-26T16:04:55Z\">2026-11-26 16:04:55</time>"
        );
        assert_eq!(page("<script>"), "–");
    }
}
