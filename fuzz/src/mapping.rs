//! Templates and conditions of whatever text, with a person of whatever values.
//!
//! The first line holds the values, parted by `|`; the rest is the template, which is tried as a condition as well.

use std::collections::BTreeMap;

use workiva_sync::core::mapping::{Fields, Mapping, Rule, Tables};
use workiva_sync::core::value::canonical;

use super::tape::Tape;

/// The longest value of an attribute that is ever sent, in characters.
const LONGEST_VALUE: usize = 1_024;
/// In no template and no message of ours by chance.
const PERSONAL: &str = "Qx7Personal";

struct Person {
    names: Vec<String>,
    values: Vec<String>,
}

impl Fields for Person {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn value(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| known == name)?;
        self.values.get(at).map(String::as_str)
    }
}

pub fn check(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let line = String::from_utf8_lossy(tape.line());
    let Ok(template) = std::str::from_utf8(tape.rest()) else { return };
    let names = ["employee_id", "given_name", "family_name", "department", "hire_date", "note"];
    let mut values: Vec<String> =
        line.split('|').take(5).map(|value| canonical(value).into_owned()).collect();
    values.resize(5, String::new());
    values.push(PERSONAL.to_owned());
    let person = Person { names: names.map(str::to_owned).into(), values };
    let table = [("Finance".to_owned(), "yes".to_owned()), ("Legal".to_owned(), "no".to_owned())];
    let tables = Tables::from([("codes".to_owned(), BTreeMap::from(table))]);

    let attributes = BTreeMap::from([("title".to_owned(), template.to_owned())]);
    match Mapping::compile(&attributes, &person.names, &tables) {
        Err(errors) => {
            assert!(!errors.is_empty());
            let again = Mapping::compile(&attributes, &person.names, &tables).expect_err("refused again");
            assert_eq!(errors, again);
        }
        Ok(mapping) => {
            let rendered = mapping.render(&person);
            assert_eq!(rendered, mapping.render(&person), "the same person maps to the same user");
            match rendered {
                Ok(rendered) => {
                    for value in rendered.values() {
                        assert!(!value.is_empty() && value.chars().count() <= LONGEST_VALUE);
                        assert_eq!(canonical(value), value.as_str());
                    }
                }
                Err(error) => shows_nobody(template, &error.to_string()),
            }
        }
    }
    match Rule::compile("access.roles[0].when", template, &person.names, &tables) {
        Err(error) => assert!(!error.message.is_empty()),
        Ok(rule) => {
            let matches = rule.matches(&person);
            assert_eq!(matches, rule.matches(&person));
            if let Err(error) = matches {
                shows_nobody(template, &error.to_string());
            }
        }
    }
}

fn shows_nobody(template: &str, message: &str) {
    assert!(!message.is_empty());
    assert!(!message.contains(PERSONAL) || template.contains(PERSONAL), "it quotes a person: {message}");
}
