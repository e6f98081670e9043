//! Builders, generators, the oracle, and network-namespace labs for the test programs.

pub mod agent;
pub mod builder;
pub mod compare;
pub mod demo;
pub mod flow_case;
pub mod fragments;
pub mod frame;
pub mod fuzz;
pub mod generate;
pub mod lab;
pub mod node;
pub mod oracle;
pub mod poll;
pub mod prove;
pub mod race;
pub mod reason;
pub mod scene;
pub mod shop;
pub mod text;
pub mod wire;
