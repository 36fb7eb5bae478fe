//! A walk over all users of a server that answers whatever it likes, for ever.
//!
//! The first byte is the page size; then the bytes are the server's answers, over and over: how many users, the total that
//! it tells, and an id for each.

use std::collections::HashSet;

use serde_json::{Value, json};
use workiva_sync::core::scim::answer::Answer;
use workiva_sync::core::scim::list::{UserPage, Walk, WalkStep};
use workiva_sync::core::scim::{RemoteUser, ScimRequest};

use super::tape::Tape;

/// An id is one byte, or the user name where there is none, so more users than this do not exist.
const MOST_USERS: usize = 2 * 256;

pub fn check(bytes: &[u8]) {
    let Some((size, script)) = bytes.split_first() else { return };
    if script.is_empty() {
        return;
    }
    let mut walk = Walk::new(u32::from(*size));
    let mut tape = Tape::new(script);
    let mut seen = HashSet::new();
    let mut start = 0;
    for asked in 0.. {
        assert!(asked <= MOST_USERS + 1, "a page without anybody new ends the walk");
        let ScimRequest::ListUsers { start_index, count } = walk.next_request() else {
            panic!("a walk asks for a list")
        };
        assert!(start_index > start || asked > 0 && start_index == start, "it goes on, never back");
        assert!(count >= 1);
        start = start_index;
        if tape.is_empty() {
            tape = Tape::new(script);
        }
        let page = page(&mut tape);
        let users = page.users.len();
        match walk.accept(page) {
            Ok(WalkStep::More(fresh)) => {
                assert!(!fresh.is_empty() && fresh.len() <= users);
                take(&mut seen, &fresh);
            }
            Ok(WalkStep::Last(fresh)) => {
                take(&mut seen, &fresh);
                break;
            }
            Err(_) => break,
        }
    }
    assert_eq!(walk.seen(), seen.len() as u64);
}

/// Nobody comes twice.
fn take(seen: &mut HashSet<(Option<String>, Option<String>)>, fresh: &[RemoteUser]) {
    for user in fresh {
        let key = (user.id.clone(), user.user_name.clone().filter(|_| user.id.is_none()));
        assert!(seen.insert(key), "nobody comes twice");
    }
}

fn page(tape: &mut Tape<'_>) -> UserPage {
    let number = tape.byte() % 32;
    let total = match tape.byte() {
        0 => Value::Null,
        1 => json!("12"),
        2 => json!(u64::MAX),
        other => json!(other),
    };
    let users: Vec<Value> = (0..number)
        .map(|_| match tape.byte() {
            byte if byte % 16 == 15 => json!({"userName": byte.to_string()}),
            byte => json!({"id": byte.to_string(), "userName": "x"}),
        })
        .collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": total, "Resources": users,
    });
    UserPage::read(&Answer { status: 200, body: Some(body), location: None }).expect("a list of users")
}
