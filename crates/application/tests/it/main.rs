//! The use cases, with time in hand and a store that can be taken away.

mod catalog;
mod outage;
mod presence;
mod restart;
mod world;
