//! `federation`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    federation::cli::main(std::env::args_os())
}
