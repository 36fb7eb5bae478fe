use chrono::TimeZone;
use serde_json::json;

use super::*;

fn get() -> ScimRequest {
    ScimRequest::GetUser { id: "1".into() }
}

fn writes() -> [ScimRequest; 4] {
    let body = json!({"Operations": [{}]});
    [
        ScimRequest::CreateUser { body: body.clone() },
        ScimRequest::PatchUser { id: "1".into(), body: body.clone() },
        ScimRequest::ReplaceUser { id: "1".into(), body },
        ScimRequest::DeleteUser { id: "1".into() },
    ]
}

fn failure(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
    classify(&get(), status, retry_after, None, None, body.as_bytes()).unwrap_err()
}

#[test]
fn each_status_has_its_kind() {
    use FailureKind::*;
    for (status, kind) in [
        (301, Redirected),
        (302, Redirected),
        (303, Redirected),
        (304, Redirected),
        (307, Redirected),
        (308, Redirected),
        (400, Invalid),
        (401, Unauthorized),
        (402, Invalid),
        (403, Forbidden),
        (404, NotFound),
        (405, NotSupported),
        (406, Invalid),
        (407, Unauthorized),
        (408, NoAnswer),
        (409, Conflict),
        (410, NotFound),
        (412, Invalid),
        (413, Invalid),
        (415, Invalid),
        (422, Invalid),
        (429, Throttled),
        (500, ServerError),
        (501, NotSupported),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (529, ServerError),
        (600, Malformed),
    ] {
        let failure = failure(status, None, "");
        assert_eq!((failure.kind, failure.status), (kind, Some(status)));
        assert!(!failure.message.is_empty());
    }
}

#[test]
fn a_503_with_retry_after_is_throttling_even_when_the_time_cannot_be_read() {
    assert_eq!(failure(503, Some("5"), "").kind, FailureKind::Throttled);
    let unreadable = failure(503, Some("soon"), "");
    assert_eq!((unreadable.kind, unreadable.retry_after), (FailureKind::Throttled, None));
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let at = Utc.with_ymd_and_hms(2015, 10, 21, 7, 28, 0).unwrap();
    for (header, read) in [
        ("120", Some(RetryAfter::Seconds(120))),
        (" 0 ", Some(RetryAfter::Seconds(0))),
        ("1.5", Some(RetryAfter::Seconds(2))),
        ("2.0", Some(RetryAfter::Seconds(2))),
        ("99999999999999999999999", Some(RetryAfter::Seconds(LONGEST_WAIT_SECONDS))),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(RetryAfter::At(at))),
        ("-5", None),
        ("", None),
        (".", None),
    ] {
        assert_eq!(failure(429, Some(header), "").retry_after, read, "{header}");
    }
}

#[test]
fn a_duplicate_is_a_conflict_with_and_without_scim_type_and_with_a_status_that_is_a_number() {
    for body in [
        "",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness"}"#,
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":409,"detail":"taken"}"#,
        "taken",
    ] {
        assert_eq!(failure(409, None, body).kind, FailureKind::Conflict, "{body}");
    }
    let as_400 = failure(400, None, r#"{"scimType":"uniqueness","status":400,"detail":"taken"}"#);
    assert_eq!((as_400.kind, as_400.status), (FailureKind::Conflict, Some(400)));
    assert_eq!((as_400.scim_type.as_deref(), as_400.message.as_str()), (Some("uniqueness"), "taken"));
}

#[test]
fn a_401_may_have_an_empty_body_or_plain_text() {
    assert_eq!(failure(401, None, "").message, "HTTP 401 without an explanation");
    assert_eq!(failure(401, None, "Access\r\n denied").message, "Access denied");
}

#[test]
fn a_write_may_be_answered_without_a_body() {
    for request in writes() {
        for (status, body) in [(204, ""), (200, ""), (202, " \r\n"), (200, "null")] {
            let answer = classify(&request, status, None, Some("/Users/1"), None, body.as_bytes()).unwrap();
            assert_eq!((answer.status, answer.body), (status, None));
            assert_eq!(answer.location.as_deref(), Some("/Users/1"));
        }
    }
}

#[test]
fn a_created_user_may_lack_its_id_and_the_location_header() {
    let create = &writes()[0];
    let answer = classify(create, 201, None, None, None, br#"{"userName":"jane"}"#).unwrap();
    assert_eq!(answer, Answer { status: 201, body: Some(json!({"userName": "jane"})), location: None });
}

#[test]
fn a_read_without_a_body_is_not_understood() {
    for (status, body) in [(200, ""), (204, ""), (200, "null"), (200, "\u{feff}")] {
        assert_eq!(failure(status, None, body).kind, FailureKind::Malformed);
    }
}

#[test]
fn a_success_with_a_login_page_or_garbage_is_not_understood_and_may_have_taken_effect() {
    let page = "<!doctype html><html><head><title>Sign in\n to Workiva</title></head></html>";
    for request in writes().into_iter().chain([get()]) {
        for body in [page, "OK", "{\"id\": \"1\"", "[]", "\"1\"", "true"] {
            let html = Some("text/html; charset=utf-8");
            let failure = classify(&request, 200, None, None, html, body.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed, "{request:?} {body}");
            assert!(failure.may_have_taken_effect());
        }
    }
    assert_eq!(failure(200, None, page).message, "the body is not JSON: Sign in to Workiva");
}

#[test]
fn a_success_that_carries_an_error_is_not_believed() {
    for body in [
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"no"}"#,
        r#"{"status":"404","detail":"no"}"#,
        r#"{"status":404,"detail":"no"}"#,
        r#"{"scimType":"mutability","detail":"no"}"#,
        r#"{"code":"x","message":"no"}"#,
    ] {
        for request in writes().into_iter().chain([get()]) {
            let failure = classify(&request, 200, None, None, None, body.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed, "{body}");
            assert!(failure.message.contains("an error: no"), "{}", failure.message);
        }
    }
    let user = br#"{"id":"1","status":404,"code":"x","message":"a user with odd attributes"}"#;
    assert!(classify(&get(), 200, None, None, None, user).is_ok());
}

#[test]
fn json_is_read_whatever_the_content_type_says_and_after_a_byte_order_mark() {
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("text/html")] {
        let answer = classify(&get(), 200, None, None, content_type, b"\xEF\xBB\xBF{\"id\":\"1\"}").unwrap();
        assert_eq!(answer.body, Some(json!({"id": "1"})));
    }
}

#[test]
fn a_redirect_names_both_places_without_query_and_userinfo_and_sends_nobody_there() {
    let told = |location| classify(&get(), 302, None, location, None, b"").unwrap_err().message;
    let message = told(Some("https://user:pw@login.example/sso/x?SAMLRequest=secret#frag"));
    assert!(
        message.contains(" is redirected to 'https://login.example/sso/x'; nothing was sent there"),
        "{message}"
    );
    assert!(
        message.starts_with("/Users/")
            && message.ends_with("from Workiva's own settings, not from this answer"),
        "{message}"
    );
    assert!(!message.contains("user:pw") && !message.contains("secret"), "{message}");
    assert!(told(Some("/login?t=secret")).contains(" to '/login'; "));
    assert!(told(None).contains("workiva.base_url"));
}
