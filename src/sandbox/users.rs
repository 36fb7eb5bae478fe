//! The directory: users as a pure data structure, without HTTP, clock or randomness.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::{
    attributes::{self, USER, writable},
    filter::{Filter, Term},
    options::Behaviour,
    patch,
    refusal::Refusal,
};

/// All users, in the order in which they came.
///
/// Finding by id, user name or `externalId` costs the same however many there are. Slots of deleted users stay
/// empty, so that a position never changes.
pub(super) struct Directory {
    base_url: String,
    seed: u64,
    pub(super) behaviour: Behaviour,
    slots: Vec<Option<Entry>>,
    live: usize,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
    by_external_id: HashMap<String, Vec<usize>>,
}

struct Entry {
    user: Map<String, Value>,
    owned_elsewhere: bool,
}

/// A user after a write, and whether the write changed anything.
pub(super) struct Written<'a> {
    pub(super) user: &'a Map<String, Value>,
    pub(super) changed: bool,
}

/// One page of a list.
pub(super) struct Page<'a> {
    pub(super) total: usize,
    pub(super) start_index: usize,
    pub(super) users: Vec<&'a Map<String, Value>>,
}

impl Directory {
    /// An empty directory. `base_url` begins every `meta.location`; ids come from `seed` and a counter.
    pub(super) fn new(base_url: String, seed: u64, behaviour: Behaviour) -> Self {
        Directory {
            base_url,
            seed,
            behaviour,
            slots: Vec::new(),
            live: 0,
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            by_external_id: HashMap::new(),
        }
    }

    /// POST: a new user.
    pub(super) fn create(
        &mut self,
        body: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<&Map<String, Value>, Refusal> {
        let user = self.read_body(body)?;
        attributes::check_user(&user)?;
        self.insert(user, false, now)
    }

    /// A user who is there without having been created through SCIM: only `userName` is asked for, and what
    /// Workiva would refuse today may be kept from earlier times.
    pub(super) fn seed(
        &mut self,
        body: Map<String, Value>,
        owned_elsewhere: bool,
        now: DateTime<Utc>,
    ) -> Result<&Map<String, Value>, Refusal> {
        let mut user = writable(body);
        user.entry("schemas").or_insert_with(|| json!([USER]));
        user.entry("active").or_insert(Value::Bool(true));
        self.insert(user, owned_elsewhere, now)
    }

    /// PUT: everything that a client may set is replaced; an absent `active` means true.
    pub(super) fn replace(
        &mut self,
        id: &str,
        body: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Written<'_>, Refusal> {
        let slot = self.slot(id)?;
        let user = self.read_body(body)?;
        attributes::check_user(&user)?;
        let current = &self.entry(slot).user;
        let user = assemble(current["id"].clone(), user, current["meta"].clone());
        self.commit(slot, user, now)
    }

    /// PATCH: all operations, or none.
    pub(super) fn patch(
        &mut self,
        id: &str,
        body: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Written<'_>, Refusal> {
        let slot = self.slot(id)?;
        let mut user = self.entry(slot).user.clone();
        patch::apply(&mut user, body)?;
        if !self.behaviour.keeps_external_id {
            user.shift_remove("externalId");
        }
        attributes::check_user(&user)?;
        self.commit(slot, user, now)
    }

    /// DELETE.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        let slot = self.slot(id)?;
        if self.entry(slot).owned_elsewhere {
            return Err(Refusal::OwnedElsewhere);
        }
        self.remove_from_indexes(slot);
        self.by_id.remove(id);
        self.slots[slot] = None;
        self.live -= 1;
        Ok(())
    }

    /// Somebody edits the user by hand, past all checks except that of the user name.
    pub(super) fn edit(
        &mut self,
        id: &str,
        edit: impl FnOnce(&mut Value),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let slot = self.slot(id)?;
        let current = &self.entry(slot).user;
        let (id, meta) = (current["id"].clone(), current["meta"].clone());
        let mut value = Value::Object(current.clone());
        edit(&mut value);
        let Value::Object(user) = value else {
            return Err(Refusal::syntax("a user is an object"));
        };
        let next = assemble(id, writable(user), meta);
        self.store(slot, next, now)?;
        Ok(())
    }

    /// A workspace's doing: access comes or goes with it. Whom another organization owns too stays as they are.
    pub(super) fn set_active(&mut self, id: &str, active: bool, now: DateTime<Utc>) {
        let Ok(slot) = self.slot(id) else { return };
        if self.entry(slot).owned_elsewhere {
            return;
        }
        let mut next = self.entry(slot).user.clone();
        next.insert("active".to_owned(), Value::Bool(active));
        // The user name stays, and only a user name is refused.
        let _ = self.store(slot, next, now);
    }

    /// What begins every `meta.location`.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// From now on another organization owns the user.
    pub(super) fn own_elsewhere(&mut self, id: &str) -> Result<(), Refusal> {
        let slot = self.slot(id)?;
        self.entry_mut(slot).owned_elsewhere = true;
        Ok(())
    }

    /// The user with this id.
    pub(super) fn get(&self, id: &str) -> Result<&Map<String, Value>, Refusal> {
        Ok(&self.entry(self.slot(id)?).user)
    }

    /// One page. `start_index` counts from 1; `count` is bounded by the page cap.
    pub(super) fn list(&self, filter: Option<&Filter>, start_index: usize, count: Option<usize>) -> Page<'_> {
        let cap = usize::try_from(self.behaviour.page_cap).unwrap_or(usize::MAX);
        let count = count.unwrap_or(cap).min(cap);
        let start_index = if self.behaviour.paging { start_index.max(1) } else { 1 };
        let skip = start_index - 1;
        let Some(filter) = filter else {
            return Page { total: self.live, start_index, users: self.slice(skip, count) };
        };
        let found = self.find(filter);
        let total = found.len();
        Page { total, start_index, users: found.into_iter().skip(skip).take(count).collect() }
    }

    /// Every user, sorted by user name.
    pub(super) fn snapshot(&self) -> Vec<Value> {
        let mut users: Vec<&Map<String, Value>> = self.users().collect();
        users.sort_by_key(|user| user.get("userName").and_then(Value::as_str));
        users.into_iter().cloned().map(Value::Object).collect()
    }

    fn users(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.slots.iter().flatten().map(|entry| &entry.user)
    }

    /// Without deleted users a position is an index, so that the last page costs no more than the first.
    fn slice(&self, skip: usize, count: usize) -> Vec<&Map<String, Value>> {
        if self.live == self.slots.len() {
            let rest = self.slots.get(skip..).unwrap_or_default();
            return rest.iter().take(count).flatten().map(|entry| &entry.user).collect();
        }
        self.users().skip(skip).take(count).collect()
    }

    fn find(&self, filter: &Filter) -> Vec<&Map<String, Value>> {
        let behaviour = &self.behaviour;
        let by_external_id = filter.terms.iter().any(|term| matches!(term, Term::ExternalId(_)));
        if by_external_id && !behaviour.externalid_filter {
            return Vec::new();
        }
        let fits = |user: &&Map<String, Value>| filter.matches(user, behaviour.username_filter_minds_case);
        match filter.terms.iter().find_map(|term| self.candidates(term)) {
            Some(slots) => slots.into_iter().map(|slot| &self.entry(slot).user).filter(fits).collect(),
            None => self.users().filter(fits).collect(),
        }
    }

    /// The few users that can fit a term with an index, or nothing where there is no index.
    fn candidates(&self, term: &Term) -> Option<Vec<usize>> {
        match term {
            Term::Id(id) => Some(self.by_id.get(id).copied().into_iter().collect()),
            Term::UserName(name) => {
                Some(self.by_name.get(&name.to_lowercase()).copied().into_iter().collect())
            }
            Term::ExternalId(id) => Some(self.by_external_id.get(id).cloned().unwrap_or_default()),
            Term::Active(_) | Term::Email(_) => None,
        }
    }

    /// What POST and PUT have in common: `schemas` is asked for, and what is absent gets its default.
    fn read_body(&self, body: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        if !attributes::names_schema(&body, USER) {
            return Err(Refusal::syntax(format!("schemas must hold {USER}")));
        }
        let mut user = writable(body);
        if !self.behaviour.keeps_external_id {
            user.shift_remove("externalId");
        }
        user.entry("active").or_insert(Value::Bool(true));
        Ok(user)
    }

    fn insert(
        &mut self,
        user: Map<String, Value>,
        owned_elsewhere: bool,
        now: DateTime<Utc>,
    ) -> Result<&Map<String, Value>, Refusal> {
        self.refuse_taken_name(&user, None)?;
        let slot = self.slots.len();
        let id = self.new_id(slot);
        let time = timestamp(now);
        let meta = json!({
            "resourceType": "User",
            "created": time,
            "lastModified": time,
            "location": format!("{}/Users/{}", self.base_url, encode_segment(&id)),
        });
        let user = assemble(Value::String(id.clone()), user, meta);
        self.slots.push(Some(Entry { user, owned_elsewhere }));
        self.live += 1;
        self.by_id.insert(id, slot);
        self.add_to_indexes(slot);
        Ok(&self.entry(slot).user)
    }

    /// Stores the next version of a user, unless another organization has a say in it.
    fn commit(
        &mut self,
        slot: usize,
        mut next: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Written<'_>, Refusal> {
        let entry = self.entry(slot);
        if entry.owned_elsewhere && next.get("active") != entry.user.get("active") {
            if self.behaviour.owned_elsewhere_refuses {
                return Err(Refusal::OwnedElsewhere);
            }
            let active = entry.user.get("active").cloned().unwrap_or(Value::Bool(true));
            next.insert("active".to_owned(), active);
        }
        self.store(slot, next, now)
    }

    fn store(
        &mut self,
        slot: usize,
        mut next: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Written<'_>, Refusal> {
        self.refuse_taken_name(&next, Some(slot))?;
        let changed = self.entry(slot).user != next;
        if changed {
            next["meta"]["lastModified"] = Value::String(timestamp(now));
            self.remove_from_indexes(slot);
            self.entry_mut(slot).user = next;
            self.add_to_indexes(slot);
        }
        Ok(Written { user: &self.entry(slot).user, changed })
    }

    fn refuse_taken_name(&self, user: &Map<String, Value>, own: Option<usize>) -> Result<(), Refusal> {
        let name = user.get("userName").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::value("userName is required"));
        }
        match self.by_name.get(&name.to_lowercase()) {
            Some(holder) if Some(*holder) != own => Err(Refusal::Taken),
            _ => Ok(()),
        }
    }

    fn new_id(&self, counter: usize) -> String {
        if self.behaviour.awkward_ids {
            return format!("u{}@acme/é 1", counter + 1);
        }
        // Positions are never used twice, so neither are ids.
        format!("{:032x}", xxh3_128_with_seed(&(counter as u64).to_le_bytes(), self.seed))
    }

    fn slot(&self, id: &str) -> Result<usize, Refusal> {
        self.by_id.get(id).copied().ok_or(Refusal::NotFound)
    }

    fn entry(&self, slot: usize) -> &Entry {
        self.slots[slot].as_ref().expect("an index never points to a deleted user")
    }

    fn entry_mut(&mut self, slot: usize) -> &mut Entry {
        self.slots[slot].as_mut().expect("an index never points to a deleted user")
    }

    fn add_to_indexes(&mut self, slot: usize) {
        let (name, external_id) = index_keys(&self.entry(slot).user);
        self.by_name.insert(name, slot);
        if let Some(external_id) = external_id {
            self.by_external_id.entry(external_id).or_default().push(slot);
        }
    }

    fn remove_from_indexes(&mut self, slot: usize) {
        let (name, external_id) = index_keys(&self.entry(slot).user);
        self.by_name.remove(&name);
        let Some(external_id) = external_id else { return };
        if let Some(slots) = self.by_external_id.get_mut(&external_id) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_external_id.remove(&external_id);
            }
        }
    }
}

fn index_keys(user: &Map<String, Value>) -> (String, Option<String>) {
    let text = |name: &str| user.get(name).and_then(Value::as_str);
    (text("userName").unwrap_or_default().to_lowercase(), text("externalId").map(str::to_owned))
}

/// A stored user: `schemas` and `id` first, `meta` last.
fn assemble(id: Value, mut attributes: Map<String, Value>, meta: Value) -> Map<String, Value> {
    let mut user = Map::with_capacity(attributes.len() + 2);
    user.insert("schemas".to_owned(), attributes.shift_remove("schemas").unwrap_or_else(|| json!([USER])));
    user.insert("id".to_owned(), id);
    user.extend(attributes);
    user.insert("meta".to_owned(), meta);
    user
}

fn timestamp(now: DateTime<Utc>) -> String {
    now.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An id as one segment of a path.
fn encode_segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
