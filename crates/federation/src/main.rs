//! The `federation` program; the library of the same name has the code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    federation::cli::main(std::env::args_os())
}
