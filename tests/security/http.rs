//! Who reaches the daemon's own HTTP and means harm, or is only slow, gets no more of it than is set aside.

use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use workiva_sync::http::{Bounds, bind, serve};

/// Soon, for what is to pass by itself.
const SOON: Duration = Duration::from_millis(50);
/// Nothing takes this long; it only ends tests that hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server with some routes.
struct Served {
    runtime: Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    /// Tells that `/when`, `/never` or `/much` was asked.
    asked: Arc<Notify>,
    /// Lets `/when` answer.
    now: Arc<Notify>,
}

impl Served {
    fn within(change: impl FnOnce(&mut Bounds)) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut bounds =
            Bounds { head: PATIENCE, request: PATIENCE, connection: PATIENCE, ..Bounds::default() };
        change(&mut bounds);
        let (asked, now) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, when) = (Arc::clone(&asked), Arc::clone(&now));
        let tells = move || tell.notify_one();
        let (wait, never, much) = {
            let (first, second, third) = (tells.clone(), tells.clone(), tells);
            let wait = || async move {
                first();
                when.notified().await;
            };
            let never = || async move {
                second();
                std::future::pending::<()>().await;
            };
            let much = || async move {
                third();
                much()
            };
            (wait, never, much)
        };
        let length = |body: Bytes| async move { body.len().to_string() };
        let routes = Router::new()
            .route("/at-once", get(|| async { "here" }))
            .route("/when", get(wait))
            .route("/never", get(never))
            .route("/v1/never", get(std::future::pending::<()>))
            .route("/livez", get(|| async { "alive" }))
            .route("/much", get(much))
            .route("/small", post(length))
            .route("/large", post(length).layer(DefaultBodyLimit::max(1 << 20)));
        let (stop, stopped) = watch::channel(false);
        let listener = runtime.block_on(bind("127.0.0.1:0".parse().unwrap())).unwrap();
        let address = listener.local_addr().unwrap();
        let task = runtime.spawn(serve(listener, routes, bounds, stopped));
        Self { runtime, address, stop, task, asked, now }
    }

    /// A connection on which this was said.
    fn saying(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// A request that is under way.
    fn busy(&self, path: &str) -> TcpStream {
        let stream = self.get(path);
        self.runtime.block_on(self.asked.notified());
        stream
    }

    fn get(&self, path: &str) -> TcpStream {
        self.saying(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, bytes: usize) -> String {
        let body = "x".repeat(bytes);
        to_end(self.saying(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n{body}"
        )))
    }
}

/// 64 MiB, bit by bit.
fn much() -> Body {
    let bit = Bytes::from_static(&[b'x'; 1 << 16]);
    Body::from_stream(futures_util::stream::iter((0..1024).map(move |_| Ok::<_, Infallible>(bit.clone()))))
}

/// Whether the line is open and nothing was said.
fn is_waiting(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let nothing = matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    nothing
}

/// What is said until the line is closed.
fn to_end(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        // What was sent and not read makes a reset of the close.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the line is still open: {error}"),
    }
    String::from_utf8(said).unwrap()
}

fn status(said: &str) -> &str {
    said.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_head_that_comes_byte_by_byte_or_not_at_all_ends_the_connection() {
    let served = Served::within(|bounds| bounds.head = SOON);
    assert!(!to_end(served.saying("")).starts_with("HTTP/1.1 200"));
    let mut slow = served.saying("GET /at-once HTTP/1.1\r\n");
    slow.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    // Each byte within the time-out, and the head as a whole never; it ends with the line, or the test never does.
    let mut said = [0; 512];
    let ended = "x: y\r\n".bytes().cycle().take(4000).any(|byte| {
        let gone = slow.write_all(&[byte]).is_err();
        let still = matches!(slow.read(&mut said), Err(error) if error.kind() == ErrorKind::WouldBlock);
        gone || !still
    });
    assert!(ended, "it goes on and on");
    let mut kept = served.saying("GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n");
    kept.flush().unwrap();
    assert_eq!(status(&to_end(kept)), "200", "and a connection that is kept for nothing is closed behind it");
    assert_eq!(status(&to_end(served.get("/at-once"))), "200");
}

#[test]
fn more_connections_than_are_served_at_a_time_wait_until_one_ends() {
    let served = Served::within(|bounds| (bounds.connections, bounds.requests) = (2, 2));
    let _busy = [served.busy("/when"), served.busy("/when")];
    let mut waits = served.get("/at-once");
    waits.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(waits.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "nobody answers it");
    waits.set_read_timeout(Some(PATIENCE)).unwrap();
    served.now.notify_one();
    assert_eq!(status(&to_end(waits)), "200");
}

#[test]
fn whoever_has_waited_for_longest_without_a_request_makes_room_for_whoever_comes() {
    let served = Served::within(|bounds| (bounds.connections, bounds.requests) = (2, 2));
    let mut kept = served.saying("GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n");
    kept.read_exact(&mut [0; 12]).unwrap();
    let mut slow = served.saying("GET /at-once HTTP/1.1\r\n");
    assert_eq!(status(&to_end(served.get("/at-once"))), "200");
    to_end(kept);
    slow.write_all(b"Host: x\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(status(&to_end(slow)), "200", "it was not its turn to go");
}

#[test]
fn a_probe_is_answered_while_others_hold_whatever_there_is_to_hold() {
    let served = Served::within(|bounds| (bounds.connections, bounds.requests) = (8, 3));
    let mut busy = vec![served.busy("/when"), served.busy("/never"), served.busy("/much")];
    let refused = to_end(served.get("/v1/people"));
    assert_eq!(status(&refused), "503", "{refused}");
    assert!(refused.contains("retry-after: 5") && refused.contains("\"code\":\"busy\""), "{refused}");
    // And more lines on which nothing is said than there are places.
    let _slow: Vec<TcpStream> = (0..20).map(|_| served.saying("GET /livez HTTP/1.1\r\n")).collect();
    assert_eq!(status(&to_end(served.get("/livez"))), "200");
    assert_eq!(status(&to_end(served.get("/at-once"))), "503", "it is no probe");
    assert!(busy[..2].iter_mut().all(is_waiting), "they hold what they held");
    served.now.notify_one();
    assert_eq!(status(&to_end(busy.remove(0))), "200", "what is under way is answered");
    assert_eq!(status(&to_end(served.get("/at-once"))), "200", "and there is room again");
}

#[test]
fn a_request_that_is_not_answered_in_time_is_refused() {
    let served = Served::within(|bounds| bounds.request = SOON);
    assert_eq!(status(&to_end(served.get("/never"))), "503");
    let refused = to_end(served.get("/v1/never"));
    assert_eq!(status(&refused), "503");
    assert!(
        refused.contains("content-type: application/json") && refused.contains("\"code\":\"timeout\""),
        "{refused}"
    );
    let unfinished = "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    assert_eq!(status(&to_end(served.saying(unfinished))), "503", "a body that does not come to its end");
    assert_eq!(status(&to_end(served.get("/at-once"))), "200");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_left_in_the_end() {
    let served = Served::within(|bounds| {
        (bounds.connections, bounds.requests) = (1, 1);
        (bounds.connection, bounds.request) = (SOON, SOON);
    });
    let deaf = served.busy("/much");
    assert_eq!(status(&to_end(served.get("/at-once"))), "200", "there is room again");
    drop(deaf);
}

#[test]
fn a_body_is_read_up_to_its_bound_and_further_where_a_route_says_so() {
    let served = Served::within(|bounds| bounds.body_bytes = 1000);
    let (fits, too_large) = (served.post("/small", 1000), served.post("/small", 1001));
    assert_eq!((status(&fits), status(&too_large)), ("200", "413"), "{fits} {too_large}");
    assert_eq!(status(&served.post("/large", 100_000)), "200");
    assert_eq!(status(&served.post("/at-once", 2000)), "405", "nobody reads it");
}

#[test]
fn a_stop_answers_what_is_under_way_and_takes_nothing_more() {
    let mut served = Served::within(|_| {});
    let under_way = served.busy("/when");
    let mut kept = served.saying("GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n");
    kept.read_exact(&mut [0; 12]).unwrap();
    served.stop.send(true).unwrap();
    to_end(kept);
    served.now.notify_one();
    assert_eq!(status(&to_end(under_way)), "200");
    served.runtime.block_on(&mut served.task).unwrap();
    assert!(TcpStream::connect(served.address).is_err());
}
