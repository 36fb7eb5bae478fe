//! A server that does to each request what a closure says, plain or over TLS, and remembers what it saw.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection on which a request has come.
pub struct Line(Box<dyn ReadWrite>);

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

impl Line {
    /// Says this; the client may be gone by now.
    pub fn say(&mut self, text: &str) {
        self.try_say(text.as_bytes());
    }

    /// Says this; false: the client is gone.
    pub fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }
}

/// The server; it serves as long as the process lives.
pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Over plain HTTP.
    pub fn plain(act: impl Fn(&mut Line) + Clone + Send + 'static) -> Self {
        Self::start(|stream| Box::new(stream), act)
    }

    /// Over TLS.
    pub fn tls(config: Arc<ServerConfig>, act: impl Fn(&mut Line) + Clone + Send + 'static) -> Self {
        let wrap = move |stream| -> Box<dyn ReadWrite> {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        };
        Self::start(wrap, act)
    }

    fn start(
        wrap: impl Fn(TcpStream) -> Box<dyn ReadWrite> + Clone + Send + 'static,
        act: impl Fn(&mut Line) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let server = Self { port, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, wrap, act) = (stream.unwrap(), wrap.clone(), act.clone());
                let requests = Arc::clone(&requests);
                connections.fetch_add(1, Ordering::Relaxed);
                // Nobody who has gone without a word holds a thread for ever.
                stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
                std::thread::spawn(move || {
                    let mut line = Line(wrap(stream));
                    if let Some(request) = head(&mut line.0) {
                        requests.lock().unwrap().push(request);
                        act(&mut line);
                    }
                });
            }
        });
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/scim", self.port)
    }

    /// What was asked so far: the heads of the requests.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// The head of a request; nothing where none comes, as after a certificate that is not believed.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A whole answer: a list without users.
pub fn list_of_nobody() -> String {
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}"#;
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A gzip stream (RFC 1951, RFC 1952) that becomes at least `size` zero bytes: a literal zero, then 'repeat the byte before, 258
/// times' again and again, 13 bits each. It has no end; nobody gets that far.
pub fn gzip_of_zeros(size: usize) -> Vec<u8> {
    let repeat = [true, true, false, false, false, true, false, true, false, false, false, false, false];
    // A last block with fixed codes, and the literal.
    let begin = [true, true, false, false, false, true, true, false, false, false, false];
    let bits: Vec<bool> = begin.into_iter().chain(std::iter::repeat_n(repeat, 16).flatten()).collect();
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << at))
        .collect();
    // After 13 bytes, which hold eight repetitions, the bits stand as they stood.
    let times = size.div_ceil(8 * 258);
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &bytes[..2], &bytes[2..15].repeat(times)].concat()
}
