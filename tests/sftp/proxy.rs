//! A stretch of network between client and server that does something once so many bytes have come from the server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

/// What happens then. A false answer cuts the connection.
type Event = Arc<dyn Fn() -> bool + Send + Sync>;

/// Forwards to a port, and makes the event happen, once a connection, behind so many bytes. It listens for as long as the
/// test lasts.
pub fn proxy(to: u16, behind: usize, event: impl Fn() -> bool + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let event: Event = Arc::new(event);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", to)).unwrap());
            let (upwards, event) =
                ((client.try_clone().unwrap(), server.try_clone().unwrap()), Arc::clone(&event));
            std::thread::spawn(move || forward(upwards.0, upwards.1, usize::MAX, &|| true));
            std::thread::spawn(move || forward(server, client, behind, &*event));
        }
    });
    port
}

fn forward(mut from: TcpStream, mut to: TcpStream, behind: usize, event: &dyn Fn() -> bool) {
    let mut chunk = vec![0; 64 * 1024];
    let (mut passed, mut happened) = (0, false);
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        passed += read;
        if passed >= behind && !std::mem::replace(&mut happened, passed >= behind) && !event() {
            break;
        }
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
