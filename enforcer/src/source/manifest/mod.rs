//! A folder of YAML, read and re-read.
//!
//! `files` → `document` (text → trees with line numbers) → `object` (what is in it: identity, Lists)
//! → `decode` (strict types, then [`convert`](super::convert)) → `ledger` (last good versions,
//! duplicates, the difference). Only `files` and `watch` touch the file system.

mod decode;
mod document;
mod files;
mod folder;
mod ledger;
mod object;
mod tree;
mod watch;

pub(super) use decode::decode_typed;
pub(super) use document::parse_documents;
pub(super) use files::read_text;
pub(super) use tree::{Node, Tree};

pub use folder::{Counts, Folder, Reading};
pub use watch::{Watch, WatchError};
