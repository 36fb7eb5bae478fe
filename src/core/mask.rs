//! Values with their shape left and everything else taken away: what may be shown of a person to whoever sets up a source.

/// How many characters of a value are shown.
const SHOWN: usize = 40;

/// The shape of a value. A letter becomes `x`, a capital one `X`, a digit `9`; ASCII punctuation and spaces stay; anything else,
/// such as an emoji, becomes `?`. Behind 40 characters stands `…`, so that a long text does not even tell its length.
pub fn masked(value: &str) -> String {
    let mut shape: String = value.chars().take(SHOWN).map(mask).collect();
    if value.chars().nth(SHOWN).is_some() {
        shape.push('…');
    }
    shape
}

fn mask(c: char) -> char {
    match c {
        ' ' => c,
        c if c.is_ascii_punctuation() => c,
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c if c.is_numeric() => '9',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_value_stays_and_nothing_else_of_it() {
        for (value, shape) in [
            ("ana.ruiz+hr@example.com", "xxx.xxxx+xx@xxxxxxx.xxx"),
            ("2026-01-31", "9999-99-99"),
            ("0042-A", "9999-X"),
            ("Łukasz Ó Néill", "Xxxxxx X Xxxxx"),
            ("山田", "xx"),
            ("٣٤½", "999"),
            ("🎉\u{1b}[2J\u{a0}", "??[9X?"),
            ("", ""),
        ] {
            assert_eq!(masked(value), shape, "{value}");
        }
    }

    #[test]
    fn a_long_value_is_cut_and_does_not_tell_its_length() {
        assert_eq!(masked(&"a".repeat(40)), "x".repeat(40));
        assert_eq!(masked(&"a".repeat(41)), masked(&"b".repeat(100_000)));
    }
}
