//! Images' names.

use anyhow::{Error, Result, ensure};
use std::{fmt, str::FromStr};

/// A whole name, `REGISTRY/PATH:TAG`: kubelets and runtimes complete the names that they are given, and look for the whole one
/// (<https://pkg.go.dev/github.com/distribution/reference>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    registry: String,
    path: String,
    tag: String,
}

impl Reference {
    /// A name that no registry serves.
    pub(crate) fn local(path: &str, tag: &str) -> Self {
        Self { registry: "localhost".to_owned(), path: path.to_owned(), tag: tag.to_owned() }
    }

    /// The part after the colon.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(!text.contains('@'), "a digest is not chosen");
        let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (registry, rest) = match text.split_once('/') {
            Some((registry, rest)) if is_registry(registry) => (registry, rest),
            _ => ("docker.io", text),
        };
        let (path, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
        let path = match path.contains('/') {
            false if registry == "docker.io" => format!("library/{path}"),
            _ => path.to_owned(),
        };
        ensure!(
            path.split('/').all(is_component),
            "`{path}`: small letters and digits, with . _ - between them"
        );
        ensure!(is_tag(tag), "`{tag}` is no tag");
        Ok(Self { registry: registry.to_owned(), path, tag: tag.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, path, tag } = self;
        write!(f, "{registry}/{path}:{tag}")
    }
}

fn is_component(part: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    part.starts_with(plain)
        && part.ends_with(plain)
        && part.chars().all(|letter| plain(letter) || "._-".contains(letter))
}

fn is_tag(tag: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|letter| word(letter) || ".-".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_kubelets_complete_them() -> Result<()> {
        for (text, whole) in [
            ("enforcer", "docker.io/library/enforcer:latest"),
            ("me/enforcer:1", "docker.io/me/enforcer:1"),
            ("localhost/enforcer:0.1.0", "localhost/enforcer:0.1.0"),
            ("localhost:5000/enforcer", "localhost:5000/enforcer:latest"),
            ("r.example.org/a/b-c:v1_2", "r.example.org/a/b-c:v1_2"),
        ] {
            assert_eq!(text.parse::<Reference>()?.to_string(), whole);
            assert_eq!(whole.parse::<Reference>()?.to_string(), whole);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "Enforcer", "a//b", "a:", "a: b", "a@sha256:0", "-a", "r.example.org/"] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }
}
