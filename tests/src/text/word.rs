//! Words of a line, which know where they stand.

use std::str::FromStr;

/// Why a text is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct TextError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, and what could stand there.
    pub message: String,
}

/// A word or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    line: usize,
    column: usize,
    pub(super) text: &'a str,
}

impl<'a> Word<'a> {
    /// This is wrong.
    pub(super) fn wrong(self, message: impl Into<String>) -> TextError {
        TextError { line: self.line, column: self.column, message: message.into() }
    }

    /// Another kind of word was needed.
    pub(super) fn not(self, wanted: &str) -> TextError {
        self.wrong(format!("`{}` is not {wanted}", self.text))
    }

    /// As a value.
    pub(super) fn parse<T: FromStr>(self, wanted: &str) -> Result<T, TextError> {
        self.text.parse().map_err(|_| self.not(wanted))
    }

    /// The parts around the first of these.
    pub(super) fn cut(self, separator: &str) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let skipped = before.chars().count() + separator.chars().count();
        Some((Self { text: before, ..self }, Self { text: after, column: self.column + skipped, ..self }))
    }

    /// The parts of a list. An empty part is a mistake.
    pub(super) fn list(self, separator: &str) -> Result<Vec<Self>, TextError> {
        let mut parts = Vec::new();
        let mut rest = self;
        while let Some((first, others)) = rest.cut(separator) {
            parts.push(first);
            rest = others;
        }
        parts.push(rest);
        match parts.iter().find(|part| part.text.is_empty()) {
            Some(part) => Err(part.wrong("something is missing here")),
            None => Ok(parts),
        }
    }

    /// Without what stands in front, if it does.
    pub(super) fn after(self, prefix: &str) -> Option<Self> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Self { text, column: self.column + prefix.chars().count(), ..self })
    }
}

/// A line that is read from left to right.
#[derive(Debug, Clone)]
pub(super) struct Sentence<'a> {
    words: std::vec::IntoIter<Word<'a>>,
    end: Word<'a>,
}

impl<'a> Sentence<'a> {
    /// The words of a line without its comment; `None` when there are none.
    pub(super) fn new(line: usize, text: &'a str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default();
        let mut words = Vec::new();
        let mut column = 1;
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if !word.is_empty() {
                words.push(Word { line, column, text: word });
            }
            column += piece.chars().count();
        }
        let end = Word { line, column: text.trim_end().chars().count() + 1, text: "" };
        (!words.is_empty()).then(|| Self { words: words.into_iter(), end })
    }

    /// The next word, if there is one.
    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        self.words.next()
    }

    /// The next word.
    pub(super) fn expect(&mut self, wanted: &str) -> Result<Word<'a>, TextError> {
        self.words.next().ok_or_else(|| self.end.wrong(format!("the line ends, but {wanted} is missing")))
    }

    /// What the next word says, without taking it.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.words.as_slice().first().map(|word| word.text)
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let there = self.peek() == Some(text);
        if there {
            self.words.next();
        }
        there
    }

    /// Takes this word.
    pub(super) fn keyword(&mut self, text: &str) -> Result<Word<'a>, TextError> {
        let word = self.expect(&format!("`{text}`"))?;
        if word.text == text { Ok(word) } else { Err(word.not(&format!("`{text}`, which must stand here"))) }
    }

    /// Nothing may follow.
    pub(super) fn end(mut self) -> Result<(), TextError> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(word.wrong(format!("`{}`: nothing may follow here", word.text))),
        }
    }
}
