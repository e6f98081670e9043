//! Just enough of Rust's lexical grammar to leave out comments, strings and characters.

use super::Token;
use std::{iter::Peekable, str::Chars};

/// The tokens of a text. Names and numbers are whole, `::` is one, every other sign is on its own.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'text> {
    rest: Peekable<Chars<'text>>,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.next();
        self.line += usize::from(letter == Some('\n'));
        letter
    }

    fn push(&mut self, text: String, line: usize) {
        self.tokens.push(Token { text, line });
    }

    fn step(&mut self) -> bool {
        let line = self.line;
        let Some(first) = self.next() else { return false };
        let second = self.rest.peek().copied();
        match (first, second) {
            ('/', Some('/')) => {
                while self.rest.peek().is_some_and(|letter| *letter != '\n') && self.next().is_some() {}
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', Some(':')) => {
                self.next();
                self.push("::".to_owned(), line);
            }
            (letter, _) if letter.is_alphanumeric() || letter == '_' => self.word(letter, line),
            (letter, _) if letter.is_whitespace() => {}
            (sign, _) => self.push(sign.to_string(), line),
        }
        true
    }

    fn word(&mut self, first: char, line: usize) {
        let mut word = String::from(first);
        while let Some(letter) = self.rest.next_if(|letter| letter.is_alphanumeric() || *letter == '_') {
            word.push(letter);
        }
        let next = self.rest.peek().copied();
        match (word.as_str(), next) {
            ("r" | "br" | "cr", Some('"' | '#')) => self.raw(line),
            // The string's own quote comes next and is read as one.
            ("b" | "c", Some('"' | '\'')) => {}
            _ => self.push(word, line),
        }
    }

    /// `r"…"`, `r##"…"##`, or the name `r#type`.
    fn raw(&mut self, line: usize) {
        let mut hashes = 0_usize;
        while self.rest.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        if self.rest.peek() != Some(&'"') {
            if let Some(first) = self.next() {
                self.word(first, line);
            }
            return;
        }
        self.next();
        while let Some(letter) = self.next() {
            if letter == '"' {
                let mut closing = 0;
                while closing < hashes && self.rest.next_if_eq(&'#').is_some() {
                    closing += 1;
                }
                if closing == hashes {
                    return;
                }
            }
        }
    }

    fn string(&mut self) {
        while let Some(letter) = self.next() {
            match letter {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    /// A character, or a lifetime or label, which has no closing quote after its first letter.
    fn quote(&mut self) {
        let Some(letter) = self.next() else { return };
        if letter == '\\' {
            self.next();
            while self.next().is_some_and(|letter| letter != '\'') {}
            return;
        }
        if self.rest.next_if_eq(&'\'').is_none() {
            while self.rest.next_if(|letter| letter.is_alphanumeric() || *letter == '_').is_some() {}
        }
    }

    fn block_comment(&mut self) {
        self.next();
        let mut depth = 1_usize;
        while depth > 0
            && let Some(letter) = self.next()
        {
            if letter == '/' && self.rest.peek() == Some(&'*') {
                self.next();
                depth += 1;
            } else if letter == '*' && self.rest.peek() == Some(&'/') {
                self.next();
                depth -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_leave_nothing() {
        let text = r###"a // unsafe
            /* unsafe /* unsafe */ unsafe */ b "unsafe \" unsafe" c r#"unsafe " unsafe"# d b"unsafe" 'u' '\'' '"' e"###;
        assert_eq!(words(text), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn lifetimes_do_not_open_a_character() {
        assert_eq!(words("fn f<'a>(x: &'a str) { unsafe }").last().map(String::as_str), Some("}"));
        assert!(words("fn f<'a>(x: &'a str) { unsafe }").contains(&"unsafe".to_owned()));
    }

    #[test]
    fn lines_are_counted_through_strings() {
        assert_eq!(tokens("\"a\nb\"\nx").first().map(|token| token.line), Some(3));
    }
}
