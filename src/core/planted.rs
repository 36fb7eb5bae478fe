//! Faults that are planted on purpose, to see that the simulation finds them. Without the feature `planted-faults`, which is
//! off by default, none can be: [`is`] is then always false, and the compiler leaves what hangs on it out.

/// A fault that can be planted, each at its real place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// A process ends and renews leases that another has by now.
    SkippedFence = 1,
    /// A file that broke off counts as complete.
    DroppedCompleteness,
    /// A 404 means that the user is gone.
    BelievedNotFound,
    /// What may have taken effect unseen is done again without a look.
    ForgottenUncertainty,
    /// The end of an action is stored before its requests are answered.
    CommitBeforeCall,
    /// A suspension counts as done because it was accepted.
    UnseenSuspension,
    /// No limit of the guard trips.
    IgnoredGuard,
    /// Absence counts although a row without an employee id could be theirs.
    BelievedAbsence,
    /// A leaver loses access as the last day is over, whatever grace there is.
    ForgottenGrace,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SkippedFence,
        Self::DroppedCompleteness,
        Self::BelievedNotFound,
        Self::ForgottenUncertainty,
        Self::CommitBeforeCall,
        Self::UnseenSuspension,
        Self::IgnoredGuard,
        Self::BelievedAbsence,
        Self::ForgottenGrace,
    ];
}

#[cfg(feature = "planted-faults")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants one for the whole process; `None`: none any more.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Option<Fault>) {
    PLANTED.store(fault.map_or(0, |fault| fault as u8), std::sync::atomic::Ordering::SeqCst);
}

/// Whether this fault is planted.
#[cfg(feature = "planted-faults")]
pub fn is(fault: Fault) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::SeqCst) == fault as u8
}

/// Whether this fault is planted: never.
#[cfg(not(feature = "planted-faults"))]
pub const fn is(_: Fault) -> bool {
    false
}
