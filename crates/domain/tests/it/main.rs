//! Simulations of the domain's rules.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod incidents;
mod liveness;
