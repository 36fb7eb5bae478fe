//! The part of SCIM's filter language that the sandbox speaks (RFC 7644 section 3.4.2.2): `eq` on a few
//! attributes, with `and` between the terms.

use serde_json::{Map, Value};

use super::attributes::{get_ignoring_case, local_name};

/// A filter: every term has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) terms: Vec<Term>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// `id eq "…"`, exact.
    Id(String),
    /// `userName eq "…"`, regardless of case unless the server is told otherwise.
    UserName(String),
    /// `externalId eq "…"`, exact.
    ExternalId(String),
    /// `active eq true`.
    Active(bool),
    /// `emails.value eq "…"`, `emails[type eq "work"]`, or both in one.
    Email(ValueFilter),
}

/// The inside of `emails[…]`: every sub-attribute has to be equal; strings regardless of case.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ValueFilter(pub(super) Vec<(String, Value)>);

impl ValueFilter {
    /// Whether one element of a multi-valued attribute is meant.
    pub(super) fn matches(&self, element: &Value) -> bool {
        let Some(element) = element.as_object() else { return false };
        self.0.iter().all(|(name, expected)| match (get_ignoring_case(element, name), expected) {
            (Some(Value::String(found)), Value::String(expected)) => same_text(found, expected),
            (found, expected) => found == Some(expected),
        })
    }
}

/// Equality regardless of case.
pub(super) fn same_text(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// What is not understood, in words; the caller answers 400 `invalidFilter`.
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let mut cursor = Cursor::new(text);
        let mut terms = Vec::new();
        loop {
            terms.push(read_term(&mut cursor)?);
            if cursor.at_end() {
                return Ok(Filter { terms });
            }
            cursor.keyword("and")?;
        }
    }

    /// Whether a user fits; `minds_case` makes the comparison of user names an exact one.
    pub(super) fn matches(&self, user: &Map<String, Value>, minds_case: bool) -> bool {
        let text = |name: &str| user.get(name).and_then(Value::as_str);
        self.terms.iter().all(|term| match term {
            Term::Id(id) => text("id") == Some(id),
            Term::UserName(name) if minds_case => text("userName") == Some(name),
            Term::UserName(name) => text("userName").is_some_and(|found| same_text(found, name)),
            Term::ExternalId(id) => text("externalId") == Some(id),
            Term::Active(active) => user.get("active") == Some(&Value::Bool(*active)),
            Term::Email(filter) => {
                let emails = user.get("emails").and_then(Value::as_array);
                emails.is_some_and(|emails| emails.iter().any(|email| filter.matches(email)))
            }
        })
    }
}

fn read_term(cursor: &mut Cursor<'_>) -> Result<Term, String> {
    let word = cursor.word();
    let attribute = local_name(word).to_lowercase();
    if attribute == "emails" && cursor.next_is('[') {
        return read_bracketed_email(cursor);
    }
    cursor.keyword("eq")?;
    let value = cursor.value()?;
    match (attribute.as_str(), value) {
        ("id", Value::String(id)) => Ok(Term::Id(id)),
        ("username", Value::String(name)) => Ok(Term::UserName(name)),
        ("externalid", Value::String(id)) => Ok(Term::ExternalId(id)),
        ("active", Value::Bool(active)) => Ok(Term::Active(active)),
        ("emails" | "emails.value", value @ Value::String(_)) => {
            Ok(Term::Email(ValueFilter(vec![("value".to_owned(), value)])))
        }
        _ => Err(format!("`{word}` cannot be compared with such a value here")),
    }
}

fn read_bracketed_email(cursor: &mut Cursor<'_>) -> Result<Term, String> {
    let mut filter = cursor.value_filter()?;
    if cursor.next_is('.') {
        if !cursor.word().eq_ignore_ascii_case(".value") {
            return Err("only `.value` can follow a value filter here".to_owned());
        }
        cursor.keyword("eq")?;
        let value = cursor.value()?;
        if !value.is_string() {
            return Err("an e-mail address is compared with a string".to_owned());
        }
        filter.0.push(("value".to_owned(), value));
    }
    Ok(Term::Email(filter))
}

/// A place in a filter or a path.
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Cursor { rest: text.trim() }
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Whether this character comes at once, without a space before it.
    pub(super) fn next_is(&self, character: char) -> bool {
        self.rest.starts_with(character)
    }

    /// The characters up to a space, a bracket or a quotation mark; perhaps none.
    pub(super) fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| c.is_whitespace() || "[]()\"".contains(c));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// `[sub eq value and …]`.
    pub(super) fn value_filter(&mut self) -> Result<ValueFilter, String> {
        self.character('[')?;
        let mut terms = Vec::new();
        loop {
            let name = self.word().to_owned();
            if name.is_empty() {
                return Err("a value filter needs an attribute".to_owned());
            }
            self.keyword("eq")?;
            terms.push((name, self.value()?));
            self.rest = self.rest.trim_start();
            if self.next_is(']') {
                self.character(']')?;
                return Ok(ValueFilter(terms));
            }
            self.keyword("and")?;
        }
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        let word = self.word();
        if word.eq_ignore_ascii_case(keyword) {
            return Ok(());
        }
        Err(format!("expected `{keyword}`, found `{word}`"))
    }

    fn character(&mut self, character: char) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(character).ok_or_else(|| format!("expected `{character}`"))?;
        Ok(())
    }

    /// A JSON string with its escapes, or `true` or `false`.
    fn value(&mut self) -> Result<Value, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("true", true), ("false", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(Value::Bool(value));
            }
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let value = values.next().and_then(Result::ok);
        let end = values.byte_offset();
        let value = value.ok_or("expected a JSON string, `true` or `false`")?;
        self.rest = &self.rest[end..];
        Ok(Value::String(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(filter: &str, user: &Value) -> bool {
        Filter::parse(filter).expect(filter).matches(user.as_object().unwrap(), false)
    }

    fn ada() -> Value {
        json!({
            "id": "a1", "userName": "ada@example.com", "externalId": "E-1", "active": true,
            "emails": [{"value": "ada@home.example", "type": "home"}, {"value": "Ada@Example.com", "type": "work"}],
        })
    }

    #[test]
    fn user_names_and_e_mails_compare_regardless_of_case_and_ids_do_not() {
        assert!(matches(r#"userName eq "ADA@example.com""#, &ada()));
        assert!(matches(r#"USERNAME EQ "ada@example.com""#, &ada()));
        assert!(matches(r#"emails.value eq "ada@example.com""#, &ada()));
        assert!(matches(r#"externalId eq "E-1""#, &ada()));
        assert!(!matches(r#"externalId eq "e-1""#, &ada()));
        assert!(!matches(r#"id eq "A1""#, &ada()));
    }

    #[test]
    fn a_server_that_minds_case_finds_only_the_same_letters() {
        let filter = Filter::parse(r#"userName eq "ADA@example.com""#).unwrap();
        assert!(!filter.matches(ada().as_object().unwrap(), true));
    }

    #[test]
    fn terms_are_joined_by_and() {
        assert!(matches(r#"active eq true and userName eq "ada@example.com""#, &ada()));
        assert!(!matches(r#"active eq false and userName eq "ada@example.com""#, &ada()));
    }

    #[test]
    fn a_value_filter_looks_at_one_element() {
        assert!(matches(r#"emails[type eq "work"]"#, &ada()));
        assert!(matches(r#"emails[type eq "work" and value eq "ada@example.com"]"#, &ada()));
        assert!(matches(r#"emails[type eq "work"].value eq "ada@example.com" and active eq true"#, &ada()));
        assert!(!matches(r#"emails[type eq "home" and value eq "ada@example.com"]"#, &ada()));
    }

    #[test]
    fn escapes_are_those_of_json() {
        let user = json!({"userName": "a\"b\\c"});
        assert!(matches(r#"userName eq "a\"b\\c""#, &user));
        assert!(matches(r#"userName eq "\u0061\"b\\c""#, &user));
    }

    #[test]
    fn an_attribute_may_carry_the_urn_of_the_core_schema() {
        assert!(matches(
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada@example.com""#,
            &ada()
        ));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "userName",
            "userName eq",
            r#"userName eq "open"#,
            r#"userName+eq+"a""#,
            r#"userName sw "a""#,
            r#"userName eq "a" or userName eq "b""#,
            r#"userName eq "a" and"#,
            r#"not (userName eq "a")"#,
            r#"title eq "a""#,
            r#"active eq "true""#,
            "userName eq true",
            r#"emails[type eq "work""#,
            r#"emails[type eq "work"].display eq "x""#,
            "active eq trueish",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
