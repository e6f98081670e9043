//! The API server as a source: one watch for each kind, folded into one snapshot.
//!
//! `access` (how to reach the server) → `request` → `lines` → `wire` (an object's JSON) → `reading` (cut down to
//! [`model`](crate::model)) → `watch` (list, watch, list again) → `source` (folds what all watches tell).
//! `resource` lists the kinds. `direct` asks for single objects, for a pod that begins; `versions` tells which of what the
//! two have told is newer. `post` writes.
//!
//! Why the list-and-watch loop is our own, on `kube`'s client, and not that of its `runtime`:
//! - A list must never be older than what was seen before, or policies that are gone would come back for a while. The
//!   runtime's streaming list asks for version "0", which lets a server that lags answer from its past; here no list
//!   names a version, which the API calls a consistent read.
//! - `Retry-After` is a header, and the runtime's errors have none; an overloaded server asks by it to be left alone.
//! - One object that cannot be decoded fails a typed list as a whole, and with it the kind. Here it is one [`Problem`].
//! - An object is cut down as soon as its line is there; the runtime holds a page of whole objects.
//!
//! What a relist finds is folded in one step, and nothing is enforced before every kind was listed once. What cannot
//! be had any more (an outage, a refusal) leaves the kind as it was; [`KindSync`] says since when.
//!
//! [`Problem`]: super::Problem

mod access;
mod backoff;
mod direct;
mod fault;
mod lines;
mod local;
mod post;
mod reading;
mod request;
mod resource;
mod source;
mod sync;
mod versions;
mod watch;
mod wire;

pub use access::{Access, AccessError};
pub use direct::{Answer, AskError, Asker};
pub use post::{PostError, Poster};
pub use request::Limits;
pub use source::{Change, Settings, Source};
pub use sync::{KindSync, Outage};
