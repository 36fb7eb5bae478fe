//! The values that a condition compares a field with, as far as that can be read off the text.

use super::check::unescape;
use super::tokens::{Kind, Token};

/// A value that a condition asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedValue {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
    /// Whether letter case does not matter.
    pub any_case: bool,
}

/// Finds `field == 'x'`, `'x' == field`, `field in ['x', 'y']`, their negations, and the same behind `| lower` and `| upper`. What is more
/// than that is left out: of a piece of a field, or of a table's value, nothing is known here.
pub(super) fn named_values(tokens: &[Token<'_>], fields: &[String]) -> Vec<NamedValue> {
    let mut named = Vec::new();
    for at in 0..tokens.len() {
        let Some((field, any_case, behind)) = field_at(tokens, at, fields) else { continue };
        let values = match begins(tokens, at) {
            true => compared_behind(tokens, behind),
            false => compared_before(tokens, at, behind),
        };
        named.extend(values.into_iter().flatten().map(|value| NamedValue {
            field: field.to_owned(),
            value,
            any_case,
        }));
    }
    named.sort();
    named.dedup();
    named
}

/// A field that stands alone, and the place behind it and its filters.
fn field_at<'s>(tokens: &[Token<'s>], at: usize, fields: &[String]) -> Option<(&'s str, bool, usize)> {
    let name = tokens[at].name().filter(|name| fields.iter().any(|field| field == name))?;
    let (mut any_case, mut behind) = (false, at + 1);
    while tokens.get(behind).is_some_and(|token| token.is_symbol("|")) {
        match tokens.get(behind + 1).and_then(Token::name)? {
            "lower" | "upper" => any_case = true,
            _ => return None,
        }
        behind += 2;
    }
    Some((name, any_case, behind))
}

/// `== 'x'`, `in ['x']` and so on behind a field that begins its side of the comparison.
fn compared_behind(tokens: &[Token<'_>], behind: usize) -> Option<Vec<String>> {
    let operator = tokens.get(behind)?;
    if operator.is_symbol("==") || operator.is_symbol("!=") {
        let value = text(tokens.get(behind + 1)?)?;
        return ends(tokens, behind + 2).then(|| vec![value]);
    }
    let mut at = behind + usize::from(operator.name() == Some("not"));
    if tokens.get(at)?.name() != Some("in") || !tokens.get(at + 1)?.is_symbol("[") {
        return None;
    }
    at += 2;
    let mut values = Vec::new();
    loop {
        let token = tokens.get(at)?;
        if token.is_symbol("]") {
            return ends(tokens, at + 1).then_some(values);
        }
        if !token.is_symbol(",") {
            values.push(text(token)?);
        }
        at += 1;
    }
}

/// `'x' ==` before a field.
fn compared_before(tokens: &[Token<'_>], at: usize, behind: usize) -> Option<Vec<String>> {
    let operator = tokens.get(at.checked_sub(1)?)?;
    let value = text(tokens.get(at.checked_sub(2)?)?)?;
    let compares = operator.is_symbol("==") || operator.is_symbol("!=");
    (compares && begins(tokens, at - 2) && ends(tokens, behind)).then(|| vec![value])
}

fn text(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Text(raw) => unescape(raw),
        _ => None,
    }
}

/// Whether a side of a comparison begins here.
fn begins(tokens: &[Token<'_>], at: usize) -> bool {
    at == 0 || is_between(&tokens[at - 1], "(")
}

/// Whether a side of a comparison ends before this.
fn ends(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at).is_none_or(|token| is_between(token, ")"))
}

fn is_between(token: &Token<'_>, bracket: &str) -> bool {
    token.is_symbol(bracket)
        || token.is_symbol(",")
        || token.name().is_some_and(|name| matches!(name, "and" | "or" | "not" | "if" | "else"))
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    fn named(expression: &str) -> Vec<String> {
        let fields = ["department", "job_title", "status"].map(str::to_owned);
        let all = named_values(&tokens::of_expression(expression), &fields);
        all.into_iter()
            .map(|one| format!("{}={}{}", one.field, one.value, if one.any_case { "*" } else { "" }))
            .collect()
    }

    #[test]
    fn values_that_a_whole_field_is_compared_with_are_found() {
        assert_eq!(
            named("department in ['Finance', 'Legal'] and job_title != 'Intern'"),
            ["department=Finance", "department=Legal", "job_title=Intern"]
        );
        assert_eq!(
            named("not ('CFO' == job_title or department not in [\"O\\'Neil\"])"),
            ["department=O'Neil", "job_title=CFO"]
        );
        assert_eq!(
            named("department | lower == 'it' or status|upper in ['A',]"),
            ["department=it*", "status=A*"]
        );
        assert_eq!(
            named("if_else(department == 'X', job_title == 'Y', true)"),
            ["department=X", "job_title=Y"]
        );
    }

    #[test]
    fn what_is_compared_otherwise_is_left_out() {
        for expression in [
            "left(department, 3) == 'Fin'",
            "department | left(3) == 'Fin'",
            "'Lead' in job_title",
            "department == 'Fin' ~ job_title",
            "'a' ~ department == 'ab'",
            "lookup(department, 'division') == 'FIN'",
            "department in [job_title, 'X']",
            "department < 'M'",
            "department == job_title",
        ] {
            assert!(named(expression).is_empty(), "{expression}: {:?}", named(expression));
        }
    }
}
