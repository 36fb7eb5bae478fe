//! What one exchange with Workiva says of Workiva as a whole, for the [`breaker`](super::breaker).

use serde_json::Value;

use super::scim::{Answer, Failure, FailureKind, ScimRequest};

/// What one exchange says of Workiva as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works: it did what was asked, or had a reason not to.
    Works,
    /// Nothing: this user may be gone or forbidden.
    Nothing,
    /// It may be down.
    Trouble(Trouble),
}

/// What may be wrong with Workiva as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In which way.
    pub cause: Cause,
    /// In words, with the mend where there is one, and without anything of a person's.
    pub message: String,
}

/// The ways in which nobody gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The credentials are refused: one answer proves it.
    Credentials,
    /// There is no connection, or only a redirect.
    Unreachable,
    /// Time-outs, server errors, pages that are no SCIM, 404 for what is always there.
    Failing,
    /// The server wants to be left alone for a while.
    Throttled,
    /// 403 for a change of a user: it may be this user's, or everybody's once the SCIM user has lost the right.
    Refused,
    /// It shows nobody who is linked, so it is another tenant, or the SCIM user sees none of them.
    Stranger,
}

impl Cause {
    /// The cause of an outage that another process told of in these words.
    pub fn of_told(message: &str) -> Self {
        match message {
            REFUSES_CHANGES => Self::Refused,
            SHOWS_NOBODY_OF_OURS => Self::Stranger,
            _ => Self::Failing,
        }
    }
}

/// What is said where changes are answered as if they were done, and are not.
pub const DOES_NOTHING: &str =
    "Workiva does not work: it answers changes with success and without the user, and does not make them";

/// What is said where nobody who is linked is shown.
pub const SHOWS_NOBODY_OF_OURS: &str = "Workiva answers, but shows none of the users who are linked: the SCIM user does not see them any more, or \
                                        another tenant is behind the address, so nothing is sent. Give the SCIM user its view back, or \
                                        correct workiva.base_url; where all of them were deleted in Workiva, begin with a new database \
                                        and `adopt`";

/// What is said where changes of several users are refused, and none is accepted.
pub const REFUSES_CHANGES: &str = "Workiva refuses every change of a user (403), and lets users be read; give the SCIM user the right to change \
                                   them back, or, where all who wait belong to another organization as well, discard what waits";

/// What an exchange says of Workiva as a whole.
pub fn verdict(request: &ScimRequest, result: Result<&Answer, &Failure>) -> Verdict {
    let trouble = |cause, message: String| Verdict::Trouble(Trouble { cause, message });
    let failure = match result {
        // The user has to be read before anybody knows.
        Ok(answer) if is_change_of_one(request) && answer.says_nothing_of_the_user() => {
            return Verdict::Nothing;
        }
        Ok(answer) if is_answered(request, answer) => return Verdict::Works,
        Ok(_) => {
            let message = "Workiva does not work: its answers are JSON, but neither users nor lists of them";
            return trouble(Cause::Failing, message.into());
        }
        Err(failure) => failure,
    };
    match failure.kind {
        FailureKind::Unreachable => {
            trouble(Cause::Unreachable, format!("Workiva cannot be reached: {}", failure.message))
        }
        FailureKind::Redirected => {
            let message =
                "Workiva answers with a redirect, which is never followed; correct workiva.base_url";
            trouble(Cause::Unreachable, message.into())
        }
        FailureKind::Unauthorized => {
            let message = "Workiva refuses the credentials (401); renew the secret, then SIGHUP or restart";
            trouble(Cause::Credentials, message.into())
        }
        // A message may quote a person here, the kind and the status do not.
        FailureKind::NoAnswer | FailureKind::ServerError | FailureKind::Malformed => {
            trouble(Cause::Failing, format!("Workiva does not work: {failure}"))
        }
        // Gateways say so while nothing is behind them. Of one user it is an answer that is looked into.
        FailureKind::NotFound if is_always_there(request) => {
            trouble(Cause::Failing, format!("Workiva does not work: no users at its address, {failure}"))
        }
        // Some servers throttle in this way; one that says nothing else is down.
        FailureKind::Throttled if failure.status == Some(503) => {
            trouble(Cause::Failing, format!("Workiva does not work: {failure}"))
        }
        FailureKind::Throttled => {
            let message = "Workiva answers nothing but 429 (too many requests), however long it is left alone; lower \
                           workiva.requests_per_second, or ask Workiva";
            trouble(Cause::Throttled, message.into())
        }
        FailureKind::Forbidden if changes_user(request) => trouble(Cause::Refused, REFUSES_CHANGES.into()),
        FailureKind::NotFound | FailureKind::Forbidden => Verdict::Nothing,
        FailureKind::Conflict | FailureKind::Invalid | FailureKind::NotSupported => Verdict::Works,
    }
}

/// Whether an answer to a read could be what was asked for. A portal may have a JSON object for everything.
fn is_answered(request: &ScimRequest, answer: &Answer) -> bool {
    let has_any = |names: [&str; 2]| {
        let body = answer.body.as_ref().and_then(Value::as_object);
        body.is_some_and(|body| {
            body.keys().any(|key| names.iter().any(|name| key.eq_ignore_ascii_case(name)))
        })
    };
    match request {
        ScimRequest::ListUsers { .. } | ScimRequest::FindUsers { .. } | ScimRequest::ListGroups { .. } => {
            has_any(["Resources", "totalResults"])
        }
        ScimRequest::GetUser { .. } | ScimRequest::GetGroup { .. } => has_any(["id", "userName"]),
        _ => true,
    }
}

fn is_change_of_one(request: &ScimRequest) -> bool {
    matches!(request, ScimRequest::PatchUser { .. } | ScimRequest::ReplaceUser { .. })
}

fn changes_user(request: &ScimRequest) -> bool {
    matches!(
        request,
        ScimRequest::CreateUser { .. }
            | ScimRequest::PatchUser { .. }
            | ScimRequest::ReplaceUser { .. }
            | ScimRequest::DeleteUser { .. }
    )
}

fn is_always_there(request: &ScimRequest) -> bool {
    matches!(
        request,
        ScimRequest::ListUsers { .. } | ScimRequest::FindUsers { .. } | ScimRequest::CreateUser { .. }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_failure_says_what_it_proves_and_quotes_nobody() {
        use FailureKind::*;
        let get = ScimRequest::GetUser { id: "1".into() };
        let list = ScimRequest::ListUsers { start_index: 1, count: 1 };
        let create = ScimRequest::CreateUser { body: json!({}) };
        let cause = |request: &ScimRequest, kind| {
            let failure = Failure::new(kind, Some(500), "jane@acme.example");
            match verdict(request, Err(&failure)) {
                Verdict::Trouble(trouble) => {
                    assert!(kind == Unreachable || !trouble.message.contains("jane"), "{}", trouble.message);
                    Some(trouble.cause)
                }
                _ => None,
            }
        };
        for kind in [NoAnswer, ServerError, Malformed] {
            assert_eq!(cause(&get, kind), Some(Cause::Failing), "{kind}");
        }
        for kind in [Unreachable, Redirected] {
            assert_eq!(cause(&get, kind), Some(Cause::Unreachable), "{kind}");
        }
        assert_eq!(cause(&get, Unauthorized), Some(Cause::Credentials));
        assert_eq!(cause(&get, Throttled), Some(Cause::Throttled));
        let unavailable = Failure::new(Throttled, Some(503), "");
        let down = verdict(&get, Err(&unavailable));
        assert!(matches!(down, Verdict::Trouble(Trouble { cause: Cause::Failing, .. })), "{down:?}");
        for kind in [Forbidden, NotFound, Conflict, Invalid, NotSupported] {
            assert_eq!(cause(&get, kind), None, "{kind}");
        }
        assert_eq!(
            (cause(&list, NotFound), cause(&create, NotFound)),
            (Some(Cause::Failing), Some(Cause::Failing))
        );
        assert_eq!(cause(&create, Forbidden), Some(Cause::Refused));
        let gone = Failure::new(NotFound, Some(404), "");
        assert_eq!(verdict(&get, Err(&gone)), Verdict::Nothing, "a user may well be gone");
        let portal = Answer { status: 200, body: Some(json!({"welcome": "to the portal"})), location: None };
        assert!(matches!(verdict(&list, Ok(&portal)), Verdict::Trouble(_)));
        assert!(matches!(verdict(&get, Ok(&portal)), Verdict::Trouble(_)));
        let empty = Answer { body: Some(json!({"totalresults": 0})), ..portal };
        assert_eq!(verdict(&list, Ok(&empty)), Verdict::Works);
        let taken = Failure::new(Conflict, Some(409), "");
        assert_eq!(verdict(&create, Err(&taken)), Verdict::Works);
    }
}
