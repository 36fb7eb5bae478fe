//! Half characters in JSON: an escape that is one half of a surrogate pair stands for no character. Systems that cut texts by UTF-16
//! units send such, and one text is no reason to believe nothing of a whole document.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::memchr;

/// What stands in the place of half a character, as browsers have it.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";
/// The length of a pair.
const PAIR: usize = 12;
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a document and puts U+FFFD in the place of each half character.
pub(super) struct Mended<R> {
    inner: R,
    buffer: Box<[u8]>,
    /// What is given out next.
    from: usize,
    /// What is mended.
    to: usize,
    /// What has been read.
    end: usize,
    has_ended: bool,
}

impl<R: Read> Mended<R> {
    pub(super) fn new(inner: R) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { inner, buffer, from: 0, to: 0, end: 0, has_ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.to..self.end, 0);
        (self.from, self.end, self.to) = (0, self.end - self.to, 0);
        while self.to == 0 && !self.has_ended {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.has_ended = read == 0;
                    self.end += read;
                    self.to = mend(&mut self.buffer[..self.end], self.has_ended);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Mended<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.from == self.to {
            self.fill()?;
        }
        let read = into.len().min(self.to - self.from);
        into[..read].copy_from_slice(&self.buffer[self.from..self.from + read]);
        self.from += read;
        Ok(read)
    }
}

/// A whole document without half characters.
pub(super) fn mended(document: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', document).is_none() {
        return Cow::Borrowed(document);
    }
    let mut document = document.to_vec();
    mend(&mut document, true);
    Cow::Owned(document)
}

/// Mends what can be judged: unless the document ends here, an escape at the end waits for what comes behind it. The answer is how many
/// bytes are done.
fn mend(bytes: &mut [u8], is_end: bool) -> usize {
    let mut at = 0;
    while let Some(found) = memchr(b'\\', &bytes[at..]) {
        let escape = at + found;
        if bytes.len() - escape < PAIR && !is_end {
            return escape;
        }
        at = match half(&bytes[escape..]) {
            None => (escape + 2).min(bytes.len()),
            Some(Half::First) if half(&bytes[escape + 6..]) == Some(Half::Second) => escape + PAIR,
            Some(_) => {
                bytes[escape..escape + 6].copy_from_slice(REPLACEMENT);
                escape + 6
            }
        };
    }
    bytes.len()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// Which half of a pair begins here, if one does.
fn half(bytes: &[u8]) -> Option<Half> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    match digits.to_ascii_lowercase().as_slice() {
        [b'd', b'8' | b'9' | b'a' | b'b', rest @ ..] if rest.iter().all(u8::is_ascii_hexdigit) => {
            Some(Half::First)
        }
        [b'd', b'c'..=b'f', rest @ ..] if rest.iter().all(u8::is_ascii_hexdigit) => Some(Half::Second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out a byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (now, later) = self.0.split_at(self.0.len().min(1));
            into[..now.len()].copy_from_slice(now);
            self.0 = later;
            Ok(now.len())
        }
    }

    #[test]
    fn half_a_character_becomes_the_replacement_and_nothing_else_is_touched() {
        for (text, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
            (r#""\uDE00\uD83D""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00 \udfff!""#, r#""\ufffd\ud83d\ude00 \ufffd!""#),
            (r#""\\ud83d \" \u00e9 \ud7ff \ue000""#, r#""\\ud83d \" \u00e9 \ud7ff \ue000""#),
            (r#"["plain"]"#, r#"["plain"]"#),
            (r#""\ud83"#, r#""\ud83"#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(mended(text.as_bytes()), expected.as_bytes(), "{text}");
            let mut read = Vec::new();
            Mended::new(text.as_bytes()).read_to_end(&mut read).unwrap();
            assert_eq!(read, expected.as_bytes(), "{text}");
            let mut read = Vec::new();
            Mended::new(Drops(text.as_bytes())).read_to_end(&mut read).unwrap();
            assert_eq!(read, expected.as_bytes(), "{text}, a byte at a time");
        }
    }

    #[test]
    fn a_pair_across_two_buffers_stays_one() {
        for shift in 0..PAIR {
            let text = format!("\"{}\\ud83d\\ude00\\ud83d\"", "x".repeat(BUFFER_BYTES - shift));
            let mut read = String::new();
            Mended::new(text.as_bytes()).read_to_string(&mut read).unwrap();
            assert!(read.ends_with("x\\ud83d\\ude00\\ufffd\""), "{shift}");
            assert_eq!(read.len(), text.len());
        }
    }
}
