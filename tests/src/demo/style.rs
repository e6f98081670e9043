//! Colours, where the output is a terminal that wants them.

use std::{
    env,
    io::{self, IsTerminal},
};

/// What a piece of text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// A connection, or a success.
    Good,
    /// A drop.
    Blocked,
    /// Worth a look: replicas that differ, a change.
    Notable,
    /// A failure.
    Bad,
    /// A heading.
    Strong,
    /// Of minor importance.
    Faint,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    coloured: bool,
}

impl Style {
    /// For the standard output.
    pub(super) fn new(no_color: bool) -> Self {
        let wanted = !no_color && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { coloured: wanted && io::stdout().is_terminal() }
    }

    /// The text in its colour.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.coloured {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Blocked => "31",
            Tone::Notable => "1;33",
            Tone::Bad => "1;31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
