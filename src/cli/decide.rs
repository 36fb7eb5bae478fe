//! `approve` and `reject`.

use std::path::Path;

use super::terminal::say;
use super::{DecideArgs, DeciderArgs, Exit, open, store_of};
use crate::compose::{Surroundings, engine, load_config};
use crate::core::audit::By;
use crate::store::Approval;

/// Releases a held plan. The daemon, or the next `sync`, sends it.
pub async fn approve(config: &Path, args: &DecideArgs) -> anyhow::Result<Exit> {
    let plan = &args.plan;
    let loaded = load_config(config)?;
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &Surroundings::real(), true).await?;
    match engine.approve(plan, args.decider.by(&user())).await? {
        Approval::Released(number) => {
            say!(
                "plan {plan} is released: {number} actions; the daemon sends them now, or the next `workiva-sync sync`"
            );
            Ok(Exit::Done)
        }
        Approval::Stale(why) => {
            say!("plan {plan} is stale and stays held: {why}. The next run makes a new plan");
            Ok(Exit::Held)
        }
        Approval::Expired => {
            say!(
                "plan {plan} has expired: nobody decided about it within guard.hold_expires_hours. The next run holds a new plan \
                 where its cause is still there"
            );
            Ok(Exit::Held)
        }
        Approval::NotHeld { state } => not_held(plan, state),
    }
}

/// Drops a held plan.
pub async fn reject(config: &Path, args: &DecideArgs) -> anyhow::Result<Exit> {
    let plan = &args.plan;
    let store = store_of(config).await?;
    let now = Surroundings::real().clock.now();
    if store.reject(plan, args.decider.by(&user()), now).await? {
        say!(
            "plan {plan} is dropped; nobody's access changes. The next run plans anew, and holds again what is too much"
        );
        return Ok(Exit::Done);
    }
    not_held(plan, None)
}

fn not_held(plan: &str, state: Option<String>) -> anyhow::Result<Exit> {
    match state {
        Some(state) => say!("plan {plan} is not held: it is {state}"),
        None => say!("no held plan is called {plan}; `workiva-sync status` names the one that is held"),
    }
    Ok(Exit::Failed)
}

impl DeciderArgs {
    /// Who decides, `user` where nobody is named.
    pub fn by<'a>(&'a self, user: &'a str) -> By<'a> {
        By { name: self.by.as_deref().unwrap_or(user), reason: self.reason.as_deref() }
    }
}

/// Who decides, where nobody is named: the user of this process.
pub fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "command line".into())
}
