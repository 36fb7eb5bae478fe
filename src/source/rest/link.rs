//! The `Link` header (RFC 8288), as far as `rel="next"` goes.

/// The target of the link whose relation is `next`.
pub(super) fn next<'h>(headers: impl Iterator<Item = &'h str>) -> Option<&'h str> {
    for header in headers {
        let mut rest = header;
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>')?;
            let end = end_of_parameters(after);
            if after[..end].split(';').any(is_next) {
                return Some(target.trim());
            }
            rest = &after[end..];
        }
    }
    None
}

/// Where the next link begins: at a comma that is not within quotes.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, wanted) in [
            (r#"<https://h/a?page=2>; rel="next""#, Some("https://h/a?page=2")),
            (r#"<https://h/a>; rel="prev", <https://h/a,b>; title="x, y"; rel=next"#, Some("https://h/a,b")),
            (r#"</a?c=1>; rel="last next""#, Some("/a?c=1")),
            (r#"<https://h/a>; rel="prev"; title="rel=next""#, None),
            ("", None),
            ("<", None),
            ("nonsense; rel=next", None),
        ] {
            assert_eq!(next([header].into_iter()), wanted, "{header}");
        }
    }
}
