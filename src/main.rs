//! Parses the command line and calls the library.

use std::process::ExitCode;

/// A request makes some dozens of short-lived allocations; this allocator serves them at half the cost of the system's. Built
/// without huge pages (`no_thp`), of which an idle gateway would hold as many again as it uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bss_gateway::cli::run()
}
