//! What a server says of a failure, out of a SCIM error, Workiva's own error, a web page or plain text.

use serde_json::{Map, Value};

use super::json::{member, text};

/// The longest message kept, in characters.
const LONGEST_MESSAGE: usize = 300;
/// How much of a page or text is looked at, in bytes.
const LOOKED_AT: usize = 16 * 1024;
/// How many of Workiva's `details` are quoted.
const DETAILS_QUOTED: usize = 5;

/// What a body explains.
pub(super) struct Explanation {
    /// The `scimType`, where the body is a SCIM error that has one.
    pub scim_type: Option<String>,
    /// One line, at most [`LONGEST_MESSAGE`] characters; empty where the body says nothing.
    pub text: String,
}

/// Reads a body, already parsed where it is JSON.
pub(super) fn explain(parsed: Option<&Value>, content_type: Option<&str>, body: &[u8]) -> Explanation {
    match parsed {
        Some(Value::Object(object)) => {
            let scim_type = member(object, "scimType").and_then(text).map(|said| one_line(&said));
            Explanation { scim_type, text: one_line(&of_object(object)) }
        }
        Some(Value::String(said)) => Explanation { scim_type: None, text: one_line(said) },
        Some(Value::Array(all)) => {
            let said: Vec<String> = all.iter().take(DETAILS_QUOTED).filter_map(of_value).collect();
            Explanation { scim_type: None, text: one_line(&said.join("; ")) }
        }
        Some(_) => Explanation { scim_type: None, text: String::new() },
        None => {
            let raw = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
            let html = raw.trim_start().starts_with('<')
                || content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
            let said = if html { of_page(&raw) } else { raw.into_owned() };
            Explanation { scim_type: None, text: one_line(&said) }
        }
    }
}

/// Text on one line: white space folded, control and direction characters out, at most 300 characters.
pub(super) fn one_line(said: &str) -> String {
    let is_hidden = |one: char| {
        one.is_control()
            || matches!(one, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut line = String::new();
    let words = said.split(|one: char| one.is_whitespace() || is_hidden(one)).filter(|word| !word.is_empty());
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LONGEST_MESSAGE * 4 {
            break;
        }
    }
    if line.chars().nth(LONGEST_MESSAGE).is_some() {
        line = line.chars().take(LONGEST_MESSAGE - 1).chain(['…']).collect();
    }
    line
}

/// A SCIM error's `detail`, else what Workiva's REST side and other servers call it.
fn of_object(object: &Map<String, Value>) -> String {
    let said = ["detail", "message", "error_description", "title", "error"]
        .iter()
        .find_map(|name| member(object, name).and_then(of_value));
    let mut parts: Vec<String> = said.into_iter().collect();
    for name in ["code", "target"] {
        parts.extend(member(object, name).and_then(text).map(|value| format!("({name} {value})")));
    }
    let mut line = parts.join(" ");
    let details = ["details", "errors"].iter().find_map(|name| member(object, name)?.as_array());
    for detail in details.into_iter().flatten().take(DETAILS_QUOTED).filter_map(of_value) {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(&detail);
    }
    line
}

fn of_value(value: &Value) -> Option<String> {
    match value {
        Value::Object(inner) => Some(of_object(inner)).filter(|said| !said.is_empty()),
        other => text(other),
    }
}

/// The title of a page, or its text where it has none.
fn of_page(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let from = at + lower[at..].find('>')? + 1;
        let to = from + lower[from..].find('<')?;
        Some(&page[from..to]).filter(|title| !title.trim().is_empty())
    });
    let said = title.map_or_else(|| without_tags(page), str::to_owned);
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(said, |said, (entity, plain)| said.replace(entity, plain))
}

fn without_tags(page: &str) -> String {
    let mut said = String::new();
    let mut in_tag = false;
    for one in page.chars() {
        match one {
            '<' => {
                in_tag = true;
                said.push(' ');
            }
            '>' => in_tag = false,
            _ if !in_tag => said.push(one),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(body: Value) -> String {
        explain(Some(&body), None, b"").text
    }

    fn page(body: &str) -> String {
        explain(None, Some("text/html"), body.as_bytes()).text
    }

    #[test]
    fn a_scim_error_is_quoted_by_its_detail() {
        let body = json!({"schemas": ["x"], "status": 400, "scimType": "invalidValue", "detail": "no title"});
        let explanation = explain(Some(&body), None, b"");
        assert_eq!(explanation.scim_type.as_deref(), Some("invalidValue"));
        assert_eq!(explanation.text, "no title");
    }

    #[test]
    fn workivas_own_error_is_quoted_with_code_target_and_details() {
        let body = json!({
            "code": "400BadRequest", "message": "Invalid user", "target": "userName",
            "details": [{"code": "a", "message": "no capital letters", "target": "userName"}, {"message": "no spaces"}, 4],
        });
        assert_eq!(
            said(body),
            "Invalid user (code 400BadRequest) (target userName); \
             no capital letters (code a) (target userName); no spaces; 4"
        );
    }

    #[test]
    fn other_shapes_of_errors_are_quoted_too() {
        assert_eq!(said(json!({"error": "invalid_token", "error_description": "expired"})), "expired");
        assert_eq!(said(json!({"error": {"code": 5, "message": "broken"}})), "broken (code 5)");
        assert_eq!(said(json!({"errors": ["one", {"detail": "two"}]})), "one; two");
        assert_eq!(said(json!(["one", "two"])), "one; two");
        assert_eq!(said(json!("plain")), "plain");
        assert_eq!(said(json!({"x": 1})), "");
    }

    #[test]
    fn a_page_is_quoted_by_its_title_or_else_its_text() {
        assert_eq!(page("<HTML><Title lang=en>Sign in &amp; go</TITLE><p>x</p>"), "Sign in & go");
        assert_eq!(page("<html><body><h1>502</h1>Bad gateway</body></html>"), "502 Bad gateway");
        assert_eq!(page("<title>cut"), "cut");
        assert_eq!(explain(None, None, b"<h1>Oops</h1>").text, "Oops");
    }

    #[test]
    fn a_message_is_one_line_without_control_characters_and_of_bounded_length() {
        assert_eq!(one_line("a\u{1b}[31m\r\n\tb\u{0}c \u{202e}d"), "a [31m b c d");
        let long = one_line(&"é".repeat(5000));
        assert_eq!((long.chars().count(), long.chars().last()), (300, Some('…')));
        assert_eq!(one_line(&"x".repeat(300)).len(), 300);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_break_a_message() {
        assert_eq!(explain(None, None, b"\xff\xfe bad").text, "\u{fffd}\u{fffd} bad");
    }
}
