//! Numbers of things, for messages. `cargo xtask` includes this file.

use std::fmt::Display;

/// A number and what it is of, given in the singular: `1 policy`, `2 policies`, `0 rule sets`.
pub fn quantity<N: Copy + Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let word = match one.strip_suffix('y') {
        _ if number == N::from(1) => one.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None => format!("{one}s"),
    };
    format!("{number} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_else_plural() {
        let cases = [
            (0_u64, "pod", "0 pods"),
            (1, "pod", "1 pod"),
            (2, "pod", "2 pods"),
            (0, "policy", "0 policies"),
            (1, "policy", "1 policy"),
            (21, "NetworkPolicy", "21 NetworkPolicies"),
            (2, "rule set", "2 rule sets"),
            (2, "way", "2 ways"),
        ];
        for (number, one, wanted) in cases {
            assert_eq!(quantity(number, one), wanted);
        }
    }
}
