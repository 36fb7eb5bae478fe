//! What is special about CSV files: deltas, and which keys belong to them alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::settings::SourceSettings;
use super::sftp;
use crate::core::happened::{usual_gone, usual_there};

/// `[source.delta]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvDeltaSettings {
    /// A pattern of delta files. They are read in the order of their names, each once.
    pub path: String,
    /// The header of the column that says what happened.
    pub action_column: String,
    /// What it says of somebody who is gone, regardless of case.
    #[serde(default = "usual_gone")]
    pub delete_values: Vec<String>,
    /// What it says of somebody who is as the row says; an empty text: nothing. A row that says anything else is rejected.
    #[serde(default = "usual_there")]
    pub upsert_values: Vec<String>,
    /// Whether the last number in a file's name counts up by one, so that a missing file is noticed.
    #[serde(default)]
    pub numbered: bool,
}

/// What no schema can tell of a CSV source. `section` is its key.
pub fn check(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    let path = source.path.as_deref().unwrap_or_default();
    check_pattern(&format!("{section}.path"), path, source, errors);
    if let Some(sftp) = &source.sftp {
        sftp::check(section, sftp, errors);
    }
    if let Some(archive) = &source.archive
        && (archive.is_empty() || archive.contains(['*', '?', '[']))
    {
        let message = "has to be a folder, such as \"archive\"";
        errors.push(ConfigError::with_value(format!("{section}.archive"), archive, message));
    }
    let column = |name: &str| source.columns.get(name).filter(|header| !header.is_empty());
    if let (Some(id), Some(address)) = (column("employee_id"), column("work_email"))
        && id == address
    {
        let message = "is the column of work_email; an address changes, and a new one would be a new person with a second account: name a \
                       column with an id that stays";
        errors.push(ConfigError::with_value(format!("{section}.columns.employee_id"), id, message));
    }
    let Some(delta) = &source.delta else { return };
    check_pattern(&format!("{section}.delta.path"), &delta.path, source, errors);
    if delta.path == path {
        let message = "is that of the full file; deltas need names of their own";
        errors.push(ConfigError::with_value(format!("{section}.delta.path"), path, message));
    }
    if delta.delete_values.is_empty() || delta.delete_values.iter().any(|value| value.trim().is_empty()) {
        let message = "has to say what the action column holds for somebody who is gone, such as [\"D\"]";
        errors.push(ConfigError::new(format!("{section}.delta.delete_values"), message));
    }
    let key = format!("{section}.delta.upsert_values");
    super::push::check_words(&key, &delta.delete_values, &delta.upsert_values, errors);
}

fn check_pattern(key: &str, path: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    if let Err(error) = glob::Pattern::new(path) {
        errors.push(ConfigError::with_value(key, path, format!("is no pattern: {error}")));
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if source.sftp.is_some() && folder.contains(['*', '?', '[']) {
        let message = "may have *, ? and [ in the file's name only, where it lies on a server";
        errors.push(ConfigError::with_value(key, path, message));
    }
}
