//! Simulations of the domain's rules.

mod liveness;
