//! Lookup tables from the configuration.

use std::sync::Arc;

use minijinja::{Error, Value};

use super::{Fault, Registry, text};
use crate::core::mapping::Tables;

pub(super) fn register(registry: &mut Registry<'_>, tables: Arc<Tables>) {
    registry.both("lookup", move |key: &Value, table: &Value, default: Option<Value>| {
        lookup(&tables, key, table, default)
    });
}

/// As VLOOKUP with an exact match. A key that the table does not have and for which there is no default is
/// an error, as a person is better rejected than mapped wrongly. An empty key gives the default, or empty.
fn lookup(tables: &Tables, key: &Value, table: &Value, default: Option<Value>) -> Result<Value, Error> {
    let table = text(table)?;
    let Some(rows) = tables.get(table.as_ref()) else {
        // The name may have been made from a person's values, so it is not repeated.
        return Err(Fault::Data("lookup: there is no table of that name".to_owned()).into());
    };
    let key = text(key)?;
    match (rows.get(key.trim()), default) {
        (Some(found), _) => Ok(Value::from(found.as_str())),
        (None, Some(default)) => Ok(default),
        (None, None) if key.trim().is_empty() => Ok(Value::from("")),
        (None, None) => {
            let message =
                format!("lookup: the value is no key of [tables.{table}]; add it there, or give a default");
            Err(Fault::Data(message).into())
        }
    }
}
