//! Attribute templates.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Template, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::check::{self, Scope};
use super::engine::{self, Person};
use super::functions::Fault;
use super::tokens;
use super::trial;
use super::{CompileError, Fields, RenderError, Tables};

/// The longest value of an attribute, in characters. Longer ones are mistakes, and no server takes them.
const LONGEST_VALUE: usize = 1_024;
/// What a template may write before white space is taken off, in bytes. Behind that nothing more is rendered.
const LONGEST_OUTPUT_BYTES: usize = 64 * 1024;

/// The compiled templates of all attributes. Cheap to use, and usable by several threads at once.
pub struct Mapping {
    environment: Environment<'static>,
    attributes: Vec<String>,
    /// The fields that any template uses, sorted.
    used: Arc<[String]>,
}

impl Mapping {
    /// Compiles templates by SCIM path. `names` are the fields that the source has.
    ///
    /// # Errors
    /// Everything that is wrong with any of the templates, in the order of their paths.
    pub fn compile(
        attributes: &BTreeMap<String, String>,
        names: &[String],
        tables: &Tables,
    ) -> Result<Mapping, Vec<CompileError>> {
        let (mut environment, vocabulary) = engine::build(tables);
        let scope = Scope { fields: names, vocabulary: &vocabulary, tables };
        let mut used = Vec::new();
        let mut errors = Vec::new();
        for (attribute, source) in attributes {
            match compile_one(&mut environment, attribute, source, &scope) {
                Ok(fields) => used.extend(fields),
                Err(messages) => {
                    let key = format!("attributes.{attribute:?}");
                    errors.extend(
                        messages.into_iter().map(|message| CompileError { key: key.clone(), message }),
                    );
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        used.sort();
        used.dedup();
        Ok(Mapping { environment, attributes: attributes.keys().cloned().collect(), used: used.into() })
    }

    /// Renders every attribute for one person: value by SCIM path. Values are trimmed of Unicode white space
    /// and in NFC; an attribute whose value is empty is not in the result.
    ///
    /// # Errors
    /// The first attribute that cannot be rendered with this person's values, or is too long.
    pub fn render(&self, fields: &impl Fields) -> Result<BTreeMap<String, String>, RenderError> {
        let person = Person::read(&self.used, fields);
        let mut rendered = BTreeMap::new();
        for attribute in &self.attributes {
            if let Some(value) = self.render_one(attribute, &person)? {
                rendered.insert(attribute.clone(), value);
            }
        }
        Ok(rendered)
    }

    /// Whether any of the templates uses this field.
    pub fn uses(&self, field: &str) -> bool {
        self.used.iter().any(|used| used == field)
    }

    /// The fields that any of the templates uses, sorted.
    pub fn used(&self) -> &[String] {
        &self.used
    }

    /// Renders what can be rendered for one person, and leaves out the rest.
    pub fn render_what_can_be(&self, fields: &impl Fields) -> BTreeMap<String, String> {
        let person = Person::read(&self.used, fields);
        let value = |attribute: &String| self.render_one(attribute, &person).ok().flatten();
        self.attributes.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }

    fn render_one(&self, attribute: &str, person: &Value) -> Result<Option<String>, RenderError> {
        let failed = |message: String| RenderError { attribute: attribute.to_owned(), message };
        let value = self
            .environment
            .get_template(attribute)
            .and_then(|template| bounded(&template, person))
            .map_err(|error| failed(engine::without_values(&error)))?;
        let value: String = value.trim().nfc().collect();
        if value.chars().count() > LONGEST_VALUE {
            return Err(failed(format!("the value is longer than {LONGEST_VALUE} characters")));
        }
        Ok(Some(value).filter(|value| !value.is_empty()))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mapping").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

/// Renders, and stops where a value could no longer be used.
fn bounded(template: &Template<'_, '_>, person: &Value) -> Result<String, Error> {
    let mut output = Bounded::default();
    let rendered = template.render_captured_to(person, &mut output).map(drop);
    if output.is_full {
        let fault = format!("the value is longer than {LONGEST_VALUE} characters");
        return Err(Fault::Data(fault).into());
    }
    rendered?;
    String::from_utf8(output.written)
        .map_err(|error| Error::new(ErrorKind::WriteFailure, "the value is no text").with_source(error))
}

/// Takes [`LONGEST_OUTPUT_BYTES`] and refuses what comes behind.
#[derive(Default)]
struct Bounded {
    written: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_full |= self.written.len() + bytes.len() > LONGEST_OUTPUT_BYTES;
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds one template to the engine, and returns the fields that it uses.
fn compile_one(
    environment: &mut Environment<'static>,
    attribute: &str,
    source: &str,
    scope: &Scope<'_>,
) -> Result<Vec<String>, Vec<String>> {
    let whole = |error: &Error| vec![trial::describe(error)];
    environment.add_template_owned(attribute.to_owned(), source.to_owned()).map_err(|error| whole(&error))?;
    let template = environment.get_template(attribute).map_err(|error| whole(&error))?;
    let undeclared = template.undeclared_variables(true);
    let tokens = tokens::of_template(source);
    let used = check::check(&tokens, &undeclared, scope)?;
    let names: Arc<[String]> = used.clone().into();
    trial::try_out(&names, &tokens, |person| bounded(&template, &person).map(drop))
        .map_err(|message| vec![message])?;
    Ok(used)
}

/// The names that templates can use apart from fields, for tests.
#[cfg(test)]
pub(super) fn vocabulary() -> super::functions::Vocabulary {
    engine::build(&Tables::new()).1
}
