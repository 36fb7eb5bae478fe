//! Tests of somebody's rules: examples of people, and what should come of each. They are judged as a run judges.

mod judge;
mod table;

pub use judge::{End, Miss, Verdict, judge};
pub use table::{Example, Ground, read};

#[cfg(test)]
mod tests;
