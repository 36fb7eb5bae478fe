//! The table that the sections print.

use std::fmt::Display;

/// Prints the head.
pub fn head() {
    println!("| Measured | Figure | Floor in the same run | Ratio | Wanted |");
    println!("|---|---|---|---|---|");
}

/// A row without a floor.
pub fn figure(what: &str, figure: impl Display, wanted: &str) {
    println!("| {what} | {figure} | | | {wanted} |");
}

/// A row with one.
pub fn ratio(what: &str, figure: impl Display, floor: impl Display, ratio: f64, wanted: &str) {
    println!("| {what} | {figure} | {floor} | {ratio:.2} | {wanted} |");
}

/// A number with separators between thousands.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
