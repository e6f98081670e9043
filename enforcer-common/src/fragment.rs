//! What is remembered of a first fragment, for the later ones of its packet.
//!
//! Two words, each read by one load. The element may be recycled between the look-up and the second load, so the
//! word that decides carries a tag of its key.

use crate::{Reason, flow::Ground};

/// An entry of the tables of fragments, 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Remembered {
    /// Generation in the upper half, seconds since boot in the lower.
    age: u64,
    /// Rule 30 bits, reason 4 (0: passed), ground 2, reach 11, tag 17.
    verdict: u64,
}

const _: () = assert!(size_of::<Remembered>() == 16);

impl Remembered {
    /// The longest reach that can be remembered; a first fragment with a longer one is a fault.
    pub const REACH: u32 = 0x7ff;

    /// From its parts. `rule` is below 2³⁰, `tag` is from [`Remembered::tag_of`].
    #[must_use]
    #[inline(always)]
    pub const fn new(
        generation: u32,
        seconds: u32,
        tag: u32,
        reach: u32,
        reason: Option<Reason>,
        rule: u32,
        ground: Ground,
    ) -> Self {
        let number = match reason {
            None => 0,
            Some(reason) => reason as u64,
        };
        Self {
            age: (generation as u64) << 32 | seconds as u64,
            verdict: (rule as u64) << 34
                | (number & 0xf) << 30
                | (ground as u64) << 28
                | ((reach & Self::REACH) as u64) << 17
                | (tag & 0x1_ffff) as u64,
        }
    }

    /// From the two words of the table.
    #[must_use]
    #[inline(always)]
    pub const fn from_words(age: u64, verdict: u64) -> Self {
        Self { age, verdict }
    }

    /// The part of a key's fingerprint that an entry has room for.
    #[must_use]
    #[inline(always)]
    pub const fn tag_of(fingerprint: u32) -> u32 {
        fingerprint >> 15
    }

    /// The endpoint's generation at the judgement.
    #[must_use]
    #[inline(always)]
    pub const fn generation(self) -> u32 {
        (self.age >> 32) as u32
    }

    /// When it was judged, in seconds since boot.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of the word")]
    pub const fn seconds(self) -> u32 {
        self.age as u32
    }

    /// The tag of its key.
    #[must_use]
    #[inline(always)]
    pub const fn tag(self) -> u32 {
        (self.verdict & 0x1_ffff) as u32
    }

    /// Bytes from the start of the fragmentable part to the end of the upper-layer header.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "cut out of the word by its width")]
    pub const fn reach(self) -> u32 {
        (self.verdict >> 17) as u32 & Self::REACH
    }

    /// Why it was dropped; `None` when it passed.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "cut out of the word by its width")]
    pub fn reason(self) -> Option<Reason> {
        match (self.verdict >> 30) as u8 & 0xf {
            0 => None,
            number => Some(Reason::from_number(number).unwrap_or(Reason::Inconsistent)),
        }
    }

    /// The rule that dropped it, or 0.
    #[must_use]
    #[inline(always)]
    pub const fn rule(self) -> u32 {
        (self.verdict >> 34) as u32
    }

    /// Why it passed.
    #[must_use]
    #[inline(always)]
    pub const fn ground(self) -> Ground {
        match self.verdict >> 28 & 3 {
            1 => Ground::Node,
            2 => Ground::Own,
            _ => Ground::Rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        let reasons = Reason::ALL.into_iter().map(Some).chain([None]);
        for (reason, ground) in reasons.zip([Ground::Rules, Ground::Node, Ground::Own].into_iter().cycle()) {
            for (rule, reach) in [(0, 0), ((1 << 30) - 1, 8), (7, 0x7ff)] {
                let tag = Remembered::tag_of(u32::MAX);
                let entry = Remembered::new(u32::MAX - 1, 31, tag, reach, reason, rule, ground);
                assert_eq!((entry.generation(), entry.seconds(), entry.tag()), (u32::MAX - 1, 31, tag));
                assert_eq!((entry.reason(), entry.rule(), entry.reach()), (reason, rule, reach));
                assert_eq!(entry.ground(), ground);
            }
        }
    }
}
