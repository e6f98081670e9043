//! The documents of a YAML text.
//!
//! The text is cut at its `---` lines before it is parsed: YAML lets these stand for nothing else, in a block or a
//! quoted string neither (rule `c-forbidden` of YAML 1.2.2). So one broken document leaves its neighbours whole.

use std::{borrow::Cow, iter, thread};

use serde_saphyr::{Budget, Localizer, Location, Options, UserMessageFormatter};
use thiserror::Error;

use super::tree::Tree;

/// A document, or why there is none.
pub(crate) type Document = Result<Tree, DocumentError>;

/// A document that is no YAML.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct DocumentError {
    /// Where, from 1, in the whole text.
    pub(crate) line: u64,
    /// What the parser says.
    pub(crate) message: String,
}

/// The nesting that is followed; beyond, a document is refused before the stack is at risk.
const DEPTH_MAX: usize = 128;
/// Nodes that aliases may add. Without aliases a text has fewer nodes than bytes, so that a List of
/// all of a large cluster's pods can be read, while a few lines of nested aliases cannot take all memory.
const ALIASED_NODES_MAX: usize = 250_000;

/// The parser calls itself for each level, and without optimisation takes some 40 KiB for each (measured).
/// Only what is used of it becomes memory.
const STACK_SIZE: usize = 32 << 20;

/// Parses all documents of a text; empty ones are left out.
///
/// It does so in a thread of its own, since nobody knows how much stack the caller has left.
pub(crate) fn parse_documents(text: &str) -> Vec<Document> {
    let parsed = thread::scope(|scope| {
        let thread = thread::Builder::new().name("yaml".to_owned()).stack_size(STACK_SIZE);
        let thread = thread.spawn_scoped(scope, || parse_all(text)).map_err(|error| error.to_string())?;
        thread.join().map_err(|_crash| "the YAML parser has crashed".to_owned())
    });
    parsed.unwrap_or_else(|message| vec![Err(DocumentError { line: 1, message })])
}

fn parse_all(text: &str) -> Vec<Document> {
    split(text).into_iter().filter_map(|(lines_before, chunk)| parse(chunk, lines_before)).collect()
}

fn parse(chunk: &str, lines_before: u64) -> Option<Document> {
    if is_blank(chunk) {
        return None;
    }
    match serde_saphyr::from_str_with_options::<Option<Tree>>(chunk, options(chunk)) {
        Ok(None) => None,
        Ok(Some(tree)) if tree.is_null() => None,
        Ok(Some(mut tree)) => {
            tree.move_down(lines_before);
            Some(Ok(tree))
        }
        Err(error) => {
            let error = error.without_snippet();
            let line = error.location().map_or(1, |location| location.line()) + lines_before;
            Some(Err(DocumentError { line, message: describe(error, lines_before) }))
        }
    }
}

/// The parser's message for people, without the place at its end, which counts from the document's start.
fn describe(error: &serde_saphyr::Error, lines_before: u64) -> String {
    let formatter = UserMessageFormatter.with_localizer(&WithoutPlace);
    error.render_with_options(
        serde_saphyr::render_options! { formatter: &formatter, line_offset: lines_before },
    )
}

struct WithoutPlace;

impl Localizer for WithoutPlace {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _place: Location) -> Cow<'a, str> {
        base
    }
}

/// As `kubectl` reads: YAML 1.1's booleans and octal numbers, and each key once.
fn options(chunk: &str) -> Options {
    let mut budget = Budget::default();
    budget.max_depth = DEPTH_MAX;
    budget.max_nodes = chunk.len().saturating_add(ALIASED_NODES_MAX);
    // A mapping or sequence has two events, its begin and its end.
    budget.max_events = budget.max_nodes.saturating_mul(2);
    budget.max_total_scalar_bytes = budget.max_total_scalar_bytes.max(chunk.len());
    budget.max_total_comment_bytes = budget.max_total_comment_bytes.max(chunk.len());
    serde_saphyr::options! { budget: Some(budget), legacy_octal_numbers: true, with_snippet: false }
}

/// Cuts before every `---` line that ends a document, and gives the number of lines before each piece.
fn split(text: &str) -> Vec<(u64, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut start_line) = (0, 0);
    let (mut offset, mut line_number) = (0, 0);
    // Comments and directives before the first `---` belong to the document that it opens.
    let mut has_content = false;
    for line in lines(text) {
        let marks = is_marker(line);
        if marks && has_content {
            pieces.push((start_line, text.get(start..offset).unwrap_or_default()));
            (start, start_line) = (offset, line_number);
        }
        has_content |= marks || !(is_blank(line) || line.starts_with('%'));
        offset += line.len();
        line_number += 1;
    }
    pieces.push((start_line, text.get(start..).unwrap_or_default()));
    pieces
}

/// The lines with their ends, which are YAML's: a carriage return is one by itself too (YAML 1.2, section 5.4).
fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    iter::from_fn(move || {
        let end = match text.find(['\r', '\n']) {
            None => text.len(),
            Some(at) if text.get(at..).is_some_and(|rest| rest.starts_with("\r\n")) => at + 2,
            Some(at) => at + 1,
        };
        let (line, rest) = text.split_at(end);
        text = rest;
        (!line.is_empty()).then_some(line)
    })
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Nothing but comments, and markers around them.
fn is_blank(text: &str) -> bool {
    lines(text).all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
    })
}
