//! The `Link` header (RFC 8288), as far as `rel="next"` goes.

/// The target of the link whose relation is `next`.
///
/// # Errors
/// Where a header cannot be read: the next page may be told of in it.
pub(super) fn next<'h>(
    headers: impl Iterator<Item = Option<&'h str>>,
) -> Result<Option<&'h str>, Unreadable> {
    let mut next = None;
    for header in headers {
        let mut rest = header.ok_or(Unreadable)?.trim_start_matches(is_between);
        while !rest.is_empty() {
            let link = rest.strip_prefix('<').and_then(|link| link.split_once('>'));
            let (target, after) = link.ok_or(Unreadable)?;
            let end = end_of_parameters(after).ok_or(Unreadable)?;
            let parameters = || after[..end].split(';');
            if parameters().any(is_encoded) {
                return Err(Unreadable);
            }
            if parameters().any(is_next) {
                next = next.or(Some(target.trim()));
            }
            rest = after[end..].trim_start_matches(is_between);
        }
    }
    Ok(next)
}

/// A `Link` header that is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// What may stand between links.
fn is_between(c: char) -> bool {
    c == ',' || c.is_ascii_whitespace()
}

/// Where the next link begins: at a comma that is not within quotes. Nothing where the quotes do not end.
fn end_of_parameters(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(text.len())
}

/// Whether it is a relation in another writing (RFC 8187), which no standard has: nobody can tell what is meant.
fn is_encoded(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("rel*"))
}

/// Some write single quotes, which are none by the standard.
fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches(['"', '\'']).split_ascii_whitespace();
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
            (r#"<https://h/a>; title="say \", next"; rel="prev" , , </b>;rel=next"#, Some("/b")),
            (r#"</a?c=1>; rel="last next""#, Some("/a?c=1")),
            ("</a>; rel='prev', </b>; rel='next'", Some("/b")),
            (r#"<https://h/a>; rel="prev"; title="rel=next""#, None),
            ("", None),
        ] {
            assert_eq!(next([Some(header)].into_iter()), Ok(wanted), "{header}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_no_end_of_the_list() {
        for header in [
            "<",
            "nonsense; rel=next",
            "<https://h/a; rel=next",
            "https://h/a>; rel=next",
            "</a>; title=\"x, </b>; rel=next",
            "</a>; rel*=\"next\"",
            "</a>; rel*=UTF-8''next",
        ] {
            assert_eq!(next([Some("</a>; rel=prev"), Some(header)].into_iter()), Err(Unreadable), "{header}");
        }
        assert_eq!(next([None].into_iter()), Err(Unreadable), "bytes that are no text");
    }
}
