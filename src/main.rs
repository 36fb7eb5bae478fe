//! The binary: everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// A push is small allocations on several threads, where the system's allocator spends a tenth of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    workiva_sync::cli::main()
}
