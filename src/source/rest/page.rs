//! One answer: its body streams through a bounded channel to a thread that parses it.

use std::io::{self, Read};

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use super::super::SourceError;
use super::super::words::BOM;
use super::failed::causes;
use super::taker::Taker;
use crate::core::json::{Found, StreamPath, WalkError, walk};

/// How many pieces of a body may wait for the parser: with the pieces of hyper and gzip, a few hundred KiB.
const PIECES_AHEAD: usize = 8;
/// The largest body, decompressed, in bytes.
const LARGEST_BODY_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Why a page cannot be used.
pub(super) enum PageError {
    /// It broke on the way; it may come whole when asked for again.
    Broken(String),
    /// It came, and cannot count.
    Incomplete(String),
    /// The taker stopped.
    Stopped(SourceError),
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Refuses an answer that does not say that it is JSON.
pub(super) fn check_content_type(response: &Response, further: Option<&str>) -> Result<(), String> {
    let said = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim().to_lowercase();
    let is_json = matches!(kind.as_str(), "application/json" | "text/json")
        || (kind.starts_with("application/") && kind.ends_with("+json"))
        || further == Some(kind.as_str());
    if is_json {
        return Ok(());
    }
    Err(match kind.as_str() {
        "" => "it does not say that it is JSON (no Content-Type); set source.rest.content_type = \"\" if it is meant \
               to"
        .to_owned(),
        "text/html" | "application/xhtml+xml" => {
            "it is an HTML page, as a login or a proxy shows, instead of JSON; check the credentials and the address"
                .to_owned()
        }
        _ => {
            // A server may say anything; only what looks like a type is quoted.
            let plain = |c: char| c.is_ascii_alphanumeric() || "/.+-".contains(c);
            let named: String = kind.chars().filter(|c| plain(*c)).take(60).collect();
            format!("it is {named} instead of JSON; set source.rest.content_type if it is JSON nevertheless")
        }
    })
}

/// Walks through a body. Gives the taker back, whatever came of it.
pub(super) async fn walk_body(
    mut response: Response,
    records: &StreamPath,
    others: Vec<StreamPath>,
    mut taker: Taker,
) -> (Option<Taker>, Result<Found, PageError>) {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let records = records.clone();
    let parsing = tokio::task::spawn_blocking(move || {
        let body = Body { pieces: receiver, piece: Vec::new(), at: 0, begun: false, ended: false };
        let others: Vec<&StreamPath> = others.iter().collect();
        let found = walk(body, &records, &others, |record| taker.take(&record));
        let found = match found {
            Ok(found) => taker.flush().map(|()| found).map_err(WalkError::Stopped),
            Err(error) => Err(error),
        };
        (taker, found)
    });
    let pumped = pump(&mut response, &sender).await;
    drop(sender);
    let Ok((taker, found)) = parsing.await else {
        return (None, Err(PageError::Stopped(SourceError::Stopped(None))));
    };
    let result = match (pumped, found) {
        (_, Err(WalkError::Stopped(error))) => Err(PageError::Stopped(error)),
        (Err(error), _) => Err(error),
        (Ok(()), Ok(found)) => Ok(found),
        (Ok(()), Err(error @ (WalkError::EndsEarly | WalkError::Broken(_)))) => {
            Err(PageError::Broken(error.to_string()))
        }
        (Ok(()), Err(error)) => Err(PageError::Incomplete(error.to_string())),
    };
    (Some(taker), result)
}

async fn pump(response: &mut Response, pieces: &mpsc::Sender<Piece>) -> Result<(), PageError> {
    let mut read: u64 = 0;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if read == 0 && without_mark(&chunk).trim_ascii_start().first() == Some(&b'<') {
                    let reason = "it is an HTML or XML page instead of JSON, as a login or a proxy shows";
                    return Err(PageError::Incomplete(reason.to_owned()));
                }
                read += chunk.len() as u64;
                if read > LARGEST_BODY_BYTES {
                    let reason = format!("an answer is larger than {LARGEST_BODY_BYTES} bytes");
                    return Err(PageError::Incomplete(reason));
                }
                // A parser that stopped says why.
                if pieces.send(Piece::Bytes(chunk.to_vec())).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => {
                let _ = pieces.send(Piece::End).await;
                return Ok(());
            }
            Err(error) => {
                let what = if error.is_timeout() { "came to a halt" } else { "broke off" };
                return Err(PageError::Broken(format!("the answer {what}: {}", causes(&error))));
            }
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// The body as the parser reads it: without a byte order mark.
struct Body {
    pieces: mpsc::Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    begun: bool,
    ended: bool,
}

impl Body {
    /// Reads the first bytes, which may be a byte order mark; they may come one by one.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        let mut first = Vec::new();
        self.take(BOM.len() as u64).read_to_end(&mut first)?;
        let mut piece = without_mark(&first).to_vec();
        piece.extend_from_slice(&self.piece[self.at..]);
        (self.piece, self.at) = (piece, 0);
        Ok(())
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        while self.at == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the body broke off")),
            }
        }
        let read = into.len().min(self.piece.len() - self.at);
        into[..read].copy_from_slice(&self.piece[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}
