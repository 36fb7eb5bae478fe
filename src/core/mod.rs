//! The pure core: from a person's record to a guarded plan.
//!
//! Nothing in here does I/O, waits, reads a clock or draws randomness; the current time and the random
//! source are parameters. The core imports no other room of the crate.

mod absence;
pub mod access;
pub mod action;
pub mod adopt;
pub mod alerts;
pub mod audit;
pub mod blame;
pub mod breaker;
pub mod coverage;
pub mod cut;
pub mod delivery;
pub mod desired;
pub mod diff;
pub mod drift;
pub mod examples;
pub mod grants;
pub mod guard;
pub mod happened;
pub mod header;
pub mod health;
pub mod identity;
pub mod intake;
pub mod json;
pub mod judged;
mod lead_back;
pub mod lifecycle;
pub mod managers;
pub mod mapping;
pub mod mask;
mod membership;
pub mod name_choice;
pub mod new_id;
pub mod person;
pub mod plan;
pub mod planner;
pub mod planted;
pub mod reach;
pub mod record;
pub mod refusal;
pub mod register;
pub mod report;
pub mod retry;
pub mod roster;
pub mod rounds;
pub mod schedule;
pub mod scim;
pub mod source_file;
pub mod state;
pub mod status_words;
pub mod tally;
pub mod user_names;
pub mod value;
pub mod verdict;
pub mod warnings;
