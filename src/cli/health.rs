//! `healthcheck`: asks the running daemon's `/livez`.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Exit;
use crate::compose::environment;
use crate::config::listen_address;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks whether the daemon lives. It needs only the address out of the configuration: a file that was edited into
/// something unusable says nothing about a daemon that runs on with the one before.
pub fn healthcheck(config: &Path) -> anyhow::Result<Exit> {
    let address = reachable(listen_address(config, environment()));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("no daemon answers at {address}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // One line in, one line out: a client library would be the larger part of this command.
    write!(stream, "GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    if status.split(' ').nth(1) != Some("200") {
        bail!("the daemon at {address} does not live: {}", status.trim());
    }
    Ok(Exit::Done)
}

/// An address that means 'all of them' is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}
