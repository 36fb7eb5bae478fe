//! A reader that puts a row of its own behind the end of a file.
//!
//! A CSV parser takes a file that ends inside a quoted field for one that ends well. With a known last row it cannot:
//! if that row does not come out alone, the end of the file was swallowed by an open quote.

use std::io::Read;

use xxhash_rust::xxh3::Xxh3;

use super::file::is_line_end;
use super::quotes::Quotes;
use crate::core::record::Fingerprint;
use crate::source::words::BOM;

/// The field of the last row. No export writes it.
pub const SEAL: &[u8] = b"\x01workiva-sync: end of file\x01";

/// The longest row. The parser keeps it whole, so an open quote would have it keep the file.
pub const LONGEST_BYTES: u64 = 16 * 1024 * 1024;

/// The reader. It also drops a byte order mark and counts the file's bytes.
pub struct Sealed<R> {
    inner: R,
    hasher: Xxh3,
    quotes: Quotes,
    bytes: u64,
    last: u8,
    begun: bool,
    had_bom: bool,
    tail: Vec<u8>,
    tail_at: usize,
    ended: bool,
}

impl<R: Read> Sealed<R> {
    /// Wraps a file that is read from its beginning. `seed` goes into the digest.
    pub fn new(inner: R, seed: u64, delimiter: u8) -> Self {
        Self {
            inner,
            hasher: Xxh3::with_seed(seed),
            quotes: Quotes::new(delimiter),
            bytes: 0,
            last: 0,
            begun: false,
            had_bom: false,
            tail: Vec::new(),
            tail_at: 0,
            ended: false,
        }
    }

    /// The file below.
    pub fn inner(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The digest of the bytes that the file delivered.
    pub fn digest(&self) -> Fingerprint {
        Fingerprint(self.hasher.digest128())
    }

    /// How many bytes the file delivered.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// Whether the file ends with a line end, once it has been read.
    pub fn ends_line(&self) -> bool {
        is_line_end(self.last)
    }

    /// Whether it began with the mark of UTF-8.
    pub fn had_bom(&self) -> bool {
        self.had_bom
    }

    /// Whether a row went on for longer than any can; then reading has failed.
    pub fn is_endless(&self) -> bool {
        self.quotes.open_for() > LONGEST_BYTES
    }

    /// Whether a quote before this byte of what was delivered swallowed what was not its own.
    pub fn stray_quote_before(&mut self, byte: u64) -> bool {
        self.quotes.stray_before(byte)
    }

    fn seal(&mut self) {
        self.ended = true;
        self.tail = [b"\n", SEAL, b"\n"].concat();
        self.tail_at = 0;
    }

    /// Reads the first three bytes, which may be a byte order mark.
    fn begin(&mut self) -> std::io::Result<()> {
        self.begun = true;
        let mut first = Vec::with_capacity(BOM.len());
        self.inner.by_ref().take(BOM.len() as u64).read_to_end(&mut first)?;
        self.bytes += first.len() as u64;
        self.hasher.update(&first);
        self.last = first.last().copied().unwrap_or(self.last);
        self.had_bom = first == BOM;
        if !self.had_bom {
            self.tail = first;
        }
        Ok(())
    }
}

impl<R: Read> Read for Sealed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        loop {
            if self.tail_at < self.tail.len() {
                let read = (&self.tail[self.tail_at..]).read(buffer)?;
                self.tail_at += read;
                self.quotes.pass(&buffer[..read]);
                return Ok(read);
            }
            if self.ended {
                return Ok(0);
            }
            let read = self.inner.read(buffer)?;
            self.bytes += read as u64;
            self.hasher.update(&buffer[..read]);
            if read > 0 {
                self.last = buffer[read - 1];
                self.quotes.pass(&buffer[..read]);
                if self.is_endless() {
                    return Err(std::io::Error::other("a row without an end"));
                }
                return Ok(read);
            }
            self.seal();
        }
    }
}
