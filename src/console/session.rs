//! Logins to the dashboard. They are kept in memory: a daemon that starts anew asks everybody to log in again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::access::{Caller, by_name};
use crate::config::HttpSettings;
use crate::core::plan::hex;

/// However much somebody does, they log in again after this.
const LONGEST: TimeDelta = TimeDelta::hours(12);
/// So many outcomes wait to be shown; of more the oldest is forgotten.
const OUTCOMES: usize = 8;
/// So many logins of one user are kept; the one that was idle longest goes first.
const MOST: usize = 20;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub caller: Caller,
    /// What forms of this login carry, and nobody else knows.
    pub csrf: String,
    /// What is to be said, each on the page that has its ticket.
    said: VecDeque<(String, Said)>,
    began: DateTime<Utc>,
    seen: DateTime<Utc>,
}

/// What came of a decision, for the page behind it.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// Whether it was done.
    pub done: bool,
    /// In words.
    pub message: String,
}

/// The logins, by the digest of what the cookie holds.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    /// Somebody has logged in. The answer is what their cookie is to hold.
    pub fn begin(&self, caller: Caller, now: DateTime<Utc>) -> String {
        let (cookie, csrf) = (secret(), secret());
        let mut all = self.all();
        let theirs = all.iter().filter(|(_, session)| session.caller.name == caller.name);
        if theirs.clone().count() >= MOST {
            let idlest = theirs.min_by_key(|(_, session)| session.seen).map(|(key, _)| *key);
            idlest.map(|key| all.remove(&key));
        }
        all.insert(key(&cookie), Session { caller, csrf, said: VecDeque::new(), began: now, seen: now });
        cookie
    }

    /// Whose cookie this is, as the configuration has them now. A page that asks by itself keeps no login alive.
    pub fn find(
        &self,
        cookie: &str,
        http: &HttpSettings,
        now: DateTime<Utc>,
        asks_by_itself: bool,
    ) -> Option<Session> {
        let mut all = self.all();
        let key = key(cookie);
        let session = all.get_mut(&key)?;
        let idle = TimeDelta::minutes(i64::from(http.session_minutes));
        let is_over = now - session.seen > idle || now - session.began > LONGEST;
        let known = by_name(http, &session.caller.name).filter(|known| known.token == session.caller.token);
        match known.filter(|_| !is_over) {
            Some(known) => {
                if !asks_by_itself {
                    session.seen = now;
                }
                session.caller = known;
                Some(session.clone())
            }
            None => {
                all.remove(&key);
                None
            }
        }
    }

    /// What a decision and the page behind it have in common: no other page or tab of the login shows what came of it.
    pub fn ticket() -> String {
        secret().split_off(48)
    }

    /// Something is to be said on the page that has this ticket.
    pub fn say(&self, cookie: &str, ticket: &str, said: Said) {
        if let Some(session) = self.all().get_mut(&key(cookie)) {
            if session.said.len() >= OUTCOMES {
                session.said.pop_front();
            }
            session.said.push_back((ticket.to_owned(), said));
        }
    }

    /// What is to be said on the page that has this ticket, once; of several the newest.
    pub fn take_said(&self, cookie: &str, ticket: &str) -> Option<Said> {
        let mut all = self.all();
        let session = all.get_mut(&key(cookie))?;
        let mut taken = None;
        session.said.retain(|(known, said)| {
            let is_it = known == ticket;
            if is_it {
                taken = Some(said.clone());
            }
            !is_it
        });
        taken
    }

    /// Somebody logs out.
    pub fn end(&self, cookie: &str) {
        self.all().remove(&key(cookie));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "nobody may guess it: it comes from the system, and no run depends on it"
)]
fn secret() -> String {
    hex(&rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HttpUser, Secret, UserRole};
    use crate::console::access::by_token;

    const TOKEN: &str = "a-token-of-twenty-four-letters";

    fn http(token: &str, role: UserRole) -> HttpSettings {
        let token = Some(Secret::new(token.into()));
        let user = HttpUser { name: "Ann".into(), role, token, token_file: None };
        HttpSettings { users: vec![user], ..HttpSettings::default() }
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    #[test]
    fn a_login_ends_by_itself_by_the_user_or_by_the_configuration() {
        let http_now = http(TOKEN, UserRole::Operator);
        let sessions = Sessions::default();
        let log_in = || sessions.begin(by_token(&http_now, TOKEN).unwrap(), at(0));
        let cookie = log_in();
        assert_eq!(sessions.find(&cookie, &http_now, at(30), false).unwrap().caller.name, "Ann");
        assert!(sessions.find(&cookie, &http_now, at(60), true).is_some(), "used since");
        assert!(sessions.find(&cookie, &http_now, at(60), false).is_some());
        assert!(sessions.find(&cookie, &http_now, at(91), false).is_none(), "idle for too long");
        assert!(sessions.find(&cookie, &http_now, at(61), false).is_none(), "and not taken up again");
        let cookie = log_in();
        assert!(
            (0..26).all(|half| sessions.find(&cookie, &http_now, at(half * 30), false).is_some() == (half <= 24))
        );
        let cookie = log_in();
        let viewer = http(TOKEN, UserRole::Viewer);
        assert!(
            !sessions.find(&cookie, &viewer, at(1), false).unwrap().caller.decides(),
            "the role is that of now"
        );
        let other = http("another-token-of-enough-letters", UserRole::Operator);
        assert!(sessions.find(&cookie, &other, at(2), false).is_none(), "the token is another one");
        let cookie = log_in();
        sessions.end(&cookie);
        assert!(sessions.find(&cookie, &http_now, at(1), false).is_none());
        assert!(sessions.find("", &http_now, at(1), false).is_none());
    }

    #[test]
    fn what_came_of_a_decision_is_said_once_and_where_its_ticket_is() {
        let http = http(TOKEN, UserRole::Operator);
        let sessions = Sessions::default();
        let cookie = sessions.begin(by_token(&http, TOKEN).unwrap(), at(0));
        let said = |message: &str| Said { done: true, message: message.into() };
        let told = |ticket: &str| sessions.take_said(&cookie, ticket).map(|said| said.message);
        let (one, other) = (Sessions::ticket(), Sessions::ticket());
        assert_ne!(one, other);
        sessions.say(&cookie, &one, said("approved"));
        sessions.say(&cookie, &other, said("it takes long"));
        sessions.say(&cookie, &other, said("refused"));
        assert_eq!(told(""), None);
        assert_eq!(told(&other).as_deref(), Some("refused"), "the newest");
        assert_eq!((told(&one).as_deref(), told(&one)), (Some("approved"), None));
        for number in 0..=OUTCOMES {
            sessions.say(&cookie, &number.to_string(), said("something"));
        }
        assert_eq!((told("0"), told("1").is_some()), (None, true), "no more than so many are kept");
    }

    #[test]
    fn of_too_many_logins_the_one_that_was_idle_longest_goes() {
        let http = http(TOKEN, UserRole::Viewer);
        let sessions = Sessions::default();
        let caller = by_token(&http, TOKEN).unwrap();
        let cookies: Vec<String> = (0..=MOST).map(|_| sessions.begin(caller.clone(), at(0))).collect();
        let alive =
            cookies.iter().filter(|cookie| sessions.find(cookie, &http, at(1), false).is_some()).count();
        assert_eq!(alive, MOST);
    }
}
