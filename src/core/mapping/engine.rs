//! The template engine as both templates and rules use it, and one person as it sees them.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object};
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use super::functions::{Fault, Registry, Vocabulary};
use super::{Fields, Tables, functions, known};

/// The steps that one template may take on one person. A long template takes a few hundred.
const FUEL_STEPS: u64 = 20_000;

/// Builds an engine with this crate's functions and only those of its own that are listed in `known`.
pub(super) fn build(tables: &Tables) -> (Environment<'static>, Vocabulary) {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_STEPS));
    // The engine would attach the values at hand to its errors, and those are personal data.
    environment.set_debug(false);
    let mut registry = Registry::new(&mut environment);
    known::register(&mut registry);
    functions::register(&mut registry, tables);
    let vocabulary = registry.vocabulary;
    (environment, vocabulary)
}

/// One person's values by name: only those that some template uses, as most columns are used by none.
#[derive(Debug)]
pub(super) struct Person {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Person {
    /// Reads the values of `names`, which must be sorted.
    pub(super) fn read(names: &Arc<[String]>, fields: &impl Fields) -> Value {
        let values = names.iter().map(|name| Value::from(fields.value(name).unwrap_or_default())).collect();
        Value::from_object(Person { names: Arc::clone(names), values })
    }

    /// A person whose every field is `sample`.
    pub(super) fn sample(names: &Arc<[String]>, sample: &str) -> Value {
        let values = names.iter().map(|_| Value::from(sample)).collect();
        Value::from_object(Person { names: Arc::clone(names), values })
    }
}

impl Object for Person {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let at = self.names.binary_search_by(|name| name.as_str().cmp(key)).ok()?;
        self.values.get(at).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// Says what went wrong on a person without repeating the person's values. The engine's own details may
/// quote them, so of those only the kind of the error is given.
pub(super) fn without_values(error: &Error) -> String {
    let what = match Fault::of(error) {
        Some(fault) => fault.to_string(),
        None => error.kind().to_string(),
    };
    match error.line() {
        Some(line) if line > 1 => format!("{what} (in line {line})"),
        _ => what,
    }
}
