//! Carrying out one action: which requests, in which order, and when its end counts as confirmed.

mod deprovision;
mod duplicate;
mod find;
mod manager;
mod membership;
mod provision;
mod take_over;
mod withdrawn;
mod write;

use std::time::Duration;

use tracing::Instrument;

use super::lease::Lease;
use super::session::{FORBIDDEN, Interrupt, Line, Session};
use super::spans;
use crate::core::action::{ActionKind, Target};
use crate::core::blame::Blame;
use crate::core::planted::{self, Fault};
use crate::core::retry::{Next, backoff, next};
use crate::core::scim::{Failure, FailureKind, ScimPort, ScimRequest};
use crate::core::state::Account;
use crate::store::{Claim, Claimed, Ending, Finished};

/// Attempts after which a user who stays as they were is an operator's case.
const TRIES_UNTIL_BELIEVED: u32 = 2;

/// Carries out a claimed action, or several on one group; the log lines carry its ids. Should another process have it by now, storing
/// the end finds that out.
pub async fn carry_out<P: ScimPort>(line: &Line<P>, actions: &[Claimed], lease: Lease) -> Vec<Finished> {
    spans::of_actions(line, actions, carry_out_together(line, actions, lease)).await
}

async fn carry_out_together<P: ScimPort>(line: &Line<P>, actions: &[Claimed], lease: Lease) -> Vec<Finished> {
    let Some(action) = actions.first() else { return Vec::new() };
    if let Some(group) = &action.group {
        let (run_id, kind, number) = (&action.run_id, action.kind.name(), actions.len());
        let span = tracing::info_span!("members", run_id, kind, group, number);
        return membership::change(line, actions, lease).instrument(span).await;
    }
    vec![carry_out_one(line, action, lease).await]
}

async fn carry_out_one<P: ScimPort>(line: &Line<P>, action: &Claimed, lease: Lease) -> Finished {
    let (run_id, employee_id, action_id) = (&action.run_id, &action.employee_id, action.action_id);
    let span = tracing::info_span!("action", run_id, employee_id, action_id, kind = action.kind.name());
    work(line, action, lease).instrument(span).await
}

async fn work<P: ScimPort>(line: &Line<P>, action: &Claimed, lease: Lease) -> Finished {
    let action = match manager::known(line, action).await {
        Ok(known) => known,
        Err(error) => {
            let ending = end(&mut Session::new(line, action, lease), error.into()).await;
            return Finished::new(action, Vec::new(), ending);
        }
    };
    let action = &*action;
    let mut session = Session::new(line, action, lease);
    if planted::is(Fault::CommitBeforeCall) {
        commit_before_call(line, action, lease).await;
    }
    let result = match &action.target {
        _ if action.withdrawn => withdrawn::look(&mut session).await,
        Target::Access(desired) => provision::provision(&mut session, desired).await.map(done),
        // Carried out with others of its group.
        Target::Membership { .. } => Err(Interrupt::Park("a membership without a group".into())),
        Target::NoAccess { known_as } => deprovision::deprovision(&mut session, known_as).await.map(done),
    };
    let ending = match result {
        Ok(ending) => ending,
        Err(interrupt) => end(&mut session, interrupt).await,
    };
    let finished = Finished::new(action, session.attempts, ending);
    if line.manner.manager.is_some() {
        line.newcomers.note(&finished);
    }
    if !finished.is_to_go_on() {
        line.gate.forget(action.action_id);
    }
    finished
}

/// A fault on purpose: an account whose id is known is stored as it is to be, before anything is sent.
async fn commit_before_call<P: ScimPort>(line: &Line<P>, action: &Claimed, lease: Lease) {
    let Some(scim_id) = action.scim_id.clone() else { return };
    let active = matches!(action.target, Target::Access(_));
    let account = Account { scim_id, active, attributes: action.target.attributes().clone() };
    let done = Finished::new(action, Vec::new(), Ending::Done { account: Some(account) });
    let now = line.clock.now();
    let claim = Claim {
        owner: "",
        limit: 0,
        now,
        horizon: line.horizon(),
        lease_until: lease.until,
        batch: 1,
        fresh_from: now,
    };
    let _ = line.store.turn(&[done], &claim).await;
}

/// What an account looks like once the action is confirmed.
type Confirmed = Option<Account>;

fn done(account: Confirmed) -> Ending {
    Ending::Done { account }
}

async fn end<P: ScimPort>(session: &mut Session<'_, P>, interrupt: Interrupt) -> Ending {
    let now = session.line.clock.now();
    let attempt = session.action.attempts + 1;
    let uncertain = session.uncertain;
    let again = |wait: Duration, counts: bool, reason: String| Ending::Again {
        not_before: now + wait,
        counts,
        uncertain,
        reason,
    };
    match interrupt {
        Interrupt::Failed(failure) => end_failed(session, &failure, attempt).await,
        Interrupt::NotYet(reason) => not_yet(session, session.action.attempts, reason),
        Interrupt::Stopping | Interrupt::Outage(_) if session.attempts.is_empty() => Ending::Untouched,
        Interrupt::Stopping => again(Duration::ZERO, false, "the daemon was asked to stop".into()),
        Interrupt::Outage(message) => again(Duration::ZERO, false, message),
        Interrupt::Park(reason) => Ending::Parked { uncertain, reason },
        // The guarded update will find that the action is not ours; the reason is for nobody.
        Interrupt::LeaseLost => again(Duration::ZERO, false, "the lease was lost".into()),
        Interrupt::Store(error) => again(Duration::from_secs(1), false, error.to_string()),
    }
}

/// Worth another look, and then an operator's case. `attempts`: those so far.
fn not_yet<P: ScimPort>(session: &Session<'_, P>, attempts: u32, reason: String) -> Ending {
    let (attempt, uncertain) = (attempts + 1, session.uncertain);
    if attempt >= TRIES_UNTIL_BELIEVED {
        return Ending::Parked { uncertain, reason };
    }
    let wait = backoff(attempt, &session.line.manner.retry, session.line.random.unit());
    Ending::Again { not_before: session.line.clock.now() + wait, counts: true, uncertain, reason }
}

async fn end_failed<P: ScimPort>(session: &mut Session<'_, P>, failure: &Failure, attempt: u32) -> Ending {
    let line = session.line;
    let now = line.clock.now();
    let uncertain = session.uncertain;
    let reason = said(failure);
    // While Workiva is down nothing is tried, and behind that whoever was not tried before goes first.
    let earliest = line.gate.pause().map_or(now, |pause| pause.until.max(now));
    if session.blame == Blame::Workiva {
        let wait = backoff(1, &line.manner.retry, line.random.unit());
        return Ending::Again { not_before: earliest + wait, counts: false, uncertain, reason };
    }
    let counts = line.gate.counts(session.action.action_id, session.blame);
    match next(failure, attempt, &line.manner.retry, now, line.random.unit()) {
        Next::PausePool if failure.kind == FailureKind::Forbidden && listing_is_allowed(line).await => {
            let whose = match (session.blame, session.action.kind) {
                (Blame::Unclear, _) => {
                    "Either it refuses this for this user alone, who may be owned elsewhere (by another organization), or the SCIM user may \
                     not change users any more"
                }
                (_, ActionKind::Create) => "Workiva refuses to make this user, and accepts changes of others",
                _ => {
                    "Workiva refuses this for this user alone: it may belong to another organization (a user owned elsewhere cannot be \
                     edited)"
                }
            };
            let reason = format!("{reason}. {whose}");
            match session.blame {
                Blame::Unclear => not_yet(session, session.action.attempts, reason),
                _ => Ending::Parked { uncertain, reason },
            }
        }
        Next::PausePool => {
            if failure.kind == FailureKind::Forbidden {
                line.gate.credentials_refused(now, line.random.unit(), FORBIDDEN);
            }
            // A little while keeps a failing connection from being asked as fast as the queue turns.
            let wait = backoff(1, &line.manner.retry, line.random.unit());
            Ending::Again { not_before: now + wait, counts: false, uncertain, reason }
        }
        Next::Throttle { wait } => Ending::Again { not_before: now + wait, counts: false, uncertain, reason },
        Next::Again { wait } => Ending::Again { not_before: earliest + wait, counts, uncertain, reason },
        // It may be everybody's: nothing is parked for that.
        Next::Park if !counts => {
            let wait = backoff(attempt, &line.manner.retry, line.random.unit());
            Ending::Again { not_before: earliest + wait, counts, uncertain, reason }
        }
        Next::Park if failure.is_transient() => Ending::Parked {
            uncertain,
            reason: format!("{attempt} attempts failed, the last one so: {reason}"),
        },
        Next::Park => Ending::Parked { uncertain, reason },
    }
}

/// A 403 may mean this user, or everything.
async fn listing_is_allowed<P: ScimPort>(line: &Line<P>) -> bool {
    let listing = line.exchange(&ScimRequest::ListUsers { start_index: 1, count: 1 }).await;
    listing.is_ok_and(|exchange| exchange.result.is_ok())
}

fn said(failure: &Failure) -> String {
    match failure.status {
        Some(status) => format!("Workiva answered {status}: {}", failure.message),
        None => format!("{}: {}", failure.kind, failure.message),
    }
}

impl<P: ScimPort> Session<'_, P> {
    /// Whether Workiva has to be read before it is written.
    fn must_verify(&self) -> bool {
        (self.uncertain || self.action.attempts > 0) && !planted::is(Fault::ForgottenUncertainty)
    }

    fn is_delete(&self) -> bool {
        self.action.kind == ActionKind::Delete
    }
}
