//! SCIM 2.0 as Workiva and its like speak it: requests, users and answers as values, without a connection.
//!
//! [`request`] says what is asked, [`answer`] what came back and what it means, [`user`] how a person is
//! written and read, [`list`] how all users are walked, [`group`] the same of groups, [`conflict`] what a duplicate is about, [`discovery`] what a server says that it can do, and
//! [`port`] is the one call that an edge has to offer. Who calls in which order, and again when, is decided
//! elsewhere. [`address`] is the rule for the base address.

pub mod address;
pub mod answer;
pub mod attribute;
mod body;
mod classify;
pub mod conflict;
pub mod discovery;
mod explanation;
pub mod group;
mod json;
pub mod list;
mod location;
pub mod port;
pub mod request;
pub mod user;

pub use answer::{Answer, Exchange, Failure, FailureKind, RetryAfter};
pub use attribute::AttributePath;
pub use discovery::Capabilities;
pub use group::RemoteGroup;
pub use port::ScimPort;
pub use request::ScimRequest;
pub use user::{Attributes, RemoteUser};

/// The schema of a core user (RFC 7643, section 8.7.1).
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of the enterprise extension (RFC 7643, section 4.3).
pub const ENTERPRISE_SCHEMA: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The schema of a PATCH request (RFC 7644, section 3.5.2).
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The schema of a list of resources (RFC 7644, section 3.4.2).
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The schema of an error (RFC 7644, section 3.12).
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
