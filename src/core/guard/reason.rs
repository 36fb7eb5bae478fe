//! Why a plan is held.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One tripped limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldReason {
    /// A stable name; docs/guard.md lists all of them.
    pub code: String,
    /// The figures, in words.
    pub message: String,
}

/// These doubt what is given or changed, and leave it at that whom the source shows as gone.
const DOUBTS_NO_END: [&str; 4] =
    ["create_count", "create_percent", "rename_percent", "config_change_percent"];

/// Whether one of these says that the source may be a wrong one as to who has left.
pub fn doubts_source(reasons: &[HoldReason]) -> bool {
    reasons.iter().any(|reason| !DOUBTS_NO_END.contains(&reason.code.as_str()))
}
