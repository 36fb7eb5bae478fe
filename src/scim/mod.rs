//! The HTTP edge that carries SCIM requests.
//!
//! It sends one request and gives back what came of it; what an answer means is decided in
//! [`core::scim`](crate::core::scim), and what is done about it elsewhere.

pub mod client;
mod secrets;
mod settings;
mod tls;

pub use client::ScimClient;
pub use settings::{ClientError, ConnectionSettings, Credentials};
