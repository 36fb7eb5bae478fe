//! The id of a new user, from wherever the server put it.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::Answer;
use super::json::{member, text};

/// The id of the user that an answer to a create speaks of: from the body, else from the `Location` header,
/// else from the body's `meta.location`. Nothing where the server told none of them; then look for the user.
pub fn created_id(answer: &Answer) -> Option<String> {
    let body = answer.body.as_ref().and_then(Value::as_object);
    body.and_then(|user| member(user, "id"))
        .and_then(text)
        .or_else(|| answer.location.as_deref().and_then(id_in_location))
        .or_else(|| {
            let meta = member(body?, "meta")?.as_object()?;
            id_in_location(member(meta, "location")?.as_str()?)
        })
}

/// What follows `/Users/`, percent-decoded. A server that does not encode the slashes of its ids is
/// understood as well.
fn id_in_location(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let id = match path.to_ascii_lowercase().rfind("/users/") {
        Some(at) => &path[at + "/users/".len()..],
        None => path.rsplit('/').next().filter(|last| !last.eq_ignore_ascii_case("users"))?,
    };
    let id = percent_decode_str(id).decode_utf8().ok()?;
    (!id.is_empty()).then(|| id.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(body: Option<Value>, location: Option<&str>) -> Option<String> {
        created_id(&Answer { status: 201, body, location: location.map(str::to_owned) })
    }

    #[test]
    fn the_id_in_the_body_goes_first() {
        let there = Some("https://x.example/scim/Users/other");
        assert_eq!(id(Some(json!({"id": "7"})), there).as_deref(), Some("7"));
        assert_eq!(id(Some(json!({"ID": 7})), None).as_deref(), Some("7"));
    }

    #[test]
    fn without_an_id_in_the_body_the_location_tells_it_percent_decoded() {
        let encoded = Some("https://x.example/scim/Users/u1%40acme%2F%C3%A9%201");
        assert_eq!(id(Some(json!({"id": ""})), encoded).as_deref(), Some("u1@acme/é 1"));
        assert_eq!(id(None, Some("/scim/v2/users/u1@acme/é 1?x=1")).as_deref(), Some("u1@acme/é 1"));
        assert_eq!(id(None, Some("7")).as_deref(), Some("7"));
    }

    #[test]
    fn the_location_inside_the_body_is_the_last_resort() {
        let body = json!({"meta": {"location": "https://x.example/Users/9/"}});
        assert_eq!(id(Some(body), None).as_deref(), Some("9"));
    }

    #[test]
    fn a_201_without_id_and_location_tells_no_id() {
        assert_eq!(id(None, None), None);
        assert_eq!(id(Some(json!({"userName": "a"})), Some("https://x.example/scim/v2/Users/")), None);
    }
}
