//! An HTTP answer of whatever kind: what it means, and what is read out of it.
//!
//! The first line is a digit for the request and the status (`0 200`), the next three are the headers `Retry-After`,
//! `Location` and `Content-Type` (empty: absent), the rest is the body.

use serde_json::{Value, json};
use workiva_sync::core::scim::answer::{Answer, Failure, FailureKind, RetryAfter, classify};
use workiva_sync::core::scim::list::UserPage;
use workiva_sync::core::scim::user::{Attributes, created_id, merge_body, patch_body};
use workiva_sync::core::scim::{Capabilities, RemoteUser, ScimRequest};

use super::tape::Tape;

const LONGEST_MESSAGE: usize = 300;
const A_YEAR_SECONDS: u64 = 31_536_000;

pub fn check(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let request = request(tape.below(6));
    let status = String::from_utf8_lossy(tape.line()).trim().parse().unwrap_or(200);
    let mut header = || {
        let line = String::from_utf8_lossy(tape.line()).into_owned();
        Some(line).filter(|line| !line.is_empty())
    };
    let (retry_after, location, content_type) = (header(), header(), header());
    let body = tape.rest();
    let understood = classify(
        &request,
        status,
        retry_after.as_deref(),
        location.as_deref(),
        content_type.as_deref(),
        body,
    );
    match understood {
        Err(failure) => check_failure(&failure, status),
        Ok(answer) => {
            assert!((200..300).contains(&status) && answer.status == status);
            assert!(answer.body.as_ref().is_none_or(Value::is_object), "a body is an object");
            assert!(answer.body.is_some() || !request.is_read(), "a read has a body");
            check_answer(&answer);
        }
    }
}

fn request(kind: usize) -> ScimRequest {
    let id = || "1".to_owned();
    match kind {
        0 => ScimRequest::GetUser { id: id() },
        1 => ScimRequest::CreateUser { body: json!({"userName": "a"}) },
        2 => ScimRequest::PatchUser { id: id(), body: json!({"Operations": [{}]}) },
        3 => ScimRequest::DeleteUser { id: id() },
        4 => ScimRequest::ServiceProviderConfig,
        _ => ScimRequest::ListUsers { start_index: 1, count: 10 },
    }
}

fn check_failure(failure: &Failure, status: u16) {
    assert_eq!(failure.status, Some(status));
    if (200..300).contains(&status) {
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(failure.may_have_taken_effect());
    }
    for text in [Some(&failure.message), failure.scim_type.as_ref()].into_iter().flatten() {
        assert!(text.chars().count() <= LONGEST_MESSAGE && !text.chars().any(char::is_control));
    }
    if let Some(RetryAfter::Seconds(seconds)) = failure.retry_after {
        assert!(seconds <= A_YEAR_SECONDS + 1);
    }
    let stored = serde_json::to_string(failure).expect("a failure can be stored");
    assert_eq!(serde_json::from_str::<Failure>(&stored).expect("and read again"), *failure);
}

fn check_answer(answer: &Answer) {
    if let Some(id) = created_id(answer) {
        check_id(&id);
    }
    if let Ok(page) = UserPage::read(answer) {
        page.users.iter().for_each(check_user);
    }
    let Some(body) = &answer.body else { return };
    let capabilities = Capabilities::read(body);
    assert_ne!(capabilities.max_results, Some(0), "a page holds somebody");
    let stored = serde_json::to_string(&capabilities).expect("capabilities can be stored");
    assert_eq!(serde_json::from_str::<Capabilities>(&stored).expect("and read again"), capabilities);
    if let Some(user) = RemoteUser::read(body) {
        check_user(&user);
    }
}

fn check_id(id: &str) {
    assert!(!id.is_empty(), "an empty id would address everybody");
    let get = ScimRequest::GetUser { id: id.to_owned() };
    let path = get.path_and_query();
    let segment = path.strip_prefix("/Users/").expect("the path of a user");
    assert!(
        segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
        "an id addresses nothing but a user: {path}"
    );
    assert!(get.fault().is_some() || !matches!(segment, "" | "." | ".."));
}

/// A merge writes exactly what was wanted, whatever the server's user looked like.
fn check_user(user: &RemoteUser) {
    assert!(user.id.is_some() || user.user_name.is_some());
    let wanted: Attributes = [
        ("userName", "jane@x.example"),
        ("name.givenName", "Jane"),
        ("name.familyName", "Doe"),
        ("emails.work", "jane@x.example"),
        ("externalId", "E1"),
        ("title", "CFO"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "Finance"),
    ]
    .map(|(path, value)| (path.to_owned(), value.to_owned()))
    .into();
    let changes = user.differences(&wanted);
    let operations = patch_body(&changes, None)["Operations"].as_array().map_or(0, Vec::len);
    assert_eq!(operations, changes.len(), "one operation a change");
    let merged = merge_body(&user.raw, &changes, Some(false));
    assert_eq!(merged["active"], json!(false));
    let merged = RemoteUser::read(&merged).expect("a user stays a user");
    assert_eq!(merged.active, Some(false));
    assert_eq!(merged.differences(&wanted), [], "nothing is left to be written");
    for path in wanted.keys() {
        let _ = user.attribute(path);
    }
}
