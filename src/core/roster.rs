//! All users of Workiva at once: of each only what is needed to recognise one and to compare, a few hundred bytes.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use super::action::Attributes;
use super::scim::{AttributePath, RemoteUser};

/// One user.
pub struct RosterUser {
    /// Workiva's id; empty where Workiva shows none.
    pub id: Box<str>,
    /// Our key, where Workiva keeps it.
    pub external_id: Option<Box<str>>,
    /// Whether the user can sign in; nothing where Workiva does not say.
    pub active: Option<bool>,
    /// The values of the roster's paths, in their order.
    values: Box<[Option<Box<str>>]>,
}

impl RosterUser {
    /// The id, if there is one.
    pub fn scim_id(&self) -> Option<&str> {
        Some(&*self.id).filter(|id| !id.is_empty())
    }
}

// Names and addresses are not for a log.
impl fmt::Debug for RosterUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RosterUser").field("active", &self.active).finish_non_exhaustive()
    }
}

/// The users, with the values of some attributes.
#[derive(Debug)]
pub struct Roster {
    paths: Vec<(String, AttributePath)>,
    users: Vec<RosterUser>,
    shown: BTreeSet<usize>,
}

impl Roster {
    /// An empty roster that keeps the values of these SCIM paths. A path that cannot be read is left out.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a String>) -> Self {
        let parsed = |path: &String| Some((path.clone(), AttributePath::parse(path).ok()?));
        let paths = paths.into_iter().filter_map(parsed).collect();
        Self { paths, users: Vec::new(), shown: BTreeSet::new() }
    }

    /// Takes in a user.
    pub fn add(&mut self, user: &RemoteUser) {
        let values: Box<[_]> =
            self.paths.iter().map(|(_, path)| path.read(&user.raw).map(String::into_boxed_str)).collect();
        self.shown.extend(values.iter().enumerate().filter(|(_, value)| value.is_some()).map(|(at, _)| at));
        let external_id = user.external_id.as_deref().filter(|id| !id.is_empty()).map(Box::from);
        let id = user.id.as_deref().unwrap_or_default().into();
        self.users.push(RosterUser { id, external_id, active: user.active, values });
    }

    /// The users in the order in which they were listed.
    pub fn users(&self) -> &[RosterUser] {
        &self.users
    }

    /// A user's value at one of the roster's paths.
    pub fn value<'a>(&self, user: &'a RosterUser, path: &str) -> Option<&'a str> {
        let at = self.paths.iter().position(|(known, _)| known == path)?;
        user.values[at].as_deref()
    }

    /// All values of a user that Workiva shows.
    pub fn attributes(&self, user: &RosterUser) -> Attributes {
        let pairs = self.paths.iter().zip(&user.values);
        pairs.filter_map(|((path, _), value)| Some((path.clone(), value.as_deref()?.to_owned()))).collect()
    }

    /// Whether any user at all has a value at this path. An attribute that no user shows is one that the server does not
    /// keep, or that nobody has filled yet: a listing cannot tell these two apart.
    pub fn is_ever_shown(&self, path: &str) -> bool {
        self.paths.iter().position(|(known, _)| known == path).is_some_and(|at| self.shown.contains(&at))
    }
}

/// Finds users by a text. It holds a digest and a position a user, so whoever asks compares what comes back.
pub struct Index(Vec<(u64, u32)>);

impl Index {
    /// An index by whatever `key` makes of each user.
    pub fn new(roster: &Roster, key: impl Fn(&RosterUser) -> Option<String>) -> Self {
        let entry = |(at, user)| Some((digest(&key(user)?), at));
        let mut entries: Vec<_> = (0..).zip(roster.users()).filter_map(entry).collect();
        entries.sort_unstable();
        Self(entries)
    }

    /// Positions of the users that may have this key.
    pub fn find(&self, key: &str) -> impl Iterator<Item = usize> + '_ {
        let wanted = digest(key);
        let from = self.0.partition_point(|(digest, _)| *digest < wanted);
        self.0[from..].iter().take_while(move |(digest, _)| *digest == wanted).map(|(_, at)| *at as usize)
    }
}

/// Its keys are fixed, so the same listing gives the same index.
fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn roster(paths: &[&str], users: &[Value]) -> Roster {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut roster = Roster::new(&paths);
        users.iter().for_each(|user| roster.add(&RemoteUser::read(user).unwrap()));
        roster
    }

    #[test]
    fn what_is_not_needed_of_a_user_is_not_kept_and_what_nobody_shows_is_known() {
        let users = [
            json!({"id": "1", "userName": "ana", "title": "CFO", "nickName": "A", "active": false}),
            json!({"id": "2", "userName": "bo"}),
        ];
        let roster = roster(&["userName", "title", "locale"], &users);
        assert_eq!(roster.attributes(&roster.users()[0]).len(), 2);
        assert_eq!(roster.value(&roster.users()[0], "title"), Some("CFO"));
        assert!(roster.is_ever_shown("title") && !roster.is_ever_shown("locale"));
    }

    #[test]
    fn an_index_finds_every_user_with_a_key() {
        let users = ["a", "b", "a"].map(|name| json!({"id": "1", "userName": name}));
        let roster = roster(&["userName"], &users);
        let index = Index::new(&roster, |user| roster.value(user, "userName").map(str::to_owned));
        assert_eq!(index.find("a").collect::<Vec<_>>(), [0, 2]);
        assert_eq!(index.find("c").count(), 0);
    }
}
