//! What the next run would do for one person.

use serde::Serialize;
use utoipa::ToSchema;

use crate::core::action::ActionKind;
use crate::core::plan::Plan;
use crate::core::state::{OpenState, PersonState};

/// What the next run would do for this person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Next {
    /// In one word.
    pub step: NextStep,
    /// The kind of action, where one would be planned, or was discarded.
    pub kind: Option<ActionKind>,
    /// Why, in words, where one would be planned; and where one was discarded, how it is taken up again.
    pub because: Option<String>,
}

/// What a run does for somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Nothing: the account is as it should be, or nobody may be judged.
    #[default]
    Nothing,
    /// An action would be planned.
    Act,
    /// An action under way does it, or has to end first.
    UnderWay,
    /// Nothing: an operator discarded the action that would do it.
    Discarded,
    /// A waiting action is not needed any more.
    Withdraw,
    /// Nothing, until it is decided which Workiva user is theirs; see `adopt`.
    WaitsForDecision,
}

/// What this plan of one person comes to; `state`: what is known of them.
pub(super) fn next(plan: &Plan, state: Option<&PersonState>) -> Next {
    if let Some(action) = plan.actions.first() {
        let because = Some(action.because.clone());
        return Next { step: NextStep::Act, kind: Some(action.kind), because };
    }
    let step = if plan.pending > 0 {
        if let Some(next) = state.and_then(discarded) {
            return next;
        }
        NextStep::UnderWay
    } else if !plan.withdrawals.is_empty() {
        NextStep::Withdraw
    } else if plan.has_undecided() {
        NextStep::WaitsForDecision
    } else {
        NextStep::Nothing
    };
    Next { step, ..Next::default() }
}

/// Of somebody for whom something is left to do: that it was given up, unless anything else is still under way on the account, or on a
/// membership where the account is as it should be.
fn discarded(state: &PersonState) -> Option<Next> {
    let (kind, action_id, takes_over) = match &state.open {
        Some(open) if open.state != OpenState::Discarded => return None,
        Some(open) => (open.kind, open.action_id, open.moved_from.as_ref()),
        None => {
            let is_under_way = |state: OpenState| state != OpenState::Discarded;
            if state.open_memberships.values().any(|open| is_under_way(open.state)) {
                return None;
            }
            let open = state.open_memberships.values().next()?;
            (if open.joins { ActionKind::Grant } else { ActionKind::Revoke }, open.action_id, None)
        }
    };
    let until = "that lasts until HR or the configuration wants another end for them";
    let because = match takes_over {
        None => format!(
            "an operator discarded action {action_id}, and {until}; `workiva-sync actions retry {action_id}` takes it up again"
        ),
        Some(old) => format!(
            "an operator discarded action {action_id}, which takes over the account of employee {old}, and {until}"
        ),
    };
    Some(Next { step: NextStep::Discarded, kind: Some(kind), because: Some(because) })
}
