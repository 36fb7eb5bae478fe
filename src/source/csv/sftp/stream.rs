//! A file that comes from a server: many requests are under way at a time, so that the distance to it costs little.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::super::place::{OpenFile, Stamp};
use super::deadline::Deadline;
use super::place::{io_error, stamp};

/// What one request asks for, in bytes. Every server gives that much.
const PIECE: u32 = 32 * 1024;
/// How many requests are under way: 2 MiB, and so 20 MB a second from 100 ms away. It bounds memory.
const AHEAD: usize = 64;

/// The file.
pub struct FileStream {
    session: Arc<RawSftpSession>,
    runtime: Handle,
    path: String,
    handle: String,
    /// What the server announced when it was opened: no more is asked for.
    announced: u64,
    /// From where the next request asks.
    next: u64,
    under_way: VecDeque<Piece>,
    arrived: Vec<u8>,
    at: usize,
    deadline: Deadline,
}

/// A request that is under way.
struct Piece {
    offset: u64,
    length: u32,
    answer: JoinHandle<io::Result<Vec<u8>>>,
}

impl FileStream {
    /// A file that the server has opened.
    ///
    /// # Errors
    /// Where the server does not tell its size.
    pub fn new(
        session: Arc<RawSftpSession>,
        runtime: Handle,
        path: String,
        handle: String,
        deadline: Deadline,
    ) -> io::Result<Self> {
        let mut stream = Self {
            session,
            runtime,
            path,
            handle,
            announced: 0,
            next: 0,
            under_way: VecDeque::new(),
            arrived: Vec::new(),
            at: 0,
            deadline,
        };
        stream.announced = stream.stamp()?.bytes;
        Ok(stream)
    }

    fn ask_ahead(&mut self) {
        while self.under_way.len() < AHEAD && self.next < self.announced {
            let length = u32::try_from(self.announced - self.next).map_or(PIECE, |left| left.min(PIECE));
            let fetching = fetch(Arc::clone(&self.session), self.handle.clone(), self.next, length);
            // Each ends by itself then, also one that nobody waits for any more.
            let answer = self.runtime.spawn(self.deadline.hold(fetching));
            self.under_way.push_back(Piece { offset: self.next, length, answer });
            self.next += u64::from(length);
        }
    }

    /// The next bytes; none: it has ended, as announced or before.
    fn next_piece(&mut self) -> io::Result<Vec<u8>> {
        self.ask_ahead();
        let Some(piece) = self.under_way.pop_front() else { return Ok(Vec::new()) };
        let answer = self.runtime.block_on(piece.answer).map_err(io::Error::other)?;
        let in_time = self.deadline.check().and(answer);
        let bytes = in_time.map_err(|error| {
            let reason = format!("after {} of {} bytes: {error}", piece.offset, self.announced);
            io::Error::new(error.kind(), reason)
        })?;
        if bytes.len() < piece.length as usize {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "it ended after {} bytes, and {} were announced",
                    piece.offset + bytes.len() as u64,
                    self.announced
                ),
            ));
        }
        Ok(bytes)
    }
}

/// What the server has from there on: fewer bytes than asked for only where the file ends.
async fn fetch(
    session: Arc<RawSftpSession>,
    handle: String,
    offset: u64,
    length: u32,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < length as usize {
        let left = length - u32::try_from(bytes.len()).unwrap_or(length);
        match session.read(&handle, offset + bytes.len() as u64, left).await {
            Ok(data) if data.data.is_empty() => break,
            Ok(data) if data.data.len() > left as usize => {
                return Err(io::Error::other("the server sends more than it was asked for"));
            }
            Ok(data) if bytes.is_empty() => bytes = data.data,
            Ok(data) => bytes.extend_from_slice(&data.data),
            Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break,
            Err(error) => return Err(io_error(error)),
        }
    }
    Ok(bytes)
}

impl Read for FileStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.arrived.len() {
            self.arrived = self.next_piece()?;
            self.at = 0;
        }
        let read = (&self.arrived[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl OpenFile for FileStream {
    fn stamp(&mut self) -> io::Result<Stamp> {
        let asking = async {
            let of_handle = self.session.fstat(&self.handle).await.map_err(io_error)?;
            Ok((of_handle, self.session.stat(&self.path).await.map_err(io_error)))
        };
        let (of_handle, of_name) = self.runtime.block_on(self.deadline.hold(asking))?;
        let of_handle = stamp(&of_handle.attrs)?;
        match of_name {
            Ok(attrs) if stamp(&attrs.attrs)? == of_handle => Ok(of_handle),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::new(
                ErrorKind::StaleNetworkFileHandle,
                "another file took its name, or it was taken away, while it was read",
            )),
        }
    }
}

impl Drop for FileStream {
    fn drop(&mut self) {
        for piece in &self.under_way {
            piece.answer.abort();
        }
        let (session, handle) = (Arc::clone(&self.session), std::mem::take(&mut self.handle));
        self.runtime.spawn(async move { session.close(handle).await });
    }
}
