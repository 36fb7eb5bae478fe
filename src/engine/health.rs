//! How it is with the sources: by what is stored of each, so that no number of other runs hides it.

use chrono::{DateTime, Utc};

use super::Engine;
use super::feed::Feed;
use crate::config::{Rules, Settings, SourceKind, SourceRules, SourceSettings};
use crate::core::health::SourceHealth;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::{Store, StoreError};

/// How it is with each source of the register; of a single source without one the runs tell.
///
/// # Errors
/// Where the database fails.
pub async fn sources(
    settings: &Settings,
    rules: &Rules,
    store: &Store,
    now: DateTime<Utc>,
) -> Result<Vec<SourceHealth>, StoreError> {
    if !settings.uses_register() {
        return Ok(Vec::new());
    }
    let (standings, mut failures) = (store.source_standings().await?, store.source_failures().await?);
    let health = |((_, configured), one): ((String, &SourceSettings), &SourceRules)| {
        let source = one.origin.name.clone();
        let standing = standings.get(&source);
        let failure = failures.remove(&source);
        let schedule = one.schedule.as_ref().unwrap_or(&rules.schedule);
        let is_asked = configured.kind != SourceKind::Push;
        let due = standing.filter(|_| is_asked).and_then(|standing| schedule.next_after(standing.read_at));
        SourceHealth {
            read_at: standing.map(|standing| standing.read_at),
            failing_since: failure.as_ref().map(|failure| failure.since),
            failed_at: failure.as_ref().map(|failure| failure.at),
            failure: failure.map(|failure| failure.why),
            due_since: due.filter(|due| *due <= now),
            reading_since: None,
            held_up: standing.is_some_and(|standing| standing.whole_at < standing.read_at),
            source,
        }
    };
    Ok(settings.all_sources().zip(&rules.sources).map(health).collect())
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// How it is with each source of the register, with the reads that are under way here.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn source_health(&self) -> Result<Vec<SourceHealth>, StoreError> {
        let mut all = sources(&self.settings, &self.rules, &self.store, self.clock.now()).await?;
        if let Feed::Register(register) = &self.feed {
            for (place, since) in register.noted.under_way() {
                all[place].reading_since = Some(since);
            }
        }
        Ok(all)
    }
}
