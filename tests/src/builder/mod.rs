//! Clusters and policies in a few words, for tests that are written by hand.
//!
//! ```
//! use enforcer_tests::builder::{cluster, labels, policy, pods, rule, tcp};
//!
//! let cluster = cluster()
//!     .namespace("shop", [("team", "x")])
//!     .pod("shop/web", [("app", "web")], ["10.0.0.1"])
//!     .pod("shop/db", [("app", "db")], ["10.0.0.2"])
//!     .policy(policy("shop/db").select(labels([("app", "db")])).ingress([rule(
//!         [pods(labels([("app", "web")]))],
//!         [tcp(5432)],
//!     )]))
//!     .build();
//! assert_eq!(cluster.pods.len(), 2);
//! ```
//!
//! Everything here panics on text that is not what it should be: the test is wrong then.

mod cluster;
mod policy;
mod selector;

pub use cluster::{ClusterBuilder, cluster, endpoint, name};
pub use policy::{
    PolicyBuilder, any, block, named, pods, pods_in, policy, range, rule, sctp, tcp, udp, whole_protocol,
};
pub use selector::{does_not_exist, everything, exists, expressions, is_in, labels, not_in};
