//! A Rust file as the rules see it: tokens without comments and strings, and the paths that they spell.

mod lexer;

use std::collections::BTreeSet;

/// A word or a sign, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
    }
}

/// `a::b::c`, from a `use` tree (spelt out) or from code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// From a `use` or `extern crate`?
    pub(crate) import: bool,
}

impl NamePath {
    /// Is it this path, or one below it, of a crate?
    pub(crate) fn starts_with(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.split("::").collect();
        // One name alone is a variable or a field, unless it is imported.
        (self.import || self.segments.len() > 1)
            && self.segments.len() >= wanted.len()
            && self.segments.iter().zip(&wanted).all(|(own, wanted)| own == wanted)
    }

    /// Does it have these names, one after the other, anywhere?
    pub(crate) fn contains(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.split("::").collect();
        self.segments
            .windows(wanted.len())
            .any(|own| own.iter().zip(&wanted).all(|(own, wanted)| own == wanted))
    }
}

/// A file.
pub(crate) struct Source {
    /// From the repository's root, with `/`.
    pub(crate) file: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) paths: Vec<NamePath>,
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn parse(file: &str, text: &str) -> Self {
        let tokens = lexer::tokens(text);
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            at = step(&tokens, at, &mut paths);
        }
        // Names that this file takes from its own crate: `kube::run()` after `use crate::source::kube`, or `mod kube`.
        let own: BTreeSet<String> = paths
            .iter()
            .filter(|path| path.import && path.segments.first().is_some_and(|first| is_relative(first)))
            .filter_map(|path| path.segments.last().cloned())
            .chain(tokens.windows(2).filter_map(|pair| match pair {
                [keyword, name] if keyword.text == "mod" => Some(name.text.clone()),
                _ => None,
            }))
            .collect();
        paths.retain(|path| path.import || !path.segments.first().is_some_and(|first| own.contains(first)));
        Self { file: file.to_owned(), tokens, paths }
    }
}

fn is_relative(name: &str) -> bool {
    ["crate", "self", "super"].contains(&name)
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map(|token| token.text.as_str()).unwrap_or_default()
}

/// Reads what begins at a token; returns where to go on.
fn step(tokens: &[Token], at: usize, paths: &mut Vec<NamePath>) -> usize {
    let Some(token) = tokens.get(at) else { return at + 1 };
    let before = |back: usize| at.checked_sub(back).map(|at| text(tokens, at)).unwrap_or_default();
    match token.text.as_str() {
        // `use<'a>` is a bound, not an import.
        "use" if text(tokens, at + 1) != "<" => {
            let mut next = at + 1;
            tree(tokens, &mut next, &[], paths);
            return next;
        }
        "extern" if text(tokens, at + 1) == "crate" => {
            if let Some(name) = tokens.get(at + 2) {
                paths.push(NamePath { segments: vec![name.text.clone()], line: name.line, import: true });
            }
            return at + 3;
        }
        _ => {}
    }
    // A field or method; or the rest of `<T as Trait>::name`.
    if !token.is_name() || before(1) == "." || (before(1) == "::" && before(2) == ">") {
        return at + 1;
    }
    let mut segments = vec![token.text.clone()];
    let mut next = at + 1;
    while text(tokens, next) == "::"
        && let Some(name) = tokens.get(next + 1).filter(|token| token.is_name())
    {
        segments.push(name.text.clone());
        next += 2;
    }
    paths.push(NamePath { segments, line: token.line, import: false });
    next
}

/// Spells out a `use` tree.
fn tree(tokens: &[Token], at: &mut usize, prefix: &[String], paths: &mut Vec<NamePath>) {
    let mut segments = prefix.to_vec();
    let mut line = tokens.get(*at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(*at) {
        match token.text.as_str() {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while *at < tokens.len() && text(tokens, *at) != "}" {
                    tree(tokens, at, &segments, paths);
                    if text(tokens, *at) == "," {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            // The new name; what counts is the old one.
            "as" => *at += 2,
            "self" if !prefix.is_empty() => *at += 1,
            ";" | "," | "}" => break,
            name => {
                segments.push(name.to_owned());
                line = token.line;
                *at += 1;
            }
        }
    }
    paths.push(NamePath { segments, line, import: true });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(text: &str) -> Vec<String> {
        Source::parse("x.rs", text).paths.iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn use_trees_are_spelt_out() {
        let found = spelt("use std::{io, collections::{self, BTreeMap as Map}, fmt::*};\nuse ::kube;");
        let wanted = ["std::io", "std::collections", "std::collections::BTreeMap", "std::fmt::*", "kube"]
            .map(str::to_owned);
        assert_eq!(found, wanted);
    }

    #[test]
    fn paths_in_code_begin_at_their_first_name() {
        assert_eq!(spelt("a.kube.b(kube::Client::<T>::new())"), ["a", "kube::Client", "T"]);
    }

    #[test]
    fn names_of_the_own_crate_are_not_crates() {
        assert!(!spelt("use crate::source::kube; fn f() { kube::run() }").contains(&"kube::run".to_owned()));
        assert!(!spelt("mod kube; fn f() { kube::run() }").contains(&"kube::run".to_owned()));
    }
}
