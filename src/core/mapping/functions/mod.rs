//! The functions of templates and expressions, named and counted as in a spreadsheet.
//!
//! Each is total on empty text (empty in, empty out), so that a person without a value is not rejected for
//! it, and so that a trial at start-up with empty values says something about the template.

mod date;
mod logic;
mod lookup;
mod pattern;
mod pieces;
mod text;
mod transliterate;

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::functions::Function;
use minijinja::value::{FunctionArgs, FunctionResult, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::Tables;

pub(super) use pattern::check_pattern;

/// Why one of these functions refused its arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The person's values do not fit. Other people's may, so the template stands.
    #[error("{0}")]
    Data(String),
    /// A count or a position is out of range. Where it is worked out from a value, other values may fit.
    #[error("{0}")]
    Range(String),
    /// The template itself cannot work: a list where a text is needed, a date's pattern that is none.
    #[error("{0}")]
    Misuse(String),
}

impl Fault {
    /// Finds the fault in an error of the template engine, however deep the engine has wrapped it.
    pub(super) fn of(error: &Error) -> Option<&Fault> {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(fault) = cause.downcast_ref::<Fault>() {
                return Some(fault);
            }
            source = cause.source();
        }
        None
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::new(ErrorKind::InvalidOperation, fault.to_string()).with_source(fault)
    }
}

/// The names that are registered, for checking templates and for suggesting the right one.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) functions: Vec<&'static str>,
    pub(super) filters: Vec<&'static str>,
    pub(super) tests: Vec<&'static str>,
}

/// Puts functions into an engine and remembers their names, so that the two cannot differ.
pub(super) struct Registry<'e> {
    environment: &'e mut Environment<'static>,
    pub(super) vocabulary: Vocabulary,
}

impl<'e> Registry<'e> {
    pub(super) fn new(environment: &'e mut Environment<'static>) -> Self {
        Registry { environment, vocabulary: Vocabulary::default() }
    }

    /// Registers `name` as a filter and as a function: `x | left(2)` and `left(x, 2)` are the same.
    pub(super) fn both<F, Rv, Args>(&mut self, name: &'static str, function: F)
    where
        F: Function<Rv, Args> + Clone,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        self.filter(name, function.clone());
        self.function(name, function);
    }

    pub(super) fn filter<F, Rv, Args>(&mut self, name: &'static str, filter: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        self.environment.add_filter(name, filter);
        self.vocabulary.filters.push(name);
    }

    pub(super) fn function<F, Rv, Args>(&mut self, name: &'static str, function: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        self.environment.add_function(name, function);
        self.vocabulary.functions.push(name);
    }

    pub(super) fn test<F, Rv, Args>(&mut self, name: &'static str, test: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        self.environment.add_test(name, test);
        self.vocabulary.tests.push(name);
    }
}

/// Registers all of this crate's functions, over the engine's own of the same name.
pub(super) fn register(registry: &mut Registry<'_>, tables: &Tables) {
    text::register(registry);
    pieces::register(registry);
    logic::register(registry);
    date::register(registry);
    pattern::register(registry);
    transliterate::register(registry);
    lookup::register(registry, Arc::new(tables.clone()));
}

/// Reads an argument as text: numbers and booleans as they would be printed, `none` as empty.
fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    match value.kind() {
        ValueKind::None => Ok(Cow::Borrowed("")),
        ValueKind::Number | ValueKind::Bool => Ok(Cow::Owned(value.to_string())),
        ValueKind::Undefined => {
            Err(Error::new(ErrorKind::UndefinedError, "a function was given an undefined value"))
        }
        kind => Err(Fault::Misuse(format!("a function expects a text and was given a {kind}")).into()),
    }
}

/// Reads a count or a position that the template gives, refusing what is below `least`.
fn count(function: &str, what: &str, value: i64, least: i64) -> Result<usize, Error> {
    usize::try_from(value)
        .ok()
        .filter(|_| value >= least)
        .ok_or_else(|| Fault::Range(format!("{function}: the {what} must be {least} or more")).into())
}
