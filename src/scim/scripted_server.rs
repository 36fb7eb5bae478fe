//! A loopback server for tests that does, request by request, what its script says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do with one request.
pub(super) enum Act {
    /// Write this, then close the connection.
    Say(Vec<u8>),
    /// Write this, then wait for the next request on the same connection.
    Keep(Vec<u8>),
    /// Close without a word.
    Close,
    /// Reset the connection without a word.
    Reset,
    /// Write this, then hold the connection open for ever.
    Hang(Vec<u8>),
    /// Write this as soon as anything arrives, whatever it is.
    Greet(Vec<u8>),
}

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
}

pub(super) struct Server {
    /// The base URL, with a path and without a slash at its end.
    pub base: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/scim/v2", listener.local_addr().unwrap());
        let seen = Arc::default();
        let task = tokio::spawn(run(listener, script, Arc::clone(&seen)));
        Self { base, seen, task }
    }

    /// The requests that came, as they were on the wire.
    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// How many connections were made.
    pub(super) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Stops listening; gives the base URL where nobody listens any more.
    pub(super) async fn stop(self) -> String {
        self.task.abort();
        let _ = self.task.await;
        self.base
    }
}

async fn run(listener: TcpListener, script: Vec<Act>, seen: Arc<Mutex<Seen>>) {
    let mut held = Vec::new();
    let mut open: Option<TcpStream> = None;
    for act in script {
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => {
                let (stream, _) = listener.accept().await.unwrap();
                seen.lock().unwrap().connections += 1;
                stream
            }
        };
        if let Act::Greet(greeting) = &act {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(greeting).await;
            held.push(stream);
            continue;
        }
        let request = read_request(&mut stream).await;
        seen.lock().unwrap().requests.push(request);
        match act {
            Act::Say(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Act::Keep(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                open = Some(stream);
            }
            Act::Hang(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                held.push(stream);
            }
            Act::Reset => stream.set_zero_linger().unwrap(),
            Act::Close | Act::Greet(_) => {}
        }
    }
    // What was promised to hang hangs, and later connections wait, until the runtime ends.
    std::future::pending::<()>().await;
    drop((listener, held));
}

/// One request: its head, and as much body as its `content-length` says.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return text.into_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

/// A whole answer; `headers` is empty or ends with a line break.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A small gzip stream (RFC 1951, RFC 1952) that becomes at least `size` zero bytes: one literal zero, then
/// 'repeat the byte before, 258 times' again and again. Its checksum is wrong; nobody gets to see it.
pub(super) fn gzip_of_zeros(size: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, code: u32, length: u32| {
        bits.extend((0..length).rev().map(|at| code >> at & 1 == 1));
    };
    code(&mut bits, 0b0011_0000, 8);
    for _ in 0..size.div_ceil(258) {
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for byte in bits.chunks(8) {
        stream.push(byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << at));
    }
    stream.extend([0; 8]);
    stream
}
