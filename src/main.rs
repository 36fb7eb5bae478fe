//! The binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A core would hold the secrets. Where the system does not know how to leave none, there is nothing else to do about it.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    workiva_sync::cli::main()
}
