//! Where files lie: the one seam between a CSV file and the disk or server that it is on.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::SourceError;

/// Size and time of change: two that differ mean that the file was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The file's size.
    pub bytes: u64,
    /// When it was last changed.
    pub changed: SystemTime,
}

/// A name that matches a pattern.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// What the listing told of it already; `None`: it has to be looked at.
    pub stamp: Option<Stamp>,
}

/// A disk, or a server. Its methods block.
pub trait Place: Send + Sync + 'static {
    /// What a path is called towards people.
    fn name(&self, path: &Path) -> String;

    /// A file's stamp; `None`: nothing is there, or no file.
    ///
    /// # Errors
    /// Where that cannot be told: what is there may be the newest.
    fn look(&self, path: &Path) -> io::Result<Option<Stamp>>;

    /// Everything that a pattern means.
    ///
    /// # Errors
    /// Where a folder cannot be listed.
    fn list(&self, pattern: &str) -> Result<Vec<Listed>, SourceError>;

    /// Opens a file to be read from its beginning.
    ///
    /// # Errors
    /// Where that cannot be.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Gives a file another name, which nothing has.
    ///
    /// # Errors
    /// Where that cannot be.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// The error of a file that cannot be read.
    fn unreadable(&self, path: &Path, source: io::Error) -> SourceError {
        let file = self.name(path);
        if is_lost(&source) {
            return SourceError::Incomplete { file, reason: source.to_string() };
        }
        SourceError::Unreadable { file, source }
    }
}

/// A file that is read.
pub trait OpenFile: Read {
    /// Its stamp as it is now.
    ///
    /// # Errors
    /// Where that cannot be told, or another file has taken its name.
    fn stamp(&mut self) -> io::Result<Stamp>;
}

/// Whether a path that matches a pattern is meant by it. As in a shell, a name that begins with a dot is meant only where the pattern has one
/// that does too: transfers and editors call so what is not done yet.
pub fn is_meant(pattern: &str, path: &Path) -> bool {
    let is_dotted = |name: &str| name.starts_with('.');
    let dotted: Vec<glob::Pattern> = pattern
        .split('/')
        .filter(|name| is_dotted(name))
        .filter_map(|name| glob::Pattern::new(name).ok())
        .collect();
    let mut names = path.iter().map(|name| name.to_string_lossy());
    names.all(|name| !is_dotted(&name) || dotted.iter().any(|wanted| wanted.matches(&name)))
}

/// Whether an error means that a file went away in the middle, rather than that it could never be read.
fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::TimedOut
            | ErrorKind::UnexpectedEof
            | ErrorKind::StaleNetworkFileHandle
    )
}
