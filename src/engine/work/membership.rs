//! Putting people into a group and taking them out: a batch of one group and direction, by as few requests as go well.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::action::{ActionKind, Target};
use crate::core::grants::{Given, Removal, is_workspace, workspace_of};
use crate::core::planted::{self, Fault};
use crate::core::scim::group::{GroupWalk, members_body};
use crate::core::scim::{Failure, FailureKind, RemoteGroup, ScimPort, ScimRequest};
use crate::engine::lease::Lease;
use crate::engine::members::Shown;
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Line, Session};
use crate::store::{AttemptRow, Claimed, Ending, Finished};

const GONE: &str =
    "Workiva has no such group any more; correct the grants in access, or make the group again and retry";
const LISTED: &str = "not revoked: Workiva answers 404 for the group, and its list of groups does not show that it is gone; see whether it \
                      is there, then retry";
const NO_PATHS: &str = "where it takes no path that names a member, see groups.removal";
const NOT_SHOWN: &str =
    "not granted: Workiva accepted the change, but the group does not show the user as a member";
const STILL_SHOWN: &str = "not revoked: Workiva accepted the change, but the group still shows the user as a member; take the user out \
                           in Workiva, then retry";

const LAST: &str = "not revoked: Workiva shows the user in none of the other workspaces in which they were confirmed, and suspends a user \
                    who is in none. Somebody has taken them out by hand: `workiva-sync drift --repair` gives that back, then retry";
const ALTERED: &str = "the database has another group for this action than was planned, so nothing is sent for it: it was altered by hand; \
                       see what `audit verify` says, then discard it";
const UNKNOWN: &str = "no Workiva user of this employee is known any more; the next run looks again";

/// One action of a batch.
struct Hand<'a> {
    action: &'a Claimed,
    /// Workiva's id of the user.
    user: String,
    attempts: Vec<AttemptRow>,
    ending: Option<Ending>,
}

/// A batch at work.
struct Batch<'a, P> {
    session: Session<'a, P>,
    group: &'a str,
    joins: bool,
    hands: Vec<Hand<'a>>,
    /// How many requests of the session have been noted with the actions that they were for.
    noted: usize,
}

/// Carries out a batch of claimed actions on one group, all of one direction.
pub async fn change<P: ScimPort>(line: &Line<P>, actions: &[Claimed], lease: Lease) -> Vec<Finished> {
    let Some(first) = actions.first() else { return Vec::new() };
    let Some(group) = &first.group else { return Vec::new() };
    let joins = first.kind == ActionKind::Grant;
    let planned = Target::Membership { group: group.clone(), joins };
    let hands = actions.iter().map(|action| {
        let user = action.scim_id.clone();
        let reason = match &action.target {
            target if *target != planned => Some(ALTERED),
            _ if user.is_none() => Some(UNKNOWN),
            _ => None,
        };
        let uncertain = action.uncertain && reason == Some(ALTERED);
        let ending = reason.map(|reason| Ending::Parked { uncertain, reason: reason.into() });
        Hand { action, user: user.unwrap_or_default(), attempts: Vec::new(), ending }
    });
    let hands = hands.collect();
    let session = Session::of(line, first, actions, lease);
    let mut batch = Batch { session, group, joins, hands, noted: 0 };
    if let Err(interrupt) = batch.carry_out().await {
        batch.note(&batch.open());
        if batch.session.uncertain {
            line.members.forget(group);
        }
        let ending = super::end(&mut batch.session, interrupt).await;
        for hand in batch.hands.iter_mut().filter(|hand| hand.ending.is_none()) {
            hand.ending = Some(ending.clone());
        }
    }
    let finished: Vec<Finished> = batch
        .hands
        .into_iter()
        .map(|hand| Finished::new(hand.action, hand.attempts, hand.ending.unwrap_or(Ending::Untouched)))
        .collect();
    for one in finished.iter().filter(|one| !one.is_to_go_on()) {
        line.gate.forget(one.action_id);
    }
    finished
}

impl<P: ScimPort> Batch<'_, P> {
    async fn carry_out(&mut self) -> Result<(), Interrupt> {
        let is_withdrawn = self.session.action.withdrawn;
        // Whoever failed before was alone since, and whatever may have been changed unseen was forgotten.
        let must_be_fresh = (self.session.uncertain && self.session.action.attempts == 0) || is_withdrawn;
        let all = self.open();
        if all.is_empty() {
            return Ok(());
        }
        let Some(shown) = self.shown(&all, must_be_fresh).await? else {
            return self.end_without_group(&all).await;
        };
        if is_withdrawn {
            self.learn(&all, shown);
            return Ok(());
        }
        self.end_those_there(&all, shown.as_deref()).await?;
        if !self.joins && is_workspace(self.group) {
            self.keep_what_is_the_last().await?;
        }
        let mut parts = vec![self.open()];
        while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
            if let Some((one, other)) = self.change_part(part).await? {
                parts.push(other);
                parts.push(one);
            }
        }
        Ok(())
    }

    /// Parks whom Workiva shows in no other workspace, though they were confirmed in one that stays: to take this one would suspend them,
    /// which nobody has decided.
    async fn keep_what_is_the_last(&mut self) -> Result<(), Interrupt> {
        let part = self.open();
        let ids: Vec<i64> = part.iter().map(|at| self.hands[*at].action.action_id).collect();
        let others = self.session.line.store.other_workspaces(&ids).await?;
        // Read anew, once for the batch: what is kept of a group may be from before somebody was put into it.
        let mut read: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
        for at in part {
            let Some(workspaces) = others.get(&self.hands[at].action.action_id) else { continue };
            let mut is_in_another = false;
            for workspace in workspaces {
                if !read.contains_key(workspace) {
                    let group = read_group(&mut self.session, workspace).await;
                    self.note(&[at]);
                    // Where the server does not show members, that is believed; where there is no such group, nobody is in it.
                    let members = group?.map_or_else(|| Some(BTreeSet::new()), |group| group.members);
                    read.insert(workspace.clone(), members);
                }
                let members = read.get(workspace).and_then(Option::as_ref);
                is_in_another |= members.is_none_or(|members| members.contains(&self.hands[at].user));
            }
            if !is_in_another {
                let uncertain = self.hands[at].action.uncertain;
                self.hands[at].ending = Some(Ending::Parked { uncertain, reason: LAST.into() });
            }
        }
        Ok(())
    }

    /// What has no end yet.
    fn open(&self) -> Vec<usize> {
        (0..self.hands.len()).filter(|at| self.hands[*at].ending.is_none()).collect()
    }

    /// Notes the newest requests with the actions that they were for.
    fn note(&mut self, part: &[usize]) {
        for at in part {
            self.hands[*at].attempts.extend_from_slice(&self.session.attempts[self.noted..]);
        }
        self.noted = self.session.attempts.len();
    }

    fn users(&self, part: &[usize]) -> Vec<String> {
        part.iter().map(|at| self.hands[*at].user.clone()).collect()
    }

    /// Who of a part is in the group now, or was a moment ago. `None`: there is no such group.
    async fn shown(&mut self, part: &[usize], fresh: bool) -> Result<Option<Shown>, Interrupt> {
        let users = self.users(part);
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let line = self.session.line;
        let recent = || line.members.recent(self.group, &users, line.clock.elapsed());
        // What was read a moment ago only tells whom a request is to be sent for. That nothing is left to do is no matter for it: another
        // process, or somebody by hand, may have been at the group since.
        let ends_nobody = |shown: &Shown| shown.as_ref().is_none_or(|shown| !shown.contains(&self.joins));
        if let Some(shown) = recent().filter(|shown| !fresh && ends_nobody(shown)) {
            return Ok(Some(shown));
        }
        let read = read_group(&mut self.session, self.group).await;
        self.note(part);
        let Some(group) = read? else { return Ok(None) };
        line.members.keep(self.group, group.members, line.clock.elapsed());
        Ok(recent())
    }

    /// Nobody is in a group that is gone: what was to end has ended. Nobody can be put into it either.
    async fn end_without_group(&mut self, part: &[usize]) -> Result<(), Interrupt> {
        let is_withdrawn = self.session.action.withdrawn;
        if self.joins && !is_withdrawn {
            return Err(Interrupt::Park(GONE.into()));
        }
        let is_gone = is_not_listed(&mut self.session, self.group).await;
        self.note(part);
        if !is_gone? {
            return Err(Interrupt::Park(LISTED.into()));
        }
        if is_withdrawn {
            self.learn(part, Some(vec![false; part.len()]));
            return Ok(());
        }
        for at in part {
            self.end_one(*at, Given::Ours).await?;
        }
        Ok(())
    }

    /// Of withdrawn actions only what they did is learnt. Where the server does not show members, a membership is assumed that can
    /// be taken back.
    fn learn(&mut self, part: &[usize], shown: Shown) {
        for (number, at) in part.iter().enumerate() {
            let is_member = shown.as_ref().is_none_or(|shown| shown[number]);
            let nothing = Ending::Withdrawn { learnt: None };
            let given = self.joins.then_some(Given::Ours);
            let done = Ending::Member { given, is_suspended: false };
            self.hands[*at].ending = Some(if is_member == self.joins { done } else { nothing });
        }
    }

    /// Ends what needs no request any more.
    async fn end_those_there(&mut self, part: &[usize], shown: Option<&[bool]>) -> Result<(), Interrupt> {
        let Some(shown) = shown else { return Ok(()) };
        for (number, at) in part.iter().copied().enumerate() {
            if shown[number] == self.joins {
                // What may be our own doing is taken for it: it has to be possible to take it back.
                let is_ours = self.hands[at].action.uncertain;
                self.end_one(at, if is_ours { Given::Ours } else { Given::Found }).await?;
            }
        }
        Ok(())
    }

    async fn end_one(&mut self, at: usize, given: Given) -> Result<(), Interrupt> {
        let is_suspended = !self.joins && is_workspace(self.group) && self.is_suspended(at).await?;
        let given = self.joins.then_some(given);
        self.hands[at].ending = Some(Ending::Member { given, is_suspended });
        Ok(())
    }

    /// Workiva suspends whoever is in no workspace any more.
    async fn is_suspended(&mut self, at: usize) -> Result<bool, Interrupt> {
        let user = self.hands[at].user.clone();
        let found = read_user(&mut self.session, &user).await;
        self.note(&[at]);
        Ok(matches!(found?, Found::Here(user) if user.active == Some(false)))
    }

    /// One request for a part of the batch. The answer are two halves to be tried instead, where it was refused.
    async fn change_part(&mut self, part: Vec<usize>) -> Result<Option<(Vec<usize>, Vec<usize>)>, Interrupt> {
        let users = self.users(&part);
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let removal = self.session.line.manner.removal;
        let body = members_body(users.iter().copied(), self.joins, removal);
        let before = self.session.uncertain;
        let written = self.session.write(&ScimRequest::PatchGroup { id: self.group.to_owned(), body }).await;
        self.note(&part);
        match written {
            Ok(answer) => {
                self.session.line.members.change(self.group, &users, self.joins);
                let group = answer.group();
                let shown = group.and_then(|group| group.members);
                let shown = shown.map(|all| users.iter().map(|user| all.contains(*user)).collect());
                self.confirm(&part, shown).await?;
                self.session.uncertain = before;
                Ok(None)
            }
            Err(Interrupt::Failed(failure)) if is_refusal(&failure) => self.refused(part, &failure).await,
            Err(Interrupt::Failed(failure))
                if failure.kind == FailureKind::NotSupported && !self.joins && removal == Removal::Each =>
            {
                Err(Interrupt::Park(format!("not revoked: {}; {NO_PATHS}", super::said(&failure))))
            }
            // It may be about one of several, whose batch goes on, or about everything.
            Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::Forbidden => {
                match super::listing_is_allowed(self.session.line).await {
                    true => self.refused(part, &failure).await,
                    false => Err(failure.into()),
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Somebody may have been there, or gone, already; of the others somebody may spoil it for all.
    async fn refused(
        &mut self,
        part: Vec<usize>,
        failure: &Failure,
    ) -> Result<Option<(Vec<usize>, Vec<usize>)>, Interrupt> {
        let Some(shown) = self.shown(&part, true).await? else {
            self.end_without_group(&part).await?;
            return Ok(None);
        };
        self.end_those_there(&part, shown.as_deref()).await?;
        let mut left: Vec<usize> = part.into_iter().filter(|at| self.hands[*at].ending.is_none()).collect();
        match left[..] {
            [] => Ok(None),
            [alone] => {
                let mut reason = format!(
                    "Workiva refuses this user in the group {}: {}",
                    self.group,
                    super::said(failure)
                );
                if !self.joins && self.session.line.manner.removal == Removal::Each {
                    reason += &format!("; {NO_PATHS}");
                }
                let Claimed { uncertain, attempts, .. } = *self.hands[alone].action;
                // The workspace around the group may have been confirmed a moment before Workiva goes by it everywhere.
                let ending = match self.joins && workspace_of(self.group).is_some() {
                    true => super::not_yet(&self.session, attempts, reason),
                    false => Ending::Parked { uncertain, reason },
                };
                self.hands[alone].ending = Some(ending);
                Ok(None)
            }
            _ => {
                let other = left.split_off(left.len() / 2);
                Ok(Some((left, other)))
            }
        }
    }

    /// What was accepted counts as far as it can be seen: where the answer does not show members, the group is read back. Where the server
    /// never shows them, it is believed.
    async fn confirm(&mut self, part: &[usize], shown: Shown) -> Result<(), Interrupt> {
        let shown = match shown {
            None if !planted::is(Fault::ForgottenUncertainty) => self.shown(part, true).await?.flatten(),
            shown => shown,
        };
        for (number, at) in part.iter().copied().enumerate() {
            let is_member = shown.as_ref().map_or(self.joins, |shown| shown[number]);
            if is_member == self.joins {
                self.end_one(at, Given::Ours).await?;
                continue;
            }
            self.session.line.members.forget(self.group);
            let reason = if self.joins { NOT_SHOWN } else { STILL_SHOWN };
            let attempts = self.hands[at].action.attempts;
            let ending = super::not_yet(&self.session, attempts, reason.into());
            self.hands[at].ending = Some(ending);
        }
        Ok(())
    }
}

/// A no that repeating does not change, and that may be about one of several.
fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Invalid | FailureKind::NotFound | FailureKind::Conflict)
}

/// Reads a group. `None`: there is none, and the list of groups is there.
async fn read_group<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
) -> Result<Option<RemoteGroup>, Interrupt> {
    let failure = match session.read(&ScimRequest::GetGroup { id: id.to_owned() }).await {
        Ok(answer) => match answer.group() {
            Some(group) => return Ok(Some(group)),
            None => Failure::new(FailureKind::Malformed, Some(answer.status), "the answer is no group"),
        },
        Err(Interrupt::Failed(failure)) => failure,
        Err(other) => return Err(other),
    };
    if failure.kind != FailureKind::NotFound {
        return Err(failure.into());
    }
    match session.read(&ScimRequest::ListGroups { start_index: 1, count: 1 }).await {
        Ok(_) => Ok(None),
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => {
            let message =
                "Workiva knows neither this group nor the list of groups; is workiva.base_url right?";
            Err(Failure::new(FailureKind::Malformed, Some(404), message).into())
        }
        Err(other) => Err(other),
    }
}

/// Whether the list of all groups, which shows others, shows this one no more.
async fn is_not_listed<P: ScimPort>(session: &mut Session<'_, P>, id: &str) -> Result<bool, Interrupt> {
    let mut walk = GroupWalk::new(session.line.manner.page_size);
    loop {
        let answer = session.read(&walk.next_request()).await?;
        if !walk.accept(&answer)? {
            break;
        }
    }
    let groups = walk.into_groups();
    Ok(!groups.is_empty() && groups.iter().all(|group| group.id != id))
}
