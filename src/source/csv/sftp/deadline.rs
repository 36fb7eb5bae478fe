//! Until when everything has to be here that one read asks of a server.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// One end for all that is waited for. A server may answer every request in time and never come to an end, so a bound for each answer
/// is none for the whole.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    /// What was allowed, for the error.
    allowed: Duration,
}

impl Deadline {
    /// So long from now on, and a pause in which nothing is asked.
    pub fn new(allowed: Duration, pause: Duration) -> Self {
        Self { at: Instant::now() + allowed + pause, allowed }
    }

    /// Waits for what the server answers.
    ///
    /// # Errors
    /// Those of the answer, or that the time is up.
    pub async fn hold<T>(self, asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        self.check()?;
        timeout_at(self.at, asking).await.unwrap_or_else(|_| Err(self.late()))
    }

    /// Whether there is time left, also where the answers are here already and nothing has to be waited for.
    ///
    /// # Errors
    /// Where there is none.
    pub fn check(self) -> io::Result<()> {
        if Instant::now() < self.at { Ok(()) } else { Err(self.late()) }
    }

    fn late(self) -> io::Error {
        let reason = format!(
            "it did not come within {} s, which is for all that one read asks of the server; ask its operator why it is slow, or set \
             source.sftp.transfer_seconds higher",
            self.allowed.as_secs()
        );
        io::Error::new(ErrorKind::TimedOut, reason)
    }
}
