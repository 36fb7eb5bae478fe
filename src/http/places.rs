//! Who is served at a time: whoever only waits makes room for whoever comes, and requests never take the last places.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Notify, oneshot};

/// The places of a server.
pub struct Places {
    connections: usize,
    requests: usize,
    taken: Mutex<Taken>,
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    /// Counts what happens, so that it is known who has waited for longest.
    happened: u64,
    places: BTreeMap<u64, Held>,
    /// Requests under way that were admitted.
    requests: usize,
}

struct Held {
    /// Since which happening no request of this connection is under way; none: one is.
    idle_since: Option<u64>,
    /// Gone with the place, which ends the connection.
    _stays: oneshot::Sender<()>,
}

impl Taken {
    fn next(&mut self) -> u64 {
        self.happened += 1;
        self.happened
    }
}

/// The place of a connection. Dropped, it is free.
pub struct Place {
    places: Arc<Places>,
    number: u64,
}

/// A request under way. Dropped, it is over.
pub struct Turn {
    place: Arc<Place>,
    counts: bool,
}

impl Places {
    /// Room for so many connections, and for so many requests that are no probes.
    pub fn new(connections: u32, requests: u32) -> Arc<Self> {
        Arc::new(Self {
            connections: connections as usize,
            requests: requests as usize,
            taken: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// A place for a new connection. Where all are taken, the connection that has waited for longest without a request loses its own; where
    /// each has a request under way, this waits. What comes with it ends once the place is lost.
    pub async fn enter(self: &Arc<Self>) -> (Arc<Place>, oneshot::Receiver<()>) {
        loop {
            let changed = self.changed.notified();
            if let Some(entered) = self.try_enter() {
                return entered;
            }
            changed.await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<(Arc<Place>, oneshot::Receiver<()>)> {
        let mut taken = self.taken();
        if taken.places.len() >= self.connections {
            let idle = taken.places.iter().filter_map(|(number, held)| Some((held.idle_since?, *number)));
            let (_, longest) = idle.min()?;
            taken.places.remove(&longest);
        }
        let number = taken.next();
        let (stays, lost) = oneshot::channel();
        taken.places.insert(number, Held { idle_since: Some(number), _stays: stays });
        Some((Arc::new(Place { places: Arc::clone(self), number }), lost))
    }

    /// Waits until nobody is left.
    pub async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.taken().places.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request begins. `counts`: it is no probe; of those only so many are under way at a time. `None`: so many are, or the place was lost.
    pub fn begin(self: &Arc<Self>, counts: bool) -> Option<Turn> {
        let mut taken = self.places.taken();
        if counts && taken.requests >= self.places.requests {
            return None;
        }
        taken.places.get_mut(&self.number)?.idle_since = None;
        taken.requests += usize::from(counts);
        Some(Turn { place: Arc::clone(self), counts })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().places.remove(&self.number);
        self.places.changed.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.place.places.taken();
        taken.requests -= usize::from(self.counts);
        let now = taken.next();
        if let Some(held) = taken.places.get_mut(&self.place.number) {
            held.idle_since = Some(now);
        }
        drop(taken);
        self.place.places.changed.notify_waiters();
    }
}

/// The body of an answer. Its request is under way until all of it was taken.
pub struct Answered {
    /// What is answered.
    pub body: Body,
    /// The request.
    pub _turn: Turn,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
