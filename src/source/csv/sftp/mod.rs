//! Files on a server that is reached by SFTP.

mod deadline;
mod host_key;
mod login;
mod place;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use russh::ChannelMsg;
use russh::client::{self, Handle};
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error as SftpError;
use tokio::net::TcpStream;

use self::deadline::Deadline;
use self::host_key::HostKeyCheck;
use super::SourceError;

pub use self::host_key::HostKeyPin;
pub use self::login::SftpLogin;
pub use self::place::SftpPlace;

/// When nothing comes from the server for this long, it is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sftp://{}:{}", self.host, self.port)
    }
}

/// A server, and how it is reached.
#[derive(Clone, Debug)]
pub struct SftpServer {
    /// Where it is.
    pub address: ServerAddress,
    /// Who we are there.
    pub login: SftpLogin,
    /// How it proves who it is.
    pub host_key: HostKeyPin,
    /// The longest that connecting, and then each answer, may take.
    pub timeout: Duration,
    /// The longest that all may take that one read asks of it once it has let us in: lists and files.
    pub transfer_timeout: Duration,
}

impl SftpServer {
    /// Connects, checks the host key, and logs in; in this order, so that no password goes to a stranger. `pause`: for how long nothing
    /// will be asked in between, which counts for no delay of the server's.
    ///
    /// # Errors
    /// Where one of them does not work, and what to do.
    pub async fn connect(&self, pause: Duration) -> Result<SftpPlace, SourceError> {
        let fail = |reason: String| SourceError::System { system: self.address.to_string(), reason };
        let connecting = tokio::time::timeout(self.timeout, self.open());
        let seconds = self.timeout.as_secs();
        let late = |_| {
            fail(format!(
                "it did not let us in within {seconds} s; check source.sftp.host and port, a firewall, or set \
                 source.sftp.timeout_seconds higher"
            ))
        };
        let (connection, session) = connecting.await.map_err(late)?.map_err(fail)?;
        Ok(SftpPlace::new(self, connection, session, Deadline::new(self.transfer_timeout, pause)))
    }

    async fn open(&self) -> Result<(Handle<HostKeyCheck>, RawSftpSession), String> {
        let check = HostKeyCheck::new(&self.address, &self.host_key)?;
        let refusal = check.refusal();
        let config = client::Config {
            nodelay: true,
            keepalive_interval: Some(KEEPALIVE),
            preferred: check.preferred(),
            ..client::Config::default()
        };
        let ServerAddress { host, port } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| {
            format!("it cannot be reached ({error}); check source.sftp.host and source.sftp.port")
        })?;
        let connected = client::connect_stream(Arc::new(config), stream, check).await;
        let mut connection = connected.map_err(|error| match refusal.get() {
            Some(refusal) => refusal.clone(),
            None => format!("it does not speak SSH as we do ({error})"),
        })?;
        self.login.log_in(&mut connection).await?;
        let failed =
            |what: &str| format!("it let us in, but {what}; ask for SFTP to be allowed for this account");
        let channel = connection.channel_open_session().await;
        let mut channel = channel.map_err(|error| failed(&format!("opens no channel ({error})")))?;
        let asked = channel.request_subsystem(true, "sftp").await;
        asked.map_err(|error| failed(&format!("does not take the wish for SFTP ({error})")))?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                _ => return Err(failed("offers no SFTP")),
            }
        }
        let config = russh_sftp::client::Config {
            request_timeout_secs: self.timeout.as_secs(),
            ..russh_sftp::client::Config::default()
        };
        let session = RawSftpSession::new_with_config(channel.into_stream(), config);
        session.init().await.map_err(|error: SftpError| failed(&format!("offers no SFTP ({error})")))?;
        Ok((connection, session))
    }
}
