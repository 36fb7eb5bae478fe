//! `config print|schema`.

use std::path::Path;

use super::terminal::{answer, say};
use super::{ConfigCommand, Exit};
use crate::compose::load_config;
use crate::config::schema;

/// Prints the configuration in effect, or its schema.
pub fn config(file: &Path, command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Print => {
            let text = toml::to_string(&load_config(file)?.settings)?;
            text.lines().for_each(|line| say!("{line}"));
        }
        ConfigCommand::Schema => answer(&serde_json::to_string_pretty(schema())?),
    }
    Ok(Exit::Done)
}
