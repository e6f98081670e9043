//! What `cargo xtask mutants` runs for a mutant that `quick` did not notice.

#[path = "../host_fast.rs"]
mod fast;
#[path = "../host_noise.rs"]
mod noise;
#[path = "../host_packets.rs"]
mod packets;
#[path = "../host_races.rs"]
mod races;
#[path = "../host_verdicts.rs"]
mod verdicts;
