//! From the kernel's events to records that people read: decoded, named, written.

mod decode;
mod directory;
mod record;
mod text;
mod writer;

pub use decode::decode;
pub use directory::Directory;
pub use record::{Applied, DropRecord, EndpointName, Party, Record, RuleReference};
pub use writer::{Format, Writer};
