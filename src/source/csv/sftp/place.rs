//! A server's files, as a place.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use russh::client::Handle as Connection;
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::runtime::Handle;

use super::super::SourceError;
use super::super::place::{Listed, OpenFile, Place, Stamp, is_meant};
use super::deadline::Deadline;
use super::host_key::HostKeyCheck;
use super::stream::FileStream;
use super::{ServerAddress, SftpServer};

/// How many names a folder may have.
const MOST_NAMES: usize = 200_000;
/// How much of a server's own words is shown, in characters.
const SHOWN: usize = 200;

/// A server that let us in. Its methods block, so they are for threads that may.
pub struct SftpPlace {
    address: ServerAddress,
    session: Arc<RawSftpSession>,
    deadline: Deadline,
    runtime: Handle,
    /// The connection lives as long as this.
    _connection: Connection<HostKeyCheck>,
}

impl SftpPlace {
    /// The files behind a session, until a deadline. Call it from within the runtime that serves the connection.
    pub fn new(
        server: &SftpServer,
        connection: Connection<HostKeyCheck>,
        session: RawSftpSession,
        deadline: Deadline,
    ) -> Self {
        Self {
            address: server.address.clone(),
            session: Arc::new(session),
            deadline,
            runtime: Handle::current(),
            _connection: connection,
        }
    }

    /// Waits on this thread for an answer of the server's.
    fn wait<T>(&self, asking: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        self.runtime.block_on(self.deadline.hold(async { asking.await.map_err(io_error) }))
    }

    async fn names(&self, folder: &str) -> io::Result<Vec<(String, FileAttributes)>> {
        let handle = self.session.opendir(folder).await.map_err(io_error)?.handle;
        let mut names = Vec::new();
        let listed = loop {
            match self.session.readdir(&handle).await {
                // The end is told by a status of its own, so this may go on for ever.
                Ok(more) if more.files.is_empty() => {
                    let reason = "the server's list of this folder goes on without a name and without an end; let its operator mend that";
                    break Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
                }
                Ok(more) if names.len() + more.files.len() > MOST_NAMES => {
                    let reason = format!("the folder has more than {MOST_NAMES} files; archive some");
                    break Err(io::Error::other(reason));
                }
                Ok(more) => names.extend(more.files.into_iter().map(|file| (file.filename, file.attrs))),
                Err(Error::Status(status)) if status.status_code == StatusCode::Eof => break Ok(names),
                Err(error) => break Err(io_error(error)),
            }
        };
        let _ = self.session.close(handle).await;
        listed
    }
}

impl Place for SftpPlace {
    fn name(&self, path: &Path) -> String {
        let path = path.display().to_string();
        let slash = if path.starts_with('/') { "" } else { "/~/" };
        format!("{}{slash}{path}", self.address)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Stamp>> {
        match self.wait(self.session.stat(text(path)?)) {
            Ok(attrs) if attrs.attrs.is_regular() => stamp(&attrs.attrs).map(Some),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // A link to what is not there: what it means may be the newest.
                match self.wait(self.session.lstat(text(path)?)) {
                    Ok(_) => Err(error),
                    Err(late) if late.kind() == ErrorKind::TimedOut => Err(late),
                    Err(_) => Ok(None),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn list(&self, pattern: &str) -> Result<Vec<Listed>, SourceError> {
        let (folder, name) = match pattern.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((folder, name)) => (folder, name),
            None => (".", pattern),
        };
        let Ok(wanted) = glob::Pattern::new(name) else { return Ok(Vec::new()) };
        let names = match self.runtime.block_on(self.deadline.hold(self.names(folder))) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.unreadable(Path::new(folder), error)),
        };
        let below =
            |name: String| if folder == "." { PathBuf::from(name) } else { Path::new(folder).join(name) };
        let matches =
            |file: &str| !file.contains('/') && wanted.matches(file) && is_meant(name, Path::new(file));
        let matching = names.into_iter().filter(|(file, _)| matches(file));
        Ok(matching
            .map(|(name, attrs)| Listed {
                path: below(name),
                stamp: attrs.is_regular().then(|| stamp(&attrs).ok()).flatten(),
            })
            .collect())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let path = text(path)?;
        let opening = self.session.open(path, OpenFlags::READ, FileAttributes::empty());
        let handle = self.wait(opening)?.handle;
        let stream = FileStream::new(
            Arc::clone(&self.session),
            self.runtime.clone(),
            path.to_owned(),
            handle,
            self.deadline,
        );
        Ok(Box::new(stream?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.wait(self.session.rename(text(from)?, text(to)?)).map(drop)
    }
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("its name is no UTF-8"))
}

/// Size and time of change, without which a file proves nothing. Version 3 of the protocol knows seconds only.
pub fn stamp(attrs: &FileAttributes) -> io::Result<Stamp> {
    match (attrs.size, attrs.mtime) {
        (Some(bytes), Some(seconds)) => {
            Ok(Stamp { bytes, changed: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()) })
        }
        _ => Err(io::Error::other("the server tells neither its size nor when it was changed")),
    }
}

/// What the server or the connection says, as an error of a file.
pub fn io_error(error: Error) -> io::Error {
    let lost = |word: String| {
        io::Error::new(
            ErrorKind::ConnectionAborted,
            format!("the connection to the server was lost ({word})"),
        )
    };
    match error {
        Error::Status(status) => {
            let said: String = status.error_message.chars().take(SHOWN).collect();
            match status.status_code {
                StatusCode::NoSuchFile => io::Error::new(ErrorKind::NotFound, "no such file"),
                StatusCode::PermissionDenied => {
                    io::Error::new(ErrorKind::PermissionDenied, "the server denies the permission")
                }
                StatusCode::NoConnection | StatusCode::ConnectionLost => lost(said),
                code => io::Error::other(format!("the server says: {code}: {said}")),
            }
        }
        Error::Timeout => io::Error::new(
            ErrorKind::TimedOut,
            "the server did not answer in time (source.sftp.timeout_seconds)",
        ),
        other => lost(other.to_string()),
    }
}
