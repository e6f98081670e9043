//! Selectors and labels.

use std::{collections::BTreeSet, fmt};

use enforcer::model::{Requirement, Selector};

use super::word::{TextError, Word};

/// Of a word.
pub(super) fn parse_selector(word: Word<'_>) -> Result<Selector, TextError> {
    let mut selector = Selector::default();
    if word.text == "*" {
        return Ok(selector);
    }
    for part in word.list(",")? {
        if let Some((name, values)) = part.cut("!=") {
            selector.match_expressions.push(Requirement::NotIn(key(name)?, parse_values(values)?));
        } else if let Some((name, values)) = part.cut("==") {
            selector.match_expressions.push(Requirement::In(key(name)?, parse_values(values)?));
        } else if let Some((name, value)) = part.cut("=") {
            if value.text.contains('|') {
                return Err(value.wrong("several values want `==`, which is In"));
            }
            if selector.match_labels.insert(key(name)?, value.text.to_owned()).is_some() {
                return Err(name.wrong(format!("matchLabels holds `{}` once only", name.text)));
            }
        } else if let Some(name) = part.after("!") {
            selector.match_expressions.push(Requirement::DoesNotExist(key(name)?));
        } else {
            selector.match_expressions.push(Requirement::Exists(key(part)?));
        }
    }
    Ok(selector)
}

fn parse_values(word: Word<'_>) -> Result<BTreeSet<String>, TextError> {
    Ok(word.list("|")?.into_iter().map(|value| value.text.to_owned()).collect())
}

/// A label's key: letters, digits and `-_.` here, since a slash parts namespaces from pods.
pub(super) fn key(word: Word<'_>) -> Result<String, TextError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if word.text.is_empty() || !word.text.chars().all(plain) {
        return Err(word.not("a label's key"));
    }
    Ok(word.text.to_owned())
}

/// Written as it is read.
pub(super) struct Written<'a>(pub(super) &'a Selector);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selector { match_labels, match_expressions } = self.0;
        let join = |values: &BTreeSet<String>| Vec::from_iter(values.iter().map(String::as_str)).join("|");
        let labels = match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = match_expressions.iter().map(|requirement| match requirement {
            Requirement::In(key, values) => format!("{key}=={}", join(values)),
            Requirement::NotIn(key, values) => format!("{key}!={}", join(values)),
            Requirement::Exists(key) => key.clone(),
            Requirement::DoesNotExist(key) => format!("!{key}"),
        });
        let parts: Vec<String> = labels.chain(expressions).collect();
        f.write_str(if parts.is_empty() { "*" } else { "" })?;
        f.write_str(&parts.join(","))
    }
}
