//! What must hold of whatever bytes come from outside: one module a fuzz target, each with a function `check`.
//!
//! cargo-fuzz calls these functions with bytes that it makes up, and `tests/fuzz.rs` of the crate with the seeds and with
//! mutations of them, so that they cannot rot.

pub mod answers;
pub mod configuration;
pub mod csv;
pub mod decisions;
pub mod json;
pub mod mapping;
pub mod people;
mod tape;
pub mod walk;
