//! The binary: everything is in the library.

use std::process::ExitCode;

/// Gives memory back once a plan is stored. The system's allocator keeps most of it: behind a first load of 100,000 people 310 MiB rather
/// than 60 MiB (docs/deployment.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A core would hold the secrets. Where the system does not know how to leave none, there is nothing else to do about it.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    workiva_sync::cli::main()
}
