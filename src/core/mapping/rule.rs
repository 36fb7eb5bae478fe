//! Role conditions.

use std::fmt;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error};

use super::check::{self, Scope};
use super::engine::{self, Person};
use super::functions::Fault;
use super::named::{NamedValue, named_values};
use super::tokens;
use super::trial;
use super::{CompileError, Fields, RenderError, Tables};

/// The name under which the engine holds the one template of a rule.
const RULE: &str = "rule";

/// A compiled condition on a person.
pub struct Rule {
    environment: Environment<'static>,
    key: String,
    /// The fields that the condition uses, sorted.
    used: Arc<[String]>,
    named: Vec<NamedValue>,
}

impl Rule {
    /// Compiles the expression at `key` of the configuration. `names` are the fields that the source has.
    ///
    /// # Errors
    /// Everything that is wrong with the expression, in one message.
    pub fn compile(
        key: &str,
        expression: &str,
        names: &[String],
        tables: &Tables,
    ) -> Result<Rule, CompileError> {
        let refused = |message: String| CompileError { key: key.to_owned(), message };
        if tokens::ends_a_tag(expression) {
            return Err(refused("syntax error: a closing `}}` without an opening one".to_owned()));
        }
        let (mut environment, vocabulary) = engine::build(tables);
        let undeclared = environment
            .compile_expression_owned(expression.to_owned())
            .map_err(|error| refused(trial::describe(&error)))?
            .undeclared_variables(true);
        let tokens = tokens::of_expression(expression);
        let scope = Scope { fields: names, vocabulary: &vocabulary, tables };
        let used: Arc<[String]> = check::check(&tokens, &undeclared, &scope)
            .map_err(|messages| refused(messages.join("; ")))?
            .into();
        // A compiled expression borrows its engine and cannot be kept beside it, a template can. It prints
        // its one value through this formatter, which lets nothing pass but a boolean.
        environment.set_formatter(|output, _, value| match value.kind() {
            ValueKind::Bool => Ok(output.write_str(if value.is_true() { "true" } else { "false" })?),
            kind => Err(not_a_boolean(kind)),
        });
        environment
            .add_template_owned(RULE, format!("{{{{ {expression} }}}}"))
            .map_err(|error| refused(trial::describe(&error)))?;
        let named = named_values(&tokens, &used);
        let rule = Rule { environment, key: key.to_owned(), used, named };
        trial::try_out(&rule.used, &tokens, |person| rule.evaluate(&person).map(drop)).map_err(refused)?;
        Ok(rule)
    }

    /// Its key in the configuration.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values that it compares whole fields with, as far as they stand in its text.
    pub fn named_values(&self) -> &[NamedValue] {
        &self.named
    }

    /// Whether the condition holds for this person.
    ///
    /// # Errors
    /// The condition cannot be decided with this person's values, or gave something else than a boolean.
    pub fn matches(&self, fields: &impl Fields) -> Result<bool, RenderError> {
        self.evaluate(&Person::read(&self.used, fields)).map_err(|error| RenderError {
            attribute: self.key.clone(),
            message: engine::without_values(&error),
        })
    }

    fn evaluate(&self, person: &minijinja::Value) -> Result<bool, Error> {
        Ok(self.environment.get_template(RULE)?.render(person)? == "true")
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rule").field("key", &self.key).finish_non_exhaustive()
    }
}

fn not_a_boolean(kind: ValueKind) -> Error {
    let message =
        format!("the condition gives a {kind}, not true or false; compare it with something, as in x != ''");
    Fault::Misuse(message).into()
}
