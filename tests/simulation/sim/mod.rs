//! A deterministic simulation of the whole engine. A list of operations, drawn from a seed, happens in a world of real parts:
//! the CSV source, planner, guard, SQLite store, schedule, pool and workers as they run in production, and the stand-in's own
//! SCIM rules. Every task waits in the hub; the driver lets one thing happen at a time. So a list replays to the letter.
#![allow(dead_code, unused_imports, reason = "each test crate uses its own part of it")]

mod campaign;
mod database;
mod evidence;
mod hr;
mod hub;
mod judge;
mod observed;
mod operation;
mod process;
mod workiva;
mod world;

pub use campaign::{Verdict, campaign, replay, run, run_seed, until_found};
pub use hr::{Change, FileKind, Flaw};
pub use operation::{Edit, Op, Setup, list};
pub use process::Task;
pub use workiva::Weather;
