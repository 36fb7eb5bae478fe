//! A gateway before the stand-in that can lose its way to it, under one address.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::World;

/// What the gateway does with the connections that are made from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Passes everything on.
    Through,
    /// Answers everything with 404, as at a wrong base path.
    Lost,
    /// Answers everything with 404, but a listing with a JSON object that is no list of users.
    LostButForAnObject,
}

/// The gateway.
pub struct Front {
    way: Arc<Mutex<Way>>,
}

impl Front {
    /// Puts a gateway before the world's stand-in, and its address into the configuration.
    pub fn before(world: &mut World) -> Self {
        let base_url = world.sandbox.base_url();
        let behind = base_url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        world.set("workiva.base_url", base_url.replace(&behind, &address));
        let way = Arc::new(Mutex::new(Way::Through));
        let front = Self { way: Arc::clone(&way) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, behind, way) = (stream.unwrap(), behind.clone(), *way.lock().unwrap());
                std::thread::spawn(move || match way {
                    Way::Through => pass(stream, TcpStream::connect(behind).unwrap()),
                    _ => lose(stream, way),
                });
            }
        });
        front
    }

    /// Says what happens to the connections that are made from now on.
    pub fn go(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }
}

fn pass(client: TcpStream, server: TcpStream) {
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        // Either side may end the connection as it likes.
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = std::io::copy(&mut from_server, &mut to_client);
    let _ = to_client.shutdown(Shutdown::Write);
}

fn lose(mut stream: TcpStream, way: Way) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => request.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let is_listing = request.starts_with(b"GET ") && request.windows(7).any(|part| part == b"/Users?");
    let (status, body) = match way {
        Way::LostButForAnObject if is_listing => ("200 OK", "{\"welcome\":\"to the portal\"}"),
        _ => ("404 Not Found", "nothing is here"),
    };
    let length = body.len();
    // Whoever asked may be gone by now.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// Whether the head is there, and as much body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}
