//! How the process ends. `--help`, the manual page and docs/reference/exit-codes.md are made from what stands here.

use std::fmt::Write;
use std::process::ExitCode;

/// How the process ends (fixed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Anything else that went wrong.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Held by the guard.
    Held = 3,
    /// Ended with parked or rejected ones.
    Leftovers = 4,
    /// The HR source failed or was incomplete.
    Source = 5,
    /// Workiva could not be reached or refused the credentials.
    Workiva = 6,
}

/// What holds for all of them, a sentence a line.
const BESIDES: [&str; 3] = [
    "Where several apply to sync or plan, 6 goes before 5, 5 before 3, and 3 before 4.",
    "A reader that goes away (`… | head -1`) changes none of them.",
    "An answer that cannot be written for another reason, such as a full disk, makes a 0 a 1.",
];

impl Exit {
    /// All of them, by their numbers.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Failed, Self::Usage, Self::Held, Self::Leftovers, Self::Source, Self::Workiva];

    /// What it means, whatever the command.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do",
            Self::Failed => "anything else that went wrong",
            Self::Usage => "usage or configuration",
            Self::Held => "held by the guard",
            Self::Leftovers => {
                "records were rejected, somebody waits for a decision of adopt, or keeps access since an operator discarded its end"
            }
            Self::Source => "the HR source failed or was incomplete",
            Self::Workiva => "Workiva could not be reached, or refused the credentials",
        }
    }

    /// What else it means from single commands.
    pub fn from_commands(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Done | Self::Workiva => &[],
            Self::Failed => &[
                ("approve, reject, apply", "there is no such plan, or it waits no more"),
                ("explain, plan --employee", "nobody has this id"),
                ("rules test", "an example came otherwise than expected"),
                ("alerts test", "a channel did not take the message"),
                ("audit verify", "the audit is not whole"),
            ],
            Self::Usage => &[
                ("check", "a grant means no group of Workiva's, or several"),
                ("rules test", "the table cannot be used"),
                ("source preview", "no source has this name"),
                ("alerts test", "there is no channel"),
            ],
            Self::Held => &[
                ("approve, apply", "the plan is stale"),
                ("approve", "the plan has expired"),
                ("drift --repair", "too many for a repair"),
            ],
            Self::Leftovers => &[
                ("sync", "actions are parked, also those of earlier runs"),
                ("check", "not one record of a source, or of all together, can be used"),
                ("adopt", "somebody is in doubt"),
                ("drift", "somebody was changed and is not led back"),
            ],
            Self::Source => &[
                (
                    "sync, plan, adopt",
                    "of several sources one did; the others were planned, applied or linked",
                ),
                ("source preview", "a source failed; what came until then is shown"),
            ],
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// All of them in words, as `--help` shows them.
pub(super) fn in_words() -> String {
    let mut text = String::from("Exit codes:\n");
    // Writing to a text cannot fail.
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {}  {}", exit as u8, exit.meaning());
        for (command, meaning) in exit.from_commands() {
            let _ = writeln!(text, "       {command}: {meaning}");
        }
    }
    for sentence in BESIDES {
        let _ = write!(text, "\n{sentence}");
    }
    text
}
