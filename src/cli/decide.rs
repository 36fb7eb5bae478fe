//! `approve` and `reject`.

use std::path::Path;

use super::terminal::say;
use super::{DecideArgs, DeciderArgs, Exit, name, open, store_of};
use crate::compose::{Surroundings, engine, load_config};
use crate::core::audit::By;
use crate::store::Approval;

/// Releases a held plan. The daemon, or the next `sync`, sends it.
pub async fn approve(config: &Path, args: &DecideArgs) -> anyhow::Result<Exit> {
    let plan = &args.plan;
    let loaded = load_config(config)?;
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &Surroundings::of_one_run(), true).await?;
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

/// The accounts of this machine, one a line: name, password, number and so on.
const ACCOUNTS: &str = "/etc/passwd";

/// Who decides, where nobody is named: the account by which this process runs. Not what `USER` says, which anybody can set.
pub fn user() -> String {
    let number = rustix::process::getuid().as_raw();
    let accounts = std::fs::read(ACCOUNTS).unwrap_or_default();
    account(&String::from_utf8_lossy(&accounts), number).unwrap_or_else(|| format!("uid {number}"))
}

/// The name of an account, by its number.
fn account(accounts: &str, number: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (called, _, its) = (parts.next()?, parts.next()?, parts.next()?);
        (its.parse() == Ok(number)).then(|| name(called).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_by_its_number_alone_and_a_name_that_no_log_can_show_is_none() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\n#\nops:x:1000:1000::/:\nbad\tname:x:7:7::/:\n:x:8:8::/:";
        assert_eq!(account(accounts, 1000).as_deref(), Some("ops"));
        assert_eq!(account(accounts, 0).as_deref(), Some("root"));
        assert!([1, 7, 8, 100].iter().all(|number| account(accounts, *number).is_none()));
        assert_eq!(account("", 0), None);
    }
}
