//! What `cargo xtask mutants` runs first for each mutant: the tests on the host that take no time, in one program,
//! since linking is what a mutant costs.

#[path = "../host_addresses.rs"]
mod addresses;
#[path = "../host_adoption.rs"]
mod adoption;
#[path = "../host_cases.rs"]
mod cases;
#[path = "../host_changes.rs"]
mod changes;
#[path = "../host_flows.rs"]
mod flows;
#[path = "../host_fragments.rs"]
mod fragments;
#[path = "../host_fuzz.rs"]
mod fuzz;
#[path = "../host_named_ports.rs"]
mod named_ports;
#[path = "../host_plans.rs"]
mod plans;
#[path = "../host_reasons.rs"]
mod reasons;
#[path = "../host_service_changes.rs"]
mod service_changes;
#[path = "../host_services.rs"]
mod services;
