//! The way of a request: outage, credentials, rate limit, fault, and then SCIM.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, Utc};

use super::{
    answer::{Answer, error},
    control,
    faults::{Fault, FaultKind},
    line::Line,
    membership,
    scim::{self, Target},
    world::{OpenRequest, Outage, Shared},
};

/// The largest body that is read, in bytes (D, of Workiva's REST side: 10 MB).
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;

/// Answers one request.
pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorized = shared.world().authorizes(authorization);
    let path = head.uri.path();
    if let Some(endpoint) = path.strip_prefix("/_sandbox/") {
        if !authorized {
            return unauthorized().into_response();
        }
        let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else { return too_large().into_response() };
        return control::handle(&shared, &head.method, endpoint, &body).into_response();
    }

    let mut open = OpenRequest::begin(&shared, head.method.as_str());
    if let Some(answer) = refuse_early(&shared, &line, authorized) {
        return answer.into_response();
    }
    let fault = shared.world().draw_fault();
    if let Some(Fault { kind: FaultKind::Reset, .. }) = fault {
        line.reset();
        return Response::new(Body::empty());
    }
    let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else { return too_large().into_response() };
    let target = Target::read(path, head.uri.query());
    let body = scim::parse_body(&body);
    if let Some(user) = scim::written_user(&head.method, &target, &body) {
        open.writes(user);
    }
    let (latency_ms, slow_ms) = {
        let world = shared.world();
        (world.faults.faults().latency_ms, world.faults.faults().slow_ms)
    };
    wait(latency_ms).await;
    if let Some(answer) = fault.and_then(refuse_by_fault) {
        return answer.into_response();
    }
    let slow = fault.filter(|fault| fault.kind == FaultKind::Slow);
    if slow.is_some_and(|slow| !slow.variant) {
        wait(slow_ms).await;
    }
    if membership::is_held(&shared.world(), &head.method, &target, &body) {
        tokio::time::sleep(shared.hold).await;
    }
    let mut answer = scim::answer(&mut shared.world(), &head.method, target, body, now());
    if slow.is_some_and(|slow| slow.variant) {
        wait(slow_ms).await;
    }
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::Malformed) => answer.body.truncate(answer.body.len() / 2),
        Some(FaultKind::AnswerLost) => line.close(),
        _ => {}
    }
    answer.into_response()
}

/// What is answered before the request is looked at: an outage, false credentials, too many requests.
fn refuse_early(shared: &Shared, line: &Line, authorized: bool) -> Option<Answer> {
    let outage = shared.world().outage;
    match outage {
        Outage::None => {}
        Outage::Unavailable => {
            return Some(error(StatusCode::SERVICE_UNAVAILABLE, None, "the service is down"));
        }
        Outage::Throttled => {
            shared.world().statistics.throttled += 1;
            let answer = error(StatusCode::TOO_MANY_REQUESTS, None, "too many requests");
            return Some(answer.with_header(header::RETRY_AFTER, "300"));
        }
        Outage::Dropped => {
            line.reset();
            return Some(error(StatusCode::SERVICE_UNAVAILABLE, None, "this is never sent"));
        }
    }
    if !authorized {
        shared.world().statistics.unauthorized += 1;
        return Some(unauthorized());
    }
    let seconds = shared.seconds_over_limit()?;
    shared.world().statistics.throttled += 1;
    let answer = error(StatusCode::TOO_MANY_REQUESTS, None, "too many requests");
    Some(answer.with_header(header::RETRY_AFTER, &seconds.to_string()))
}

/// The faults that answer in the place of SCIM.
fn refuse_by_fault(fault: Fault) -> Option<Answer> {
    match fault.kind {
        FaultKind::Throttle => {
            let answer = error(StatusCode::TOO_MANY_REQUESTS, None, "too many requests");
            Some(answer.with_header(header::RETRY_AFTER, &retry_after(fault.variant)))
        }
        FaultKind::ServerError if fault.variant => {
            let page =
                "<html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>";
            Some(Answer {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                content_type: "text/html",
                headers: Vec::new(),
                body: page.as_bytes().to_vec(),
            })
        }
        FaultKind::ServerError => {
            Some(error(StatusCode::INTERNAL_SERVER_ERROR, None, "something went wrong"))
        }
        FaultKind::Unavailable => {
            let answer = error(StatusCode::SERVICE_UNAVAILABLE, None, "the service is busy");
            Some(match fault.variant {
                true => answer,
                false => answer.with_header(header::RETRY_AFTER, &retry_after(false)),
            })
        }
        FaultKind::Reset | FaultKind::Slow | FaultKind::Malformed | FaultKind::AnswerLost => None,
    }
}

/// One second; as a date two, because dates have no fractions and the second that runs is partly gone.
fn retry_after(as_date: bool) -> String {
    match as_date {
        true => httpdate::fmt_http_date(SystemTime::from(now()) + Duration::from_secs(2)),
        false => "1".to_owned(),
    }
}

fn unauthorized() -> Answer {
    error(StatusCode::UNAUTHORIZED, None, "the credentials are missing or wrong")
        .with_header(header::WWW_AUTHENTICATE, "Basic realm=\"scim\", Bearer realm=\"scim\"")
}

fn too_large() -> Answer {
    error(StatusCode::PAYLOAD_TOO_LARGE, None, "the body could not be read, or is above 10 MB")
}

async fn wait(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// The time of the server.
#[expect(clippy::disallowed_methods, reason = "the sandbox is a server of its own, with a clock of its own")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// The methods that write.
pub(super) fn is_write(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}
