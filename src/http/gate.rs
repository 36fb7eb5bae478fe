//! Who shows tokens, and how often a wrong one: whoever guesses is asked to wait.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

pub use crate::core::attempts::TooMany;
use crate::core::attempts::{Attempts, Shower};

/// Where all tokens are shown that anybody sends to one server.
#[derive(Default)]
pub struct Gate {
    attempts: Mutex<Attempts>,
    /// Nobody else can work out whose bucket is whose, and so fill that of somebody.
    key: RandomState,
}

/// Who sends a request. Each request that is served has one among its extensions.
#[derive(Clone)]
pub struct Client {
    gate: Arc<Gate>,
    shower: Shower,
    peer: SocketAddr,
}

impl Client {
    /// Whoever sends this from there. What a proxy says of whom it asks for tells its clients apart, and gives nobody more than their
    /// machine may: anybody could say it.
    pub fn new(gate: &Arc<Gate>, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let machine = machine(peer.ip());
        let forwarded = headers.get_all("x-forwarded-for").into_iter().next_back();
        let last = forwarded.and_then(|line| line.to_str().ok()?.rsplit(',').next()).map(str::trim);
        let shower =
            Shower { client: gate.key.hash_one((machine, last)), through: gate.key.hash_one(machine) };
        Self { gate: Arc::clone(gate), shower, peer }
    }

    /// What `find` makes of a token that this client shows.
    ///
    /// # Errors
    /// Too many wrong ones were shown of late; `find` was not asked.
    pub fn judge<T>(
        &self,
        token: &str,
        now: DateTime<Utc>,
        find: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, TooMany> {
        // Nothing that holds the lock can panic.
        let mut attempts = self.gate.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = attempts.judge(self.shower, Sha256::digest(token).into(), now, find);
        drop(attempts);
        if let Ok(None) = judged {
            tracing::warn!(peer = %self.peer.ip(), "a token was refused: it is nobody's");
        }
        judged
    }
}

/// What one machine has of addresses: with IPv6 a whole network of them.
fn machine(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_their_machine_and_by_what_a_proxy_says_last() {
        let gate = Arc::new(Gate::default());
        let of = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            Client::new(&gate, SocketAddr::new(peer.parse().unwrap(), 1), &headers).shower
        };
        let direct = of("192.0.2.1", &[]);
        assert_eq!(direct, of("::ffff:192.0.2.1", &[]));
        assert_ne!(direct, of("192.0.2.2", &[]));
        assert_eq!(of("2001:db8::1", &[]), of("2001:db8::2:1", &[]), "one network");
        assert_ne!(of("2001:db8::1", &[]), of("2001:db8:0:1::1", &[]));
        let behind = of("192.0.2.1", &["10.0.0.1", "203.0.113.9, 10.0.0.2"]);
        assert_eq!(behind, of("192.0.2.1", &["made up, 10.0.0.2"]), "what the client itself says is nothing");
        assert_ne!(behind.client, of("192.0.2.1", &["10.0.0.3"]).client);
        assert_eq!((behind.through, behind.client == direct.client), (direct.through, false));
    }
}
