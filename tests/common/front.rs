//! A gateway before the stand-in that can lose its way to it, under one address.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::World;

/// What the gateway does with the connections that are made from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Passes everything on.
    Through,
    /// Answers everything with 404, as at a wrong base path.
    Lost,
    /// Is another tenant, in which nobody is: lists are empty, and every user is answered for with 404.
    Empty,
    /// Answers everything with 404, but a listing with a JSON object that is no list of users.
    LostButForAnObject,
    /// Answers everything with 500.
    Broken,
    /// Answers everything with 503 and no `Retry-After`.
    Unavailable,
    /// Answers everything with 503 and a `Retry-After`.
    AskingToWait,
    /// Answers everything with 429.
    Throttling,
    /// Answers everything with 200 and a web page.
    Page,
    /// Answers everything with 200 and JSON that breaks off.
    CutOff,
    /// Sends everybody elsewhere, with a token in the address.
    Redirecting,
    /// Answers everything with 401, and quotes the credentials back.
    Refusing,
    /// Takes every request and never answers.
    Silent,
    /// Closes every connection without an answer.
    Closing,
    /// Answers reads as ever, and every write with 500.
    BrokenForWrites,
    /// Answers reads as ever, and every write with 429.
    ThrottlingWrites,
    /// Answers with 500 what speaks of this, and passes the rest on.
    BrokenFor(&'static str),
    /// Answers with 400 what speaks of this, and passes the rest on.
    Denying(&'static str),
    /// Answers writes with 403 that speak of this, and passes the rest on.
    Forbidding(&'static str),
    /// Answers with 400 what speaks of this when it is first sent, and passes the rest on.
    DenyingOnce(&'static str),
    /// Answers every new user with 409 and this body, and passes the rest on.
    Duplicate(&'static str),
    /// Answers with 204 what speaks of this without doing anything, and passes the rest on.
    Swallowing(&'static str),
    /// Has every new user made suspended, and passes the rest on.
    MakingSuspended,
    /// Answers every change with 200 and this body, and makes none; reads pass.
    Claiming(&'static str),
    /// Shows the user with this id whoever is asked for by an id, and passes the rest on.
    Showing(&'static str),
    /// Passes everything on, and answers for each new user with the one who has this id.
    MixingUpCreates(&'static str),
    /// Passes everything on up to the first new user, whose answer gets lost; from then on it closes every connection.
    LosingCreate,
    /// Leaves the user with this id out of lists, answers with 404 when first asked for the user, and passes the rest on.
    Hiding(&'static str),
}

/// The gateway.
pub struct Front {
    way: Arc<Mutex<Way>>,
    asked: Arc<AtomicU64>,
    passing: Arc<Mutex<Vec<TcpStream>>>,
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
        let (asked, passing) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let front = Self { way: Arc::clone(&way), asked: Arc::clone(&asked), passing: Arc::clone(&passing) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, behind, asked) = (stream.unwrap(), behind.clone(), Arc::clone(&asked));
                let way = {
                    let way = way.lock().unwrap();
                    passing.lock().unwrap().push(stream.try_clone().unwrap());
                    *way
                };
                std::thread::spawn(move || match way {
                    Way::Through => pass(stream, TcpStream::connect(behind).unwrap()),
                    _ => answer_one(stream, way, &behind, &asked),
                });
            }
        });
        front
    }

    /// From now on this happens to every request; connections that are there are cut.
    pub fn go(&self, way: Way) {
        let mut current = self.way.lock().unwrap();
        *current = way;
        for stream in self.passing.lock().unwrap().drain(..) {
            // It may have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many requests the gateway did not simply pass on.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
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

fn answer_one(mut stream: TcpStream, way: Way, behind: &str, asked: &AtomicU64) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => request.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let speaks_of = |needle: &str| request.windows(needle.len()).any(|part| part == needle.as_bytes());
    let is_read = request.starts_with(b"GET ");
    if matches!(way, Way::BrokenForWrites | Way::ThrottlingWrites | Way::Claiming(_) if is_read)
        || matches!(way, Way::BrokenFor(who) | Way::Denying(who) | Way::Swallowing(who) if !speaks_of(who))
        || matches!(way, Way::DenyingOnce(who) if !speaks_of(who) || asked.load(Ordering::Relaxed) > 0)
        || matches!(way, Way::Duplicate(_) if !request.starts_with(b"POST "))
        || matches!(way, Way::Forbidding(who) if is_read || !speaks_of(who))
    {
        return pass_one(&request, &mut stream, behind);
    }
    if way == Way::MakingSuspended {
        return pass_one(&suspended(&request), &mut stream, behind);
    }
    if let Way::Showing(id) = way {
        let is_of_one = is_read && speaks_of("/Users/");
        return pass_one(&if is_of_one { asking_for(&request, id) } else { request }, &mut stream, behind);
    }
    if let Way::MixingUpCreates(id) = way {
        if !request.starts_with(b"POST ") {
            return pass_one(&request, &mut stream, behind);
        }
        let (mut dropped, mut answer) = (Vec::new(), Vec::new());
        pass_one(&request, &mut dropped, behind);
        pass_one(&asking_for(&request, id), &mut answer, behind);
        let answer = String::from_utf8(answer).unwrap().replacen("200 OK", "201 Created", 1);
        // Whoever asked may be gone by now.
        let _ = stream.write_all(answer.as_bytes());
        return;
    }
    if way == Way::LosingCreate && asked.load(Ordering::Relaxed) == 0 {
        if !request.starts_with(b"POST ") {
            return pass_one(&request, &mut stream, behind);
        }
        pass_one(&request, &mut Vec::new(), behind);
    }
    if let Way::Hiding(id) = way {
        let is_asked_for = speaks_of(&format!("/Users/{id} "));
        if !is_asked_for || asked.load(Ordering::Relaxed) > 0 {
            return pass_without(&request, &mut stream, behind, id);
        }
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let is_listing = request.starts_with(b"GET ") && request.windows(7).any(|part| part == b"/Users?");
    let shown = String::from_utf8_lossy(&request)
        .lines()
        .find(|line| line.starts_with("authorization:"))
        .map(str::to_owned);
    let quoted =
        serde_json::json!({"detail": format!("not good enough: {}", shown.unwrap_or_default())}).to_string();
    const NOBODY: &str = "{\"schemas\": [\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"], \"totalResults\": 0, \"Resources\": []}";
    let (status, body) = match way {
        Way::Claiming(body) => ("200 OK", body),
        Way::Duplicate(body) => ("409 Conflict", body),
        Way::Empty if is_listing => ("200 OK", NOBODY),
        Way::LostButForAnObject if is_listing => ("200 OK", "{\"welcome\":\"to the portal\"}"),
        Way::Broken | Way::BrokenForWrites | Way::BrokenFor(_) => ("500 Internal Server Error", "{}"),
        Way::Forbidding(_) => ("403 Forbidden", "{\"detail\": \"not this one\"}"),
        Way::Swallowing(_) => ("204 No Content", ""),
        Way::Denying(_) | Way::DenyingOnce(_) => ("400 Bad Request", "{\"detail\": \"not this one\"}"),
        Way::Unavailable => ("503 Service Unavailable", "{}"),
        Way::AskingToWait => ("503 Service Unavailable\r\nRetry-After: 0", "{}"),
        Way::Throttling | Way::ThrottlingWrites => ("429 Too Many Requests\r\nRetry-After: 0", "{}"),
        Way::Redirecting => ("302 Found\r\nLocation: https://elsewhere.example/login?token=t", ""),
        Way::Refusing => ("401 Unauthorized", quoted.as_str()),
        Way::Page => ("200 OK", "<html><title>Maintenance</title></html>"),
        Way::CutOff => ("200 OK", "{\"id\": \"1"),
        Way::Closing | Way::LosingCreate => {
            // Dropping it is not enough: whoever is to cut the connections holds it as well. The client may be gone.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        Way::Silent => {
            // Until the client has had enough, or the way changes.
            let _ = stream.read(&mut chunk);
            return;
        }
        _ => ("404 Not Found", "nothing is here"),
    };
    let length = body.len();
    // Whoever asked may be gone by now.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// The request as it would be for a user who is to have no access.
fn suspended(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    if !head.starts_with("POST ") {
        return request.to_vec();
    }
    let length = format!("content-length: {}", body.len());
    let body = body.replace("\"active\":true", "\"active\":false");
    let head = head.replace(&length, &format!("content-length: {}", body.len()));
    format!("{head}\r\n\r\n{body}").into_bytes()
}

/// A request for the user with this id, in the place of this one.
fn asking_for(request: &[u8], id: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let head = text.split("\r\n\r\n").next().unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let base = path.split("/Users").next().unwrap();
    let headers = head.lines().skip(1).filter(|line| !line.to_lowercase().starts_with("content-"));
    let lines = std::iter::once(format!("GET {base}/Users/{id} HTTP/1.1")).chain(headers.map(str::to_owned));
    (lines.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n").into_bytes()
}

/// Asks the stand-in for this one request, on a connection of its own.
fn pass_one(request: &[u8], client: &mut impl Write, behind: &str) {
    let mut server = TcpStream::connect(behind).unwrap();
    let end = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // Either side may be gone by now.
    let _ = server.write_all(&[&request[..end], b"Connection: close\r\n", &request[end..]].concat());
    let _ = std::io::copy(&mut server, client);
}

/// The same; a list comes back without the user who has this id.
fn pass_without(request: &[u8], client: &mut TcpStream, behind: &str, id: &str) {
    let mut server = TcpStream::connect(behind).unwrap();
    let end = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut answer = String::new();
    server.write_all(&[&request[..end], b"Connection: close\r\n", &request[end..]].concat()).unwrap();
    server.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
    if let Some(users) = body.get_mut("Resources").and_then(serde_json::Value::as_array_mut) {
        users.retain(|user| user["id"] != id);
        let left = users.len();
        body["totalResults"] = left.into();
        body["itemsPerPage"] = left.into();
    }
    let body = body.to_string();
    let status = head.lines().next().unwrap();
    let length = body.len();
    // The client may be gone by now.
    let _ = write!(
        client,
        "{status}\r\nContent-Type: application/scim+json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// Whether the head is there, and as much body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}
