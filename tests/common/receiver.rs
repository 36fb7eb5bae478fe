//! Those who are told: a receiver of webhooks, and a mail server, both as small as can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::process::until;

/// What a receiver does with requests from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers with this status, and quotes the whole request back.
    Answer(u16),
    /// Sends everybody on to this address.
    Redirect(String),
    /// Takes the request and never answers.
    Silent,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The head, as it was sent.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name).map(str::to_owned)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What it is about, as in `raised held_plan`.
    pub fn about(&self) -> String {
        let json = self.json();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("event"), text("alert")).trim().to_owned()
    }
}

/// A receiver of webhooks.
pub struct Receiver {
    address: String,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<(Received, bool)>>>,
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (manner, received) =
            (Arc::new(Mutex::new(Manner::Answer(200))), Arc::new(Mutex::new(Vec::new())));
        let (ways, all) = (Arc::clone(&manner), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (ways, all) = (Arc::clone(&ways), Arc::clone(&all));
                std::thread::spawn(move || take(stream.unwrap(), &ways, &all));
            }
        });
        Self { address, manner, received }
    }

    /// Its address, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it does this.
    pub fn go(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Every request that came, taken or not.
    pub fn asked(&self) -> Vec<Received> {
        self.received.lock().unwrap().iter().map(|(one, _)| one.clone()).collect()
    }

    /// Those that were answered with a success.
    pub fn taken(&self) -> Vec<Received> {
        self.received.lock().unwrap().iter().filter(|(_, taken)| *taken).map(|(one, _)| one.clone()).collect()
    }

    /// What those were about that were taken, as in `raised held_plan`.
    pub fn told(&self) -> Vec<String> {
        self.taken().iter().map(Received::about).collect()
    }

    /// Waits until something like `raised held_plan` was taken.
    pub fn wait_for(&self, about: &str) -> Received {
        until(about, || self.told().iter().any(|told| told == about));
        self.taken().into_iter().find(|one| one.about() == about).unwrap()
    }
}

/// The value of a header.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Reads a request: its head and its body. `None`: the sender went away before its end.
pub fn request(stream: impl Read) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let mut body = vec![0; header(&head, "content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn take(mut stream: TcpStream, manner: &Mutex<Manner>, all: &Mutex<Vec<(Received, bool)>>) {
    let Some((head, body)) = request(&stream) else { return };
    let one = Received { head, body: String::from_utf8(body).unwrap() };
    let manner = manner.lock().unwrap().clone();
    let taken = matches!(manner, Manner::Answer(200..=299));
    all.lock().unwrap().push((one.clone(), taken));
    let quoted = format!("{}{}", one.head, one.body);
    let (status, more) = match manner {
        Manner::Answer(status) => (status, String::new()),
        Manner::Redirect(to) => (307, format!("Location: {to}\r\n")),
        Manner::Silent => {
            // Until the sender has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    // The sender may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{quoted}",
        quoted.len()
    );
}

/// How a mail server encrypts.
pub enum MailTls {
    /// It does not.
    None,
    /// It offers STARTTLS with this.
    Starttls(Arc<rustls::ServerConfig>),
    /// It speaks TLS from the first byte on.
    First(Arc<rustls::ServerConfig>),
}

/// A mail server.
pub struct MailServer {
    /// Its port on loopback.
    pub port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    logins: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// One that takes everything.
    pub fn start(tls: MailTls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, logins) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (taken, shown) = (Arc::clone(&mails), Arc::clone(&logins));
        let tls = Arc::new(tls);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (taken, shown, tls) = (Arc::clone(&taken), Arc::clone(&shown), Arc::clone(&tls));
                std::thread::spawn(move || greet(stream.unwrap(), &tls, &taken, &shown));
            }
        });
        Self { port, mails, logins }
    }

    /// The mails that were taken, heads and all.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }

    /// What was shown by AUTH, as it was sent.
    pub fn logins(&self) -> Vec<String> {
        self.logins.lock().unwrap().clone()
    }

    /// Waits for a mail with these words in it.
    pub fn wait_for(&self, words: &str) -> String {
        until(words, || self.mails().iter().any(|mail| mail.contains(words)));
        self.mails().into_iter().find(|mail| mail.contains(words)).unwrap()
    }
}

type Texts = Mutex<Vec<String>>;

const GREETING: &[u8] = b"220 mail\r\n";
const LOGIN: &str = "AUTH PLAIN LOGIN";

fn greet(mut stream: TcpStream, tls: &MailTls, mails: &Texts, logins: &Texts) {
    let encrypt = |config: &Arc<rustls::ServerConfig>, stream| {
        rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(config)).unwrap(), stream)
    };
    // Whoever asks may go at any time.
    match tls {
        MailTls::None => {
            let _ = stream.write_all(GREETING);
            converse(&mut stream, LOGIN, mails, logins);
        }
        MailTls::Starttls(config) => {
            let _ = stream.write_all(GREETING);
            if converse(&mut stream, "STARTTLS", mails, logins) {
                converse(&mut encrypt(config, stream), LOGIN, mails, logins);
            }
        }
        MailTls::First(config) => {
            let mut stream = encrypt(config, stream);
            let _ = stream.write_all(GREETING).and_then(|()| stream.flush());
            converse(&mut stream, LOGIN, mails, logins);
        }
    }
}

/// Speaks SMTP. The answer is whether STARTTLS was asked for.
fn converse(stream: &mut (impl Read + Write), offer: &str, mails: &Texts, logins: &Texts) -> bool {
    let mut mail: Option<String> = None;
    while let Some(line) = line(stream) {
        let mut answer = "250 ok".to_owned();
        match (&mut mail, line.to_ascii_uppercase()) {
            (Some(text), _) if line != "." => {
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                text.push('\n');
                continue;
            }
            (Some(_), _) => mails.lock().unwrap().extend(mail.take()),
            (None, word) if word.starts_with("EHLO") => answer = format!("250-mail\r\n250 {offer}"),
            (None, word) if word.starts_with("STARTTLS") => {
                let _ = stream.write_all(b"220 go on\r\n");
                return true;
            }
            (None, word) if word.starts_with("AUTH") => {
                logins.lock().unwrap().push(line);
                answer = "235 welcome".to_owned();
            }
            (None, word) if word == "DATA" => {
                mail = Some(String::new());
                answer = "354 go on".to_owned();
            }
            (None, word) if word == "QUIT" => answer = "221 bye".to_owned(),
            (None, _) => {}
        }
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
        let _ = stream.flush();
    }
    false
}

fn line(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        if byte[0] == b'\n' {
            return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        line.push(byte[0]);
    }
    None
}
