//! The words inside a template's tags, with their places.
//!
//! The engine's parser is not public, so names, filters and tests are found here. Only texts that the engine
//! has already accepted are read, so this needs no grammar: what is not a word is a symbol.

/// A word or a symbol of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind<'s>,
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    /// Whether it is the first of its tag.
    pub(super) opens_tag: bool,
    /// Whether the tag is a statement, `{% … %}`.
    pub(super) in_statement: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'s> {
    Name(&'s str),
    /// A quoted text without its quotes, escapes as written.
    Text(&'s str),
    Number(&'s str),
    /// One character, or a comparison of two.
    Symbol(&'s str),
}

impl<'s> Token<'s> {
    pub(super) fn name(&self) -> Option<&'s str> {
        match self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

/// Reads all tags of a template. Comments and raw text have no tokens.
pub(super) fn of_template(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    while let Some(found) = lexer.rest().find('{') {
        lexer.at += found;
        let rest = lexer.rest();
        if rest.starts_with("{#") {
            lexer.skip_past("#}");
        } else if rest.starts_with("{{") {
            lexer.at += 2;
            lexer.read_until(Some("}}"));
        } else if rest.starts_with("{%") {
            lexer.at += 2;
            let first = lexer.tokens.len();
            lexer.read_until(Some("%}"));
            if lexer.tokens.get(first).and_then(Token::name) == Some("raw") {
                lexer.tokens.truncate(first);
                lexer.skip_raw();
            }
        } else {
            lexer.at += 1;
        }
    }
    lexer.tokens
}

/// Reads an expression, which has no tags around it.
pub(super) fn of_expression(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    lexer.read_until(None);
    lexer.tokens
}

/// Whether an expression holds the end of a tag outside of its quotes and brackets. The engine's own reader of
/// expressions panics on that (minijinja 2.24), so it must not see one.
pub(super) fn ends_a_tag(expression: &str) -> bool {
    Lexer { source: expression, at: 0, tokens: Vec::new() }.read_until(Some("}}"))
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token<'s>>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn skip_past(&mut self, end: &str) {
        self.at += self.rest().find(end).map_or(self.rest().len(), |found| found + end.len());
    }

    /// Skips to the end of raw text, whose closing tag may have white space and hyphens around its word.
    fn skip_raw(&mut self) {
        loop {
            self.skip_past("{%");
            let rest = self.rest();
            if rest.is_empty() || rest.trim_start_matches(['-', '+', ' ', '\t', '\n']).starts_with("endraw") {
                self.skip_past("%}");
                return;
            }
        }
    }

    /// Reads tokens to the end of the tag. Returns whether there was one.
    fn read_until(&mut self, end: Option<&str>) -> bool {
        let mut depth = 0_usize;
        let mut opens_tag = true;
        while let Some(character) = self.rest().chars().next() {
            if depth == 0 && end.is_some_and(|end| self.rest().starts_with(end)) {
                self.at += 2;
                return true;
            }
            if character.is_whitespace() {
                self.at += character.len_utf8();
                continue;
            }
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                // The hyphen of `{%-`, which trims white space.
                '-' | '+' if opens_tag && end.is_some() => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            self.read_token(character, opens_tag, end == Some("%}"));
            opens_tag = false;
        }
        false
    }

    fn read_token(&mut self, first: char, opens_tag: bool, in_statement: bool) {
        let rest = self.rest();
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (kind, length) = if first == '"' || first == '\'' {
            let inner = quoted(rest, first);
            (Kind::Text(inner), (inner.len() + 2).min(rest.len()))
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            (Kind::Name(&rest[..length]), length)
        } else if first.is_ascii_digit() {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            (Kind::Number(&rest[..length]), length)
        } else {
            let pair = ["==", "!=", "<=", ">=", "//", "**"].iter().any(|pair| rest.starts_with(pair));
            let length = if pair { 2 } else { first.len_utf8() };
            (Kind::Symbol(&rest[..length]), length)
        };
        let before = &self.source[..self.at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        self.tokens.push(Token { kind, line, column, opens_tag, in_statement });
        self.at += length;
    }
}

/// What stands between the quotes at the start of `rest`, or to the end where the second quote is missing.
fn quoted(rest: &str, quote: char) -> &str {
    let inner = &rest[quote.len_utf8()..];
    let mut escaped = false;
    for (at, character) in inner.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return &inner[..at],
            _ => {}
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<&str> {
        of_template(source).iter().filter_map(Token::name).collect()
    }

    #[test]
    fn names_are_found_in_tags_but_not_in_text_comments_raw_text_or_quotes() {
        let source = "out {{ a | f('in } }} ') }} {# no #} {%- if b -%} x {% endif %} \
                      {% raw %} {{ not }} {% endraw %} {{ {'k': {'l': c}} }} tail";
        assert_eq!(names(source), ["a", "f", "if", "b", "endif", "c"]);
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let tokens = of_template("é\n  ü {{ x }}");
        assert_eq!((tokens[0].line, tokens[0].column), (2, 8));
    }
}
