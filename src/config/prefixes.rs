//! What stands before the employee ids of several sources: no id of one may be that of somebody in another.

use std::collections::BTreeSet;

use super::error::ConfigError;
use super::settings::{Settings, SourceSettings};

/// Checks that no prefix begins with another one. Equal ones are meant: such sources know the same people.
pub(super) fn check(settings: &Settings, errors: &mut Vec<ConfigError>) {
    for (at, one) in settings.sources.iter().enumerate() {
        if one.id_prefix.is_empty() {
            continue;
        }
        let longer = |other: &&SourceSettings| {
            other.id_prefix != one.id_prefix && other.id_prefix.starts_with(&one.id_prefix)
        };
        let Some(other) = settings.sources.iter().find(longer) else { continue };
        let message = format!(
            "is how '{}', the id_prefix of source '{}', begins: one id could be that of somebody in each; let neither begin with the \
             other, such as by a '-' at their ends",
            other.id_prefix,
            other.called()
        );
        errors.push(ConfigError::with_value(format!("sources[{at}].id_prefix"), &one.id_prefix, message));
    }
}

/// The prefixes of other sources with which an id of this one could begin.
pub(super) fn foreign(settings: &Settings, source: &SourceSettings) -> Vec<String> {
    if !source.id_prefix.is_empty() {
        return Vec::new();
    }
    let all: BTreeSet<&String> =
        settings.sources.iter().map(|other| &other.id_prefix).filter(|prefix| !prefix.is_empty()).collect();
    all.into_iter().cloned().collect()
}
