//! What can be known to be wrong by reading a template: names, filters, tests, tables, patterns.
//!
//! The engine finds most of these only when a person's values lead it there, which may be months later.

use std::collections::HashSet;

use super::Tables;
use super::functions::{self, Vocabulary};
use super::known;
use super::tokens::{Kind, Token};

/// So many names can be listed in a message and still be read.
const MOST_LISTED: usize = 24;

/// What a template may refer to.
pub(super) struct Scope<'a> {
    pub(super) fields: &'a [String],
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) tables: &'a Tables,
}

/// Checks the tokens of a template or an expression that the engine has accepted. `undeclared` are the names
/// that it does not set itself, as the engine knows them. Returns the fields that it uses, sorted.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub(super) fn check(
    tokens: &[Token<'_>],
    undeclared: &HashSet<String>,
    scope: &Scope<'_>,
) -> Result<Vec<String>, Vec<String>> {
    let mut check = Check { tokens, scope, used: Vec::new(), wrong: Vec::new() };
    check.names(undeclared);
    check.words();
    if !check.wrong.is_empty() {
        check.wrong.sort();
        return Err(check.wrong.into_iter().map(|(_, message)| message).collect());
    }
    Ok(check.used)
}

/// The part that a word plays where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A field, a function, a name that the template has set, or a keyword.
    Plain,
    Filter,
    Test,
    /// An attribute after a dot.
    Attribute,
    /// The name of an argument: `f(name=value)`.
    Argument,
}

struct Check<'c> {
    tokens: &'c [Token<'c>],
    scope: &'c Scope<'c>,
    used: Vec<String>,
    /// Messages by the place of the token, to be given in the order of the text.
    wrong: Vec<(usize, String)>,
}

impl Check<'_> {
    /// Every name that the template does not set itself must be a field or a function. `undeclared` comes
    /// from the engine, which knows what is set where; a name with an attribute is `name.attribute` there.
    fn names(&mut self, undeclared: &HashSet<String>) {
        let mut bases: Vec<(&str, Option<&str>)> = undeclared
            .iter()
            .map(|name| name.split_once('.').map_or((name.as_str(), None), |(base, rest)| (base, Some(rest))))
            .collect();
        bases.sort_unstable();
        for (base, attribute) in bases {
            let at = self.places(base).next().unwrap_or_default();
            let is_function = self.scope.vocabulary.functions.contains(&base);
            let called = self.places(base).find(|&at| self.symbol_at(at + 1, "("));
            if self.scope.fields.iter().any(|field| field == base) {
                if let Some(attribute) = attribute {
                    let mend = format!("functions are written `{base} | upper`");
                    self.refuse(at, format!("`{base}` is a text and has no `{attribute}`; {mend}"));
                } else if let Some(at) = called {
                    let mend = if is_function {
                        " and hides the function: rename the column, or write"
                    } else {
                        "; functions are written"
                    };
                    self.refuse(at, format!("`{base}` is a field here{mend} `x | upper`"));
                } else if self.used.last().is_none_or(|last| last != base) {
                    self.used.push(base.to_owned());
                }
            } else if !is_function {
                let mend = self.mend_for_name(base, called.is_some());
                let what = if called.is_some() { "function" } else { "field" };
                self.refuse(at, format!("there is no {what} `{base}`; {mend}"));
            } else if called.is_none() {
                self.refuse(at, format!("`{base}` is a function and no field; it is written `{base}(…)`"));
            }
        }
    }

    fn words(&mut self) {
        for at in 0..self.tokens.len() {
            match (self.tokens[at].name(), self.part(at)) {
                (Some(name), Part::Filter) => self.filter(at, name),
                (Some(name), Part::Test) => self.test(at, name),
                (Some(name), Part::Plain) if self.tokens[at].opens_tag => self.tag(at, name),
                (None, _) => self.comparison(at),
                _ => {}
            }
            self.literal(at);
        }
    }

    /// Templates cannot use each other: the engine could not say which names such a template needs.
    fn tag(&mut self, at: usize, name: &str) {
        if matches!(name, "include" | "extends" | "import" | "from" | "block") && self.tokens[at].in_statement
        {
            self.refuse(at, format!("`{{% {name} %}}` is not available; a template stands for itself"));
        }
    }

    fn filter(&mut self, at: usize, name: &str) {
        let vocabulary = self.scope.vocabulary;
        if vocabulary.filters.contains(&name) {
            return;
        }
        let mend = if vocabulary.functions.contains(&name) {
            format!("it is a function, written `{name}(…)`")
        } else {
            suggest(name, vocabulary.filters.iter().copied())
                .unwrap_or_else(|| "docs/mapping.md lists them all".to_owned())
        };
        self.refuse(at, format!("there is no filter `{name}`; {mend}"));
    }

    fn test(&mut self, at: usize, name: &str) {
        let tests = &self.scope.vocabulary.tests;
        if tests.contains(&name) {
            return;
        }
        let mend = match name {
            "empty" | "blank" | "null" => "an absent value is the empty text, so write `x == ''`".to_owned(),
            _ => suggest(name, tests.iter().copied())
                .unwrap_or_else(|| "docs/mapping.md lists them all".to_owned()),
        };
        self.refuse(at, format!("there is no test `{name}`; {mend}"));
    }

    /// A field is never equal to a number, nor in any useful order with one.
    fn comparison(&mut self, at: usize) {
        let Kind::Symbol("==" | "!=" | "<" | ">" | "<=" | ">=") = self.tokens[at].kind else { return };
        let Some(before) = at.checked_sub(1) else { return };
        let number = |at: usize| match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Number(number)) => Some(*number),
            _ => None,
        };
        let (field_at, number) = match (number(before), number(at + 1)) {
            (None, Some(number)) => (before, number),
            (Some(number), None) if !self.symbol_at(at + 2, "|") => (at + 1, number),
            _ => return,
        };
        let Some(field) = self.tokens.get(field_at).and_then(Token::name) else { return };
        if self.part(field_at) == Part::Plain && self.scope.fields.iter().any(|name| name == field) {
            self.refuse(
                field_at,
                format!("`{field}` is a text and {number} a number; write '{number}', or `{field} | int`"),
            );
        }
    }

    /// A table or a pattern that the template names literally can be checked now.
    fn literal(&mut self, at: usize) {
        let Some(function @ ("lookup" | "regex_match" | "regex_replace" | "regex_extract")) =
            self.tokens[at].name()
        else {
            return;
        };
        let position = match self.part(at) {
            Part::Plain => 1,
            Part::Filter | Part::Test => 0,
            Part::Attribute | Part::Argument => return,
        };
        let Some((place, raw)) = self.literal_argument(at + 1, position) else { return };
        let Some(literal) = unescape(raw) else { return };
        if function != "lookup" {
            if let Err(message) = functions::check_pattern(&literal) {
                self.refuse(place, message);
            }
        } else if !self.scope.tables.contains_key(&literal) {
            let mend = suggest(&literal, self.scope.tables.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add [tables.{literal}] to the configuration"));
            self.refuse(place, format!("there is no table `{literal}`; {mend}"));
        }
    }

    /// The argument at `position` of the call that opens at `open`, if it is nothing but a quoted text.
    fn literal_argument(&self, open: usize, position: usize) -> Option<(usize, &str)> {
        if let Some(Token { kind: Kind::Text(text), .. }) = self.tokens.get(open) {
            return (position == 0).then_some((open, *text));
        }
        if !self.symbol_at(open, "(") {
            return None;
        }
        let (mut at, mut depth, mut passed) = (open + 1, 0_usize, 0);
        while passed < position {
            match self.tokens.get(at)?.kind {
                Kind::Symbol("(" | "[" | "{") => depth += 1,
                Kind::Symbol(")" | "]" | "}") => depth = depth.checked_sub(1)?,
                Kind::Symbol(",") if depth == 0 => passed += 1,
                _ => {}
            }
            at += 1;
        }
        let Kind::Text(text) = self.tokens.get(at)?.kind else { return None };
        (self.symbol_at(at + 1, ",") || self.symbol_at(at + 1, ")")).then_some((at, text))
    }

    /// The places where a name stands for a value or a function.
    fn places<'n>(&'n self, name: &'n str) -> impl Iterator<Item = usize> + 'n {
        (0..self.tokens.len())
            .filter(move |&at| self.tokens[at].name() == Some(name) && self.part(at) == Part::Plain)
    }

    fn part(&self, at: usize) -> Part {
        let Some(before) = at.checked_sub(1).map(|before| &self.tokens[before]) else { return Part::Plain };
        if self.tokens[at].opens_tag {
            return Part::Plain;
        }
        let is_word = |at: usize, word: &str| self.tokens[at].name() == Some(word);
        if before.is_symbol("|") || (before.opens_tag && before.name() == Some("filter")) {
            Part::Filter
        } else if before.is_symbol(".") {
            Part::Attribute
        } else if before.name() == Some("is") && !is_word(at, "not")
            || (before.name() == Some("not") && at >= 2 && is_word(at - 2, "is"))
        {
            Part::Test
        } else if self.symbol_at(at + 1, "=") && (before.is_symbol("(") || before.is_symbol(",")) {
            Part::Argument
        } else {
            Part::Plain
        }
    }

    fn symbol_at(&self, at: usize, symbol: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn mend_for_name(&self, name: &str, called: bool) -> String {
        let functions = self.scope.vocabulary.functions.iter().copied();
        let fields = self.scope.fields.iter().map(String::as_str);
        if called {
            return suggest(name, functions).unwrap_or_else(|| "docs/mapping.md lists them all".to_owned());
        }
        if let Some(mend) = nearest(name, fields.clone()).map(did_you_mean) {
            return mend;
        }
        let listed: Vec<_> = fields.take(MOST_LISTED).collect();
        let more = if self.scope.fields.len() > MOST_LISTED { " and more" } else { "" };
        format!("the fields are {}{more}; a text stands in quotes", listed.join(", "))
    }

    fn refuse(&mut self, at: usize, message: String) {
        let place = self.tokens.get(at).map_or((1, 1), |token| (token.line, token.column));
        self.wrong.push((at, format!("line {}, column {}: {message}", place.0, place.1)));
    }
}

/// The name that was meant, by what it is called elsewhere or by how it is spelled.
fn suggest<'n>(name: &str, mut known: impl Iterator<Item = &'n str> + Clone) -> Option<String> {
    let elsewhere = known::elsewhere(name).filter(|other| known.clone().any(|one| one == *other));
    match elsewhere {
        Some(other) => Some(did_you_mean(other)),
        None => nearest(name, &mut known).map(did_you_mean),
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// The name with the fewest typing mistakes between, if these are few for its length. Case is no mistake.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / 3).clamp(1, 3);
    known
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|&(mistakes, _)| mistakes <= most)
        .min_by_key(|&(mistakes, _)| mistakes)
        .map(|(_, candidate)| candidate)
}

/// Reads the escapes of a quoted text as the engine does. `None` for those that are rare: then the text is
/// left for the trial.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next()? {
            quoted @ ('\\' | '\'' | '"' | '/') => text.push(quoted),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'b' | 'f' | 'u' | 'x' | '0'..='7' => return None,
            other => text.extend(['\\', other]),
        }
    }
    Some(text)
}
