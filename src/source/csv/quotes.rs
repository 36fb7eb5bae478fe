//! Finds quotes that were never meant to open a value.
//!
//! A stray quote at the beginning of a value takes everything for this value up to the next quote, rows and all; a parser
//! that forgives reads on behind it, and the people of those rows are missing without a word. What gives it away is text
//! behind the closing quote. Within one line that is a sloppy export (`"Smith "Bob" Jr"`) and loses nobody.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    Inside {
        over_lines: bool,
    },
    /// Behind a quote within a quoted value: its end, or the first half of a doubled quote.
    Behind {
        over_lines: bool,
    },
}

/// Watches the bytes of a file as they pass.
#[derive(Debug)]
pub struct Quotes {
    delimiter: u8,
    place: Place,
    before: u8,
    passed: u64,
    strays: VecDeque<u64>,
    /// Where the row that is open begins.
    open_at: u64,
}

impl Quotes {
    /// Before the first byte.
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            place: Place::Outside,
            before: b'\n',
            passed: 0,
            strays: VecDeque::new(),
            open_at: 0,
        }
    }

    /// Takes in the next bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Outside => {
                    let Some(found) = memchr::memchr(b'"', &bytes[at..]) else {
                        self.pass_lines(bytes, at, bytes.len());
                        break;
                    };
                    let quote = at + found;
                    self.pass_lines(bytes, at, quote);
                    let before = if quote == 0 { self.before } else { bytes[quote - 1] };
                    if self.ends_value(before) {
                        self.place = Place::Inside { over_lines: false };
                    }
                    at = quote + 1;
                }
                Place::Inside { over_lines } => {
                    let Some(found) = memchr::memchr3(b'"', b'\n', b'\r', &bytes[at..]) else { break };
                    self.place = match bytes[at + found] {
                        b'"' => Place::Behind { over_lines },
                        _ => Place::Inside { over_lines: true },
                    };
                    at += found + 1;
                }
                Place::Behind { over_lines } => {
                    self.place = match bytes[at] {
                        b'"' => Place::Inside { over_lines },
                        byte => {
                            if over_lines && !self.ends_value(byte) {
                                self.strays.push_back(self.passed + at as u64);
                            }
                            self.pass_lines(bytes, at, at + 1);
                            Place::Outside
                        }
                    };
                    at += 1;
                }
            }
        }
        self.before = bytes.last().copied().unwrap_or(self.before);
        self.passed += bytes.len() as u64;
    }

    /// Takes in the ends of lines between two places outside of quotes.
    fn pass_lines(&mut self, bytes: &[u8], from: usize, to: usize) {
        if let Some(end) = memchr::memrchr2(b'\n', b'\r', &bytes[from..to]) {
            self.open_at = self.passed + (from + end) as u64;
        }
    }

    /// For how many bytes the row that is open has gone on.
    pub fn open_for(&self) -> u64 {
        self.passed - self.open_at
    }

    /// Whether there was one before this byte of the file, which is asked for in growing order.
    pub fn stray_before(&mut self, byte: u64) -> bool {
        let mut found = false;
        while self.strays.front().is_some_and(|stray| *stray < byte) {
            self.strays.pop_front();
            found = true;
        }
        found
    }

    fn ends_value(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strays(text: &str) -> usize {
        let whole = {
            let mut quotes = Quotes::new(b',');
            quotes.pass(text.as_bytes());
            quotes.strays.len()
        };
        let mut quotes = Quotes::new(b',');
        text.as_bytes().iter().for_each(|byte| quotes.pass(&[*byte]));
        assert_eq!(quotes.strays.len(), whole, "the same however the bytes are cut: {text}");
        whole
    }

    #[test]
    fn only_a_value_over_several_lines_that_does_not_end_with_its_quote_is_a_stray() {
        assert_eq!(strays("1,\"Analyst\n2,Ana,x\n3,Bo,\"Analyst\n"), 1);
        for fine in [
            "1,\"two\nlines\",x\n",
            "1,\"two \"\"or\"\"\r\nthree\"\r\n2,x\n",
            "1,\"Smith \"Bob\" Jr\",x\n",
            "1,5\" pipe,x\n2,6\" pipe,x\n",
            "1,\"\",x\n",
        ] {
            assert_eq!(strays(fine), 0, "{fine}");
        }
    }
}
