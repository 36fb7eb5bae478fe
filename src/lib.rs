//! Keeps Workiva's users in step with an HR system.
//!
//! The way of the data, and what each room may know of the others, is in `ARCHITECTURE.md`.

pub mod cli;
pub mod compose;
pub mod config;
pub mod console;
pub mod core;
pub mod daemon;
pub mod demo;
pub mod engine;
pub mod http;
pub mod notify;
pub mod otlp;
pub mod sandbox;
pub mod scim;
pub mod source;
pub mod store;
pub mod tls;
