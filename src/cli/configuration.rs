//! `config print|schema`.

use std::path::Path;

use super::{ConfigCommand, Exit};
use crate::compose::load_config;
use crate::config::schema;

/// Prints the configuration in effect, or its schema.
pub fn config(file: &Path, command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Print => print!("{}", toml::to_string(&load_config(file)?.settings)?),
        ConfigCommand::Schema => println!("{}", serde_json::to_string_pretty(&schema())?),
    }
    Ok(Exit::Done)
}
