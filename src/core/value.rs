//! How a value from any HR source is read: one rule for all of them.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The value as the engine sees it: without Unicode white space (no-break space too) at both ends, in NFC.
///
/// An empty result means that the value is absent.
pub fn canonical(raw: &str) -> Cow<'_, str> {
    let trimmed = raw.trim();
    if trimmed.is_ascii() || is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(trimmed.nfc().collect())
}

/// The form in which user names, e-mail addresses and status values are compared: regardless of letter case.
pub fn folded(value: &str) -> String {
    value.to_lowercase()
}

/// A word of the configuration, or of a source, in the form in which values of records are compared.
pub fn compared(value: &str) -> String {
    folded(&canonical(value))
}

/// Whether a character shows nothing: soft hyphens, marks of direction, joiners, fillers, selectors of variations.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an e-mail address could be delivered to: one `@`, something before it, a dotted name behind it.
///
/// A stricter test would refuse addresses that exist; a mail server is the only real judge.
pub fn is_plausible_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let labels_hold = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && labels_hold
        && value.len() <= 254
        && !value.chars().any(|c| c.is_whitespace() || c.is_control() || ",;<>()[]\\\"".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_every_kind_is_trimmed_and_text_is_composed() {
        assert_eq!(canonical("\u{a0}\t Mu\u{308}ller \u{2003}\r\n"), "Müller");
        assert_eq!(canonical("\u{a0} "), "");
        assert_eq!(canonical("007"), "007");
    }

    #[test]
    fn an_address_without_a_dotted_domain_is_impossible() {
        for good in ["ana@x.test", "o'neil+a@sub.example.com", "jürgen@müller.de"] {
            assert!(is_plausible_email(good), "{good}");
        }
        for bad in [
            "",
            "ana",
            "@x.test",
            "ana@",
            "ana@x",
            "a b@x.test",
            "a@b@c.test",
            "ana@.test",
            "a@x..y",
            "a.@x.y",
        ] {
            assert!(!is_plausible_email(bad), "{bad}");
        }
    }
}
