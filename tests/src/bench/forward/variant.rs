//! What is compared.

/// What a pair of pods has on its interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// No program.
    Without,
    /// The same once more: what two pairs differ by that do not differ.
    Again,
    /// The programs; no policy selects the pods.
    Attached,
    /// The programs and one policy on each of the two pods.
    One,
    /// The programs and 100 policies on each.
    Hundred,
}

impl Variant {
    /// All; the first is what the others are measured against.
    pub(super) const ALL: [Self; 5] = [Self::Without, Self::Again, Self::Attached, Self::One, Self::Hundred];

    /// As part of a case's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Without => "without",
            Self::Again => "without-again",
            Self::Attached => "no-policy",
            Self::One => "1-policy",
            Self::Hundred => "100-policies",
        }
    }

    /// Whether its pods carry the programs.
    pub(super) const fn is_enforced(self) -> bool {
        !matches!(self, Self::Without | Self::Again)
    }

    /// How many policies select each of its pods.
    pub(super) const fn policies(self) -> u16 {
        match self {
            Self::Without | Self::Again | Self::Attached => 0,
            Self::One => 1,
            Self::Hundred => 100,
        }
    }
}
