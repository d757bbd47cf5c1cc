//! Builds again when a migration is added: embedding notices changed files, not new folders.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
    println!("cargo::rerun-if-changed=../../migrations/sqlite-metrics");
}
