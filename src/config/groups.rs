//! Rules for what roles grant.

use super::error::ConfigError;
use super::settings::Settings;
use crate::core::grants::Manage;

/// For how long Workiva holds some requests before it fails them (D).
const HELD_SECONDS: u64 = 30;

/// Checks `grants`, and what `groups.manage` needs.
pub(super) fn check(settings: &Settings, errors: &mut Vec<ConfigError>) {
    let access = &settings.access;
    let of_roles = access.roles.iter().enumerate();
    let of_roles = of_roles.map(|(at, role)| (format!("access.roles[{at}].grants"), &role.grants));
    let mut any = false;
    for (key, grants) in std::iter::once(("access.grants".to_owned(), &access.grants)).chain(of_roles) {
        for (at, grant) in grants.iter().enumerate() {
            any = true;
            if grant.trim().is_empty() {
                let message = "is empty; write the id or the display name of one of Workiva's groups";
                errors.push(ConfigError::new(format!("{key}[{at}]"), message));
            }
            if grants[..at].contains(grant) {
                let message = "is there twice; leave one out";
                errors.push(ConfigError::with_value(format!("{key}[{at}]"), grant, message));
            }
        }
    }
    if settings.groups.manage == Manage::Exclusive && settings.guard.max_exclusive_revoke_count.is_none() {
        let message = "is required with groups.manage = \"exclusive\": how many memberships that workiva-sync did not give may \
                       end in one run";
        errors.push(ConfigError::new("guard.max_exclusive_revoke_count", message));
    }
    let timeout = settings.workiva.timeout_seconds;
    if any && timeout <= HELD_SECONDS {
        let message = format!(
            "has to be longer than {HELD_SECONDS} where roles grant groups: Workiva holds a request so long that needs a workspace \
             which a user is not in, and an answer that nobody waits for tells nothing"
        );
        errors.push(ConfigError::with_value("workiva.timeout_seconds", timeout, message));
    }
    if settings.groups.manage == Manage::Exclusive && !any {
        let message =
            "is \"exclusive\", but no role grants anything; add grants to access.roles, or leave it out";
        errors.push(ConfigError::new("groups.manage", message));
    }
}
