//! Files that the configuration names.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file for reading. A link to one counts, as orchestrators mount secrets.
///
/// # Errors
/// Where it cannot be opened, or is something else: to open a pipe waits for whoever writes into it, and a device may never end.
pub fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file, but a folder, a pipe or a device"));
    }
    File::open(path)
}
