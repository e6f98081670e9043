//! What the fuzz targets do with their bytes. It stands here and not beside the targets, so that ordinary tests
//! play the same: the seeds, and every input that ever failed (`tests/fuzz/regressions`).

mod bytes;
mod decide;
mod parser;
mod seed;
#[cfg(feature = "agent")]
mod yaml;

pub use decide::decide;
pub use parser::parser;
pub use seed::seeds;
#[cfg(feature = "agent")]
pub use yaml::yaml;

/// A fuzz target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Bytes as a frame: the parser against somebody else's.
    Parser,
    /// Bytes as frames and changes: one event for each drop, one count for each packet.
    Decide,
    #[cfg(feature = "agent")]
    /// Bytes as a manifest: clear problems, and what is accepted can be planned.
    Yaml,
}

impl Target {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Parser,
        Self::Decide,
        #[cfg(feature = "agent")]
        Self::Yaml,
    ];

    /// Its name, of its program and of its folders.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parser => "parser",
            Self::Decide => "decide",
            #[cfg(feature = "agent")]
            Self::Yaml => "yaml",
        }
    }

    /// Plays an input.
    ///
    /// # Panics
    /// When something is wrong.
    pub fn play(self, data: &[u8]) {
        match self {
            Self::Parser => parser(data),
            Self::Decide => decide(data),
            #[cfg(feature = "agent")]
            Self::Yaml => yaml(data),
        }
    }
}
