//! What passes between the pool and its workers: actions to begin with, and ends to store.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::lease::Lease;
use super::session::Line;
use super::work::carry_out;
use crate::core::scim::ScimPort;
use crate::store::{Claimed, Finished};

/// The tray. Workers take from it by themselves, so that none waits for the pool between two actions.
#[derive(Debug, Default)]
pub struct Tray {
    inner: Mutex<Inner>,
    /// Rung when a worker has put something down, while the pool wants to know.
    something_done: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Claimed, each with its lease, in the order in which they begin.
    ready: VecDeque<(Claimed, Lease)>,
    /// Through, and not stored yet.
    finished: Vec<Finished>,
    workers: usize,
    /// The groups whose members a worker changes: two changes of one group at a time could undo each other.
    groups: HashSet<String>,
    /// The pool is busy storing, and looks by itself when it is through.
    is_looked_at_later: bool,
}

/// How full the tray is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filling {
    /// Workers at work.
    pub workers: usize,
    /// Actions that wait for a worker.
    pub ready: usize,
    /// Ends that wait to be stored.
    pub finished: usize,
}

impl Tray {
    /// How full it is now.
    pub fn filling(&self) -> Filling {
        let inner = self.inner();
        Filling { workers: inner.workers, ready: inner.ready.len(), finished: inner.finished.len() }
    }

    /// Adds what was claimed. What takes access away begins before everything else, also where that was claimed earlier.
    pub fn add(&self, claimed: Vec<Claimed>, lease: Lease) {
        let mut inner = self.inner();
        for action in claimed {
            let place = inner.ready.partition_point(|(waiting, _)| waiting.rank <= action.rank);
            inner.ready.insert(place, (action, lease));
        }
    }

    /// Puts what was claimed and not begun among the ends, as untouched.
    pub fn give_back(&self) {
        let mut inner = self.inner();
        let untouched: Vec<_> =
            inner.ready.drain(..).map(|(action, _)| Finished::untouched(&action)).collect();
        inner.finished.extend(untouched);
    }

    /// Takes the ends out, and no bell rings until [`Tray::listen`].
    pub fn take_finished(&self) -> Vec<Finished> {
        let mut inner = self.inner();
        inner.is_looked_at_later = true;
        std::mem::take(&mut inner.finished)
    }

    /// The pool has stored what it took, and wants to know of further ends.
    pub fn listen(&self) {
        self.inner().is_looked_at_later = false;
    }

    /// Waits until a worker has put something down.
    pub async fn something_done(&self) {
        self.something_done.notified().await;
    }

    /// Whether another worker is of use; if so, it counts as at work from now on.
    pub fn hire(self: &Arc<Self>, limit: usize) -> Option<Worker> {
        let mut inner = self.inner();
        if inner.workers >= limit || inner.first_free().is_none() {
            return None;
        }
        inner.workers += 1;
        Some(Worker(Arc::clone(self)))
    }

    fn next<P>(&self, line: &Line<P>) -> Option<(Vec<Claimed>, Lease)> {
        if !line.gate.is_open() {
            return None;
        }
        let mut inner = self.inner();
        if inner.workers > line.gate.in_flight_limit() as usize {
            return None;
        }
        let first = inner.first_free()?;
        let (action, lease) = inner.ready.remove(first)?;
        Some(inner.with_others(action, lease, line.manner.batch))
    }

    fn put_down(&self, finished: Vec<Finished>) {
        self.inner().finished.extend(finished);
        self.ring();
    }

    fn ring(&self) {
        if !self.inner().is_looked_at_later {
            self.something_done.notify_one();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The first action that can be begun.
    fn first_free(&self) -> Option<usize> {
        self.ready
            .iter()
            .position(|(action, _)| action.group.as_ref().is_none_or(|group| !self.groups.contains(group)))
    }

    /// What is begun together with an action on a membership: others of the group and direction, as far as nothing has failed for
    /// them yet. Whoever failed once is tried alone, so that others do not fail with them.
    fn with_others(&mut self, action: Claimed, lease: Lease, most: usize) -> (Vec<Claimed>, Lease) {
        let Some(group) = action.group.clone() else { return (vec![action], lease) };
        self.groups.insert(group);
        let (mut batch, mut lease) = (vec![action], lease);
        while batch[0].attempts == 0 && batch.len() < most {
            let fits = |one: &Claimed| {
                one.group == batch[0].group
                    && one.kind == batch[0].kind
                    && one.withdrawn == batch[0].withdrawn
                    && one.attempts == 0
            };
            let Some(at) = self.ready.iter().position(|(one, _)| fits(one)) else { break };
            let Some((other, theirs)) = self.ready.remove(at) else { break };
            lease = lease.sooner(theirs);
            batch.push(other);
        }
        (batch, lease)
    }
}

/// A group that a worker has to itself; it is free again when this is dropped, which a panic does too.
struct HeldGroup<'a> {
    tray: &'a Tray,
    group: String,
}

impl Drop for HeldGroup<'_> {
    fn drop(&mut self) {
        self.tray.inner().groups.remove(&self.group);
    }
}

/// A worker; it counts as at work until it is dropped, which a panic does too.
pub struct Worker(Arc<Tray>);

impl Worker {
    /// Carries out one action after another until there is none, or none may be begun.
    pub async fn work<P: ScimPort>(self, line: Arc<Line<P>>) {
        while let Some((actions, lease)) = self.0.next(&line) {
            let group = actions.first().and_then(|action| action.group.clone());
            let held = group.map(|group| HeldGroup { tray: &self.0, group });
            let finished = carry_out(&line, &actions, lease).await;
            drop(held);
            self.0.put_down(finished);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.inner().workers -= 1;
        self.0.ring();
    }
}
