//! A table of hand-built frames: for every drop reason the frames that earn it, and beside each a frame that
//! differs in one thing and passes.
//!
//! The same table is judged on the host's tables and by the kernel's programs, and what is written here is the
//! specification: verdict, reason, rule and event are compared with it, not only with each other.

mod bytes;
mod case;
mod error;
mod extension;
mod fragment;
mod free;
mod length;
mod link;
mod noise;
mod origin;
mod part;
mod rule;
mod setting;
mod solicitation;
mod step;
mod tag;

pub use crate::frame::Sender;
pub use bytes::{LOCAL_V4, LOCAL_V6, REMOTE_V4, REMOTE_V6};
pub use case::{Case, Fields, Step};
pub use noise::{Sent, noise};
pub use setting::{Setting, Stage};
pub use step::{check, judge};

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    [
        rule::cases(),
        link::cases(),
        solicitation::cases(),
        free::cases(),
        origin::cases(),
        length::cases(),
        fragment::cases(),
        part::cases(),
        error::cases(),
        extension::cases(),
        tag::cases(),
    ]
    .concat()
}
