//! `actions list|retry|discard`.

use std::path::Path;

use super::decide::user;
use super::table::Grid;
use super::terminal::say;
use super::{ActionsCommand, Exit, WhichActions, print_json, store_of};
use crate::compose::{Surroundings, load_config};
use crate::store::{ParkedAction, Store};

/// Lists parked actions, or decides about them.
pub async fn actions(config: &Path, command: ActionsCommand) -> anyhow::Result<Exit> {
    let now = Surroundings::real().clock.now();
    let (done, asked, what) = match command {
        ActionsCommand::List(flag) => {
            let loaded = load_config(config)?;
            let parked = Store::open_known(&loaded.rules.database).await?.parked().await?;
            match (flag.json, parked.is_empty()) {
                (true, _) => print_json(&parked)?,
                (false, true) => say!("nothing is parked"),
                (false, false) => parked_table(&parked).print(),
            }
            return Ok(Exit::Done);
        }
        ActionsCommand::Retry(which) => {
            let store = store_of(config).await?;
            (
                store.retry_parked(ids(&which), which.decider.by(&user()), now).await?,
                which,
                "back in the queue",
            )
        }
        ActionsCommand::Discard(which) => {
            let store = store_of(config).await?;
            (store.discard_parked(ids(&which), which.decider.by(&user()), now).await?, which, "discarded")
        }
    };
    let done = done.len();
    say!("{done} {what}");
    let missed = !asked.all && done < asked.ids.len();
    if missed {
        let others = if what == "discarded" {
            "not parked"
        } else {
            "neither parked nor discarded, or a newer one counts"
        };
        say!("the others are {others}; `workiva-sync actions list` shows those that are parked");
    }
    Ok(if missed { Exit::Failed } else { Exit::Done })
}

fn ids(which: &WhichActions) -> Option<&[i64]> {
    (!which.all).then_some(&which.ids)
}

/// Parked actions as a table.
pub fn parked_table(parked: &[ParkedAction]) -> Grid {
    let mut table = Grid::new(&["id", "employee", "action", "attempts", "because", "parked, as"]);
    for one in parked {
        let (id, attempts) = (one.action_id.to_string(), one.attempts.to_string());
        let reason = match one.withdrawn {
            true => format!(
                "withdrawn, since HR has taken it back: a retry asks and sends nothing. {}",
                one.reason
            ),
            false => one.reason.clone(),
        };
        let what =
            one.group.as_ref().map_or_else(|| one.kind.clone(), |group| format!("{} {group}", one.kind));
        table.row([&id, &one.employee_id, &what, &attempts, &one.because, &reason]);
    }
    table
}
