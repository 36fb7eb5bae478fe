//! Trying a template before there is anybody to map.
//!
//! Sample people show what reading the template alone does not: a wrong number of arguments, a filter name
//! inside a text, a condition that is no condition.

use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use super::engine::Person;
use super::functions::Fault;
use super::tokens::{Kind, Token};

/// A name, a date, a number, and a long text: whatever a field holds is near to one of these.
const SAMPLES: [&str; 4] =
    ["Ana", "2026-01-02", "12345", "Ana Maria de los Angeles Example, Senior Analyst - Finance / Building 2"];

/// So many texts of a template become samples.
const MOST_LITERALS: usize = 24;

/// Runs `attempt` on sample people, each with one value in all fields. Besides the fixed samples these are
/// nobody's values, and what the template itself has in quotes: that leads into the branches behind
/// comparisons, and finds the separators that the template asks for.
///
/// # Errors
/// What is wrong for everybody. What may be wrong for these samples only passes.
pub(super) fn try_out(
    names: &Arc<[String]>,
    tokens: &[Token<'_>],
    mut attempt: impl FnMut(Value) -> Result<(), Error>,
) -> Result<(), String> {
    let mut outcome = |sample: &str| match attempt(Person::sample(names, sample)) {
        Err(error) if is_wrong_for_everybody(&error) => Err(describe(&error)),
        outcome => Ok(outcome),
    };
    // That nothing comes of nothing is no mistake, so only mistakes in the template count here.
    let _ = outcome("")?;
    let mut doubtful = Vec::new();
    let mut worked = false;
    for sample in samples(tokens) {
        match outcome(&sample)? {
            Ok(()) => worked = true,
            Err(error) => doubtful.push(error),
        }
    }
    // What works on no sample at all, and not because of what the sample says, works on nobody.
    let by_data = |error: &Error| matches!(Fault::of(error), Some(Fault::Data(_)));
    match doubtful.first() {
        Some(error) if !worked && !doubtful.iter().any(by_data) => Err(describe(error)),
        _ => Ok(()),
    }
}

fn samples(tokens: &[Token<'_>]) -> Vec<String> {
    let mut samples = SAMPLES.map(str::to_owned).to_vec();
    let literals = tokens.iter().filter_map(|token| match token.kind {
        Kind::Text(literal) if !literal.is_empty() => Some(literal),
        _ => None,
    });
    for literal in literals.take(MOST_LITERALS) {
        samples.push(literal.to_owned());
        samples.push(["Ana"; 5].join(literal));
    }
    samples
}

fn is_wrong_for_everybody(error: &Error) -> bool {
    if let Some(fault) = Fault::of(error) {
        return matches!(fault, Fault::Misuse(_));
    }
    // Any other kind, such as a conversion to a number, depends on the value.
    matches!(
        error.kind(),
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::MissingArgument
            | ErrorKind::TooManyArguments
            | ErrorKind::TemplateNotFound
            | ErrorKind::SyntaxError
            | ErrorKind::BadEscape
            | ErrorKind::OutOfFuel
    )
}

/// The engine's whole message: samples are nobody's data.
pub(super) fn describe(error: &Error) -> String {
    let what = match (Fault::of(error), error.detail()) {
        (Some(fault), _) => fault.to_string(),
        (None, Some(detail)) => format!("{}: {detail}", error.kind()),
        (None, None) => error.kind().to_string(),
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}
