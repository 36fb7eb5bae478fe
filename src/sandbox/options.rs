//! What can be asked of the sandbox when it starts.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use secrecy::SecretString;

use super::faults::Faults;

/// How a sandbox is started. The default listens on any free port of 127.0.0.1, takes `scim-user` with the
/// password `sandbox-password`, has no rate limit and no faults.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where to listen; it must be a loopback address. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// The Basic user name; without a colon (RFC 7617 section 2).
    pub username: String,
    /// The Basic password.
    pub password: SecretString,
    /// A Bearer token that is accepted as well, if given.
    pub bearer: Option<SecretString>,
    /// Requests above this rate are answered 429 with `Retry-After`; a burst of one second's worth is free.
    pub requests_per_second: Option<u32>,
    /// Faults on request.
    pub faults: Faults,
    /// How long a request is held before it fails that gives somebody what needs a workspace which they are not in.
    pub hold: Duration,
    /// Which of the ways of real servers this one has.
    pub behaviour: Behaviour,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            username: "scim-user".to_owned(),
            password: SecretString::from("sandbox-password"),
            bearer: None,
            requests_per_second: None,
            faults: Faults::default(),
            hold: Duration::from_secs(30),
            behaviour: Behaviour::default(),
        }
    }
}

/// Written by hand so that no secret is printed.
impl fmt::Debug for SandboxOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxOptions")
            .field("listen", &self.listen)
            .field("username", &"[redacted]")
            .field("password", &"[redacted]")
            .field("bearer", &self.bearer.as_ref().map(|_| "[redacted]"))
            .field("requests_per_second", &self.requests_per_second)
            .field("faults", &self.faults)
            .field("hold", &self.hold)
            .field("behaviour", &self.behaviour)
            .finish()
    }
}

impl SandboxOptions {
    /// Says what is wrong with these options, before anything is bound.
    pub(super) fn check(&self) -> Result<(), SandboxError> {
        if !self.listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback { address: self.listen });
        }
        if self.username.is_empty() || self.username.contains(':') {
            return Err(SandboxError::Username);
        }
        if self.requests_per_second == Some(0) {
            return Err(SandboxError::ZeroRate);
        }
        if !(0.0..=1.0).contains(&self.faults.rate) {
            return Err(SandboxError::FaultRate { rate: self.faults.rate });
        }
        if self.behaviour.page_cap == 0 {
            return Err(SandboxError::ZeroPageCap);
        }
        Ok(())
    }
}

/// The ways of a server that are not known of Workiva, each seen on some real SCIM server. The default is
/// the server that RFC 7644 describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// PATCH is routed; otherwise it answers 501.
    pub patch: bool,
    /// PUT is routed; otherwise it answers 501.
    pub put: bool,
    /// DELETE is routed; otherwise it answers 501.
    pub delete: bool,
    /// Filters are understood; otherwise any filter answers 400 `invalidFilter`.
    pub filter: bool,
    /// `GET /ServiceProviderConfig` answers; otherwise it is a 404.
    pub discovery: bool,
    /// What `ServiceProviderConfig` says is complete; otherwise it answers with its schema and nothing else.
    pub discovery_is_complete: bool,
    /// A method that is not routed answers 404, as where a user is gone; otherwise 501.
    pub unrouted_answers_not_found: bool,
    /// The most users on one page, whatever `count` says; at least 1.
    pub page_cap: u32,
    /// `startIndex` is honoured; otherwise every page is the first one.
    pub paging: bool,
    /// Answers hold `active`; otherwise it is kept but never shown.
    pub echoes_active: bool,
    /// Answers hold `active` as the string `"true"` or `"false"`.
    pub active_as_text: bool,
    /// `externalId` is stored; otherwise it is dropped without a word.
    pub keeps_external_id: bool,
    /// `externalId eq` finds users; otherwise it always comes back empty.
    pub externalid_filter: bool,
    /// `userName eq` minds letter case, against RFC 7643.
    pub username_filter_minds_case: bool,
    /// Errors carry `status` as a number, against RFC 7644 section 3.12.
    pub conflict_status_integer: bool,
    /// A 409 says `scimType: uniqueness`.
    pub conflict_scim_type: bool,
    /// PATCH answers 204 without a body.
    pub patch_answers_no_content: bool,
    /// A change of `active` on a user of another organization answers 403; otherwise it is ignored and the
    /// answer is a 200 that shows the user as before.
    pub owned_elsewhere_refuses: bool,
    /// Ids look like `u1@acme/é 1`, which need percent-encoding in a path.
    pub awkward_ids: bool,
    /// There are Groups; otherwise their endpoints answer 404.
    pub groups: bool,
    /// Groups show their members; otherwise never.
    pub shows_members: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            patch: true,
            put: true,
            delete: true,
            filter: true,
            discovery: true,
            discovery_is_complete: true,
            unrouted_answers_not_found: false,
            page_cap: 100,
            paging: true,
            echoes_active: true,
            active_as_text: false,
            keeps_external_id: true,
            externalid_filter: true,
            username_filter_minds_case: false,
            conflict_status_integer: false,
            conflict_scim_type: true,
            patch_answers_no_content: false,
            owned_elsewhere_refuses: false,
            awkward_ids: false,
            groups: true,
            shows_members: true,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address can be reached from elsewhere.
    #[error(
        "the sandbox does not listen on {address}: it is a test server, so give it a loopback address such as \
         127.0.0.1:8181"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address could not be bound.
    #[error("the sandbox could not listen on {address}; free the port, or choose another one (0 takes any)")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The user name cannot be sent in a Basic header.
    #[error("the sandbox's user name must not be empty or hold a colon")]
    Username,
    /// A limit of no requests at all.
    #[error("requests per second must be at least 1; leave it out for no limit")]
    ZeroRate,
    /// The share of requests with a fault is no share.
    #[error("the fault rate {rate} is not between 0 and 1")]
    FaultRate {
        /// The rate that was asked for.
        rate: f64,
    },
    /// Pages that could hold nobody.
    #[error("the page cap must be at least 1")]
    ZeroPageCap,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_the_options_shows_no_secret() {
        let options = SandboxOptions {
            username: "somebody".into(),
            password: SecretString::from("hunter2"),
            bearer: Some(SecretString::from("tok-en")),
            ..SandboxOptions::default()
        };
        let text = format!("{options:?}");
        for secret in ["somebody", "hunter2", "tok-en"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_with_the_mend() {
        let options = SandboxOptions { listen: "0.0.0.0:0".parse().unwrap(), ..SandboxOptions::default() };
        let error = options.check().unwrap_err();
        assert!(matches!(error, SandboxError::NotLoopback { .. }));
        assert!(error.to_string().contains("127.0.0.1"));
    }

    #[test]
    fn a_fault_rate_that_is_no_share_is_refused() {
        for rate in [-0.1, 1.1, f64::NAN] {
            let faults = Faults { rate, ..Faults::default() };
            let options = SandboxOptions { faults, ..SandboxOptions::default() };
            assert!(matches!(options.check(), Err(SandboxError::FaultRate { .. })));
        }
    }
}
