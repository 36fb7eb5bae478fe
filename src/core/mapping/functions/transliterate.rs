//! From names as people write them to the letters of a user name.
//!
//! The rules are in `docs/mapping.md`, and are kept few enough to know by heart. A letter without a rule is
//! an error and is never left out: two people must not get one user name because both lost their letters.

use minijinja::{Error, Value};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::{Fault, Registry, text};
use crate::core::value::is_invisible;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.both("ascii", ascii);
    registry.both("slug", |value: &Value| name("slug", &text(value)?, ""));
    registry.both("username", |value: &Value| name("username", &text(value)?, "._@+"));
}

/// The same text in ASCII, with its letter case, spaces and ASCII punctuation.
fn ascii(value: &Value) -> Result<String, Error> {
    let mut plain = String::new();
    for character in fold(&text(value)?) {
        match character {
            _ if is_apostrophe(character) => plain.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            '\u{201c}'..='\u{201f}' => plain.push('"'),
            '\u{2026}' => plain.push_str("..."),
            _ if character.is_ascii() => plain.push(character),
            _ if character.is_whitespace() => plain.push(' '),
            _ => return Err(no_rule("ascii", character)),
        }
    }
    Ok(plain)
}

/// Lower case ASCII letters, digits, the characters in `kept`, and single hyphens for everything else.
fn name(function: &str, value: &str, kept: &str) -> Result<String, Error> {
    let is_separator = |character: char| character == '-' || kept.contains(character);
    let mut plain = String::new();
    let mut gap = false;
    for character in fold(value) {
        let character = character.to_ascii_lowercase();
        if character.is_ascii_alphanumeric() || kept.contains(character) {
            // A gap becomes a hyphen only between two letters: `anna . lopez` is `anna.lopez`.
            if gap && !plain.ends_with(is_separator) && !plain.is_empty() && !kept.contains(character) {
                plain.push('-');
            }
            gap = false;
            // A mark twice in a row joined an empty part: `anna..lopez`, without a middle name.
            if !kept.contains(character) || !plain.ends_with(character) {
                plain.push(character);
            }
        } else if is_apostrophe(character) {
            continue;
        } else if character.is_alphanumeric() {
            return Err(no_rule(function, character));
        } else {
            gap = true;
        }
    }
    // What joins a missing part, such as the dot after a given name without a family name, joins nothing.
    Ok(plain.trim_matches(['-', '.', '_']).to_owned())
}

/// Replaces letters by their rule, then takes off combining marks and what cannot be seen.
fn fold(value: &str) -> Vec<char> {
    let letters: Vec<char> = value.nfc().filter(|&character| !is_invisible(character)).collect();
    let mut folded = Vec::with_capacity(letters.len());
    for (at, &letter) in letters.iter().enumerate() {
        let Some(rule) = rule(letter) else {
            // Compatibility forms are letters too: a ligature, a full-width letter. Of anything else, such as
            // a fraction or a sign, only the canonical form is taken.
            if letter.is_alphanumeric() {
                folded.extend(letter.nfkd().filter(|&part| !is_combining_mark(part)));
            } else {
                folded.extend(letter.nfd().filter(|&part| !is_combining_mark(part)));
            }
            continue;
        };
        if !letter.is_uppercase() {
            folded.extend(rule.chars());
        } else if rule.len() == 1 || in_capitals(&letters, at) {
            folded.extend(rule.chars().map(|part| part.to_ascii_uppercase()));
        } else {
            let mut parts = rule.chars();
            folded.extend(parts.next().map(|first| first.to_ascii_uppercase()));
            folded.extend(parts);
        }
    }
    folded
}

/// Letters that have a rule of their own, by their small form: those that languages write as two letters,
/// and those that have no decomposition.
fn rule(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ä' | 'Ä' | 'æ' | 'Æ' | 'ǽ' | 'Ǽ' => "ae",
        'ö' | 'Ö' | 'œ' | 'Œ' => "oe",
        'ü' | 'Ü' => "ue",
        'ß' | 'ẞ' => "ss",
        'ø' | 'Ø' | 'ǿ' | 'Ǿ' => "o",
        'þ' | 'Þ' => "th",
        'ð' | 'Ð' | 'đ' | 'Đ' => "d",
        'ł' | 'Ł' => "l",
        'ħ' | 'Ħ' => "h",
        'ı' => "i",
        'ŋ' | 'Ŋ' => "n",
        'ŧ' | 'Ŧ' => "t",
        'ə' | 'Ə' => "e",
        'ƒ' | 'Ƒ' => "f",
        _ => return None,
    })
}

/// Whether a capital stands in a word of capitals, so that `MÜLLER` becomes `MUELLER` but `Ü` in `Über` `Ue`.
fn in_capitals(letters: &[char], at: usize) -> bool {
    match letters.get(at + 1).filter(|next| next.is_alphabetic()) {
        Some(next) => next.is_uppercase(),
        None => at > 0 && letters[at - 1].is_uppercase(),
    }
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '`' | '´' | '‘' | '’' | '‛' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | '′' | '＇')
}

fn no_rule(function: &str, character: char) -> Error {
    let message = format!(
        "{function}: U+{:04X} has no Latin form here; map from a field in Latin letters, or use lookup",
        u32::from(character)
    );
    Fault::Data(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(value: &str) -> Result<String, String> {
        name("slug", value, "").map_err(|error| error.to_string())
    }

    fn username(value: &str) -> Result<String, String> {
        name("username", value, "._@+").map_err(|error| error.to_string())
    }

    #[test]
    fn a_slug_follows_the_documented_rule_of_each_letter() {
        let rules = [
            ("Müller-Łoś", "mueller-los"),
            ("Mu\u{308}ller", "mueller"),
            ("Ærøskøbing Þór Œuvre", "aeroskobing-thor-oeuvre"),
            ("Åse Đorđević Guðrún", "ase-dordevic-gudrun"),
            ("Işık Straße GROẞ", "isik-strasse-gross"),
            ("Nguyễn Đơn", "nguyen-don"),
            ("Zoë François", "zoe-francois"),
            ("ﬁeld Ａnna", "field-anna"),
        ];
        for (name, expected) in rules {
            assert_eq!(slug(name).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_slug_has_no_doubled_or_outer_hyphen_and_no_apostrophe() {
        assert_eq!(slug("  O’Brien -- (J. R.)\u{a0}").as_deref(), Ok("obrien-j-r"));
        assert_eq!(slug("D'Angelo/Ng").as_deref(), Ok("dangelo-ng"));
        assert_eq!(slug("soft\u{ad}hyphen").as_deref(), Ok("softhyphen"));
        assert_eq!(slug("").as_deref(), Ok(""));
    }

    #[test]
    fn a_letter_without_a_rule_is_an_error_and_is_not_left_out() {
        for name in ["Иван", "Йан", "山田", "محمد", "Ana ٣"] {
            let message = slug(name).unwrap_err();
            assert!(message.contains("has no Latin form"), "{message}");
        }
    }

    #[test]
    fn a_user_name_keeps_the_marks_that_join_its_parts_and_loses_those_that_join_nothing() {
        assert_eq!(username("Anna Maria.López").as_deref(), Ok("anna-maria.lopez"));
        assert_eq!(username("Anna . López-Ruiz").as_deref(), Ok("anna.lopez-ruiz"));
        assert_eq!(username("ana.").as_deref(), Ok("ana"));
        assert_eq!(username("A_B+test@Example.com").as_deref(), Ok("a_b+test@example.com"));
        assert_eq!(username("anna..lopez").as_deref(), Ok("anna.lopez"));
        assert_eq!(username("J. R. Doe").as_deref(), Ok("j.r.doe"));
    }

    #[test]
    fn ascii_keeps_case_spaces_and_punctuation() {
        let ascii = |text: &str| ascii(&Value::from(text)).map_err(|error| error.to_string());
        assert_eq!(ascii("Jörg MÜLLER, Über’s").as_deref(), Ok("Joerg MUELLER, Ueber's"));
        assert_eq!(ascii("ÄÖ Straße – ok…").as_deref(), Ok("AEOE Strasse - ok..."));
        assert_eq!(ascii("Łoś\u{a0}Æ").as_deref(), Ok("Los Ae"));
        assert!(ascii("5 €").is_err());
    }
}
