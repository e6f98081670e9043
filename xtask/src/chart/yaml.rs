//! Values as YAML, laid out as `toYaml` does it: keys sorted, lists not indented below their key.

use serde_json::Value;
use std::collections::BTreeMap;

/// A value as a block, without a line end after it.
pub(super) fn block(value: &Value) -> String {
    let mut lines = Vec::new();
    write(value, &mut lines);
    lines.join("\n")
}

fn write(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            // Sorted here: the map's own order is a feature of another crate's choice.
            for (key, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                let key = text(key);
                if has_lines(value) {
                    lines.push(format!("{key}:"));
                    let start = lines.len();
                    write(value, lines);
                    if value.is_object() {
                        indent(lines, start);
                    }
                } else {
                    lines.push(format!("{key}: {}", scalar(value)));
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let start = lines.len();
                write(item, lines);
                indent(lines, start);
                if let Some(first) = lines.get_mut(start) {
                    first.replace_range(..2, "- ");
                }
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => lines.push(scalar(value)),
    }
}

/// Whether it is laid out on lines of its own.
fn has_lines(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| !fields.is_empty())
        || value.as_array().is_some_and(|items| !items.is_empty())
}

fn indent(lines: &mut [String], start: usize) {
    for line in lines.iter_mut().skip(start) {
        line.insert_str(0, "  ");
    }
}

/// What has no lines of its own: empty lists and maps too.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        // JSON is YAML.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Plain where no reader of YAML, 1.1 or 1.2, can take it for anything but this text; else in JSON's quotes, which are YAML's too.
fn text(value: &str) -> String {
    let begins = value.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let harmless = value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let a_word = word.contains(&value.to_ascii_lowercase().as_str());
    if begins && harmless && !a_word { value.to_owned() } else { Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Result;
    use serde_json::json;

    #[test]
    fn the_layout_is_that_of_to_yaml() {
        let value = json!({"b": [{"d": 1, "c": ["x", []]}, "z"], "a": {"e": {}, "f": null}, "g": [[1, 2]]});
        let wanted = "a:\n  e: {}\n  f: null\nb:\n- c:\n  - x\n  - []\n  d: 1\n- z\ng:\n- - 1\n  - 2";
        assert_eq!(block(&value), wanted);
        assert_eq!(block(&json!([])), "[]");
        assert_eq!(block(&json!("x")), "x");
    }

    #[test]
    fn any_text_is_read_back_as_itself() -> Result<()> {
        for text in [
            "",
            " ",
            "true",
            "No",
            "null",
            "~",
            "1",
            "1.5",
            "0x1f",
            "1e3",
            "10%",
            "-",
            "- a",
            "a: b",
            "a #b",
            "*x",
            "&x",
            "!x",
            "{a}",
            "[a]",
            "a\nb",
            "\"",
            "'",
            "2001-01-01",
            "12:30",
            "kubernetes.io/os",
            "é",
            "/run",
            "a\tb",
        ] {
            let value = json!({"k": [text], text: 1});
            assert_eq!(serde_saphyr::from_str::<Value>(&block(&value))?, value, "{text:?}");
        }
        Ok(())
    }
}
