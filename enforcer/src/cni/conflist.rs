//! A node's network configuration as text, with our entry put in and taken out.
//!
//! The text is not parsed and written again: the entry is spliced in, behind the last plugin, and cut out again with what was
//! put in, so that everything else stays byte for byte as its author wrote it, and uninstalling gives the original.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use thiserror::Error;

use super::{
    settings::{PLUGIN, Settings},
    spec::VERSIONS,
};

/// Why our entry cannot be put in.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ConflistError {
    /// Not JSON, or not the fields.
    #[error("is no network configuration: {0}")]
    Shape(String),
    /// Nothing to be chained after.
    #[error("lists no plugins")]
    Empty,
    /// The runtime could not chain.
    #[error("its cniVersion is {0:?}; chained plugins need one of {versions}", versions = VERSIONS.join(", "))]
    Version(String),
}

/// The parts of a list that we must know; all others are the author's.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(rename = "cniVersion")]
    version: Option<String>,
    #[serde(rename = "cniVersions", default)]
    versions: Vec<String>,
    #[serde(borrow)]
    plugins: Vec<&'a RawValue>,
}

/// The parts of a single plugin's configuration.
#[derive(Deserialize)]
struct Single {
    #[serde(rename = "cniVersion")]
    version: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
}

/// The entry, on one line. `wraps` names the file of a single plugin around which the list was made.
fn entry(settings: &Settings, wraps: Option<&str>) -> Result<Value, ConflistError> {
    let mut entry = serde_json::to_value(settings).map_err(shape)?;
    if let Some(fields) = entry.as_object_mut() {
        fields.insert("type".to_owned(), PLUGIN.into());
        fields.extend(wraps.map(|file| ("wraps".to_owned(), file.into())));
    }
    Ok(entry)
}

/// The list with our entry, once; `None` when it has it already, wherever in the list: others may have put theirs behind.
///
/// # Errors
/// When it is no list that can be chained.
pub fn with_entry(text: &str, settings: &Settings) -> Result<Option<String>, ConflistError> {
    let list = parse(text)?;
    let ours: Vec<Value> =
        list.plugins.iter().filter_map(|plugin| value_of(plugin)).filter(is_ours).collect();
    let wanted = entry(settings, None)?;
    if ours == [wanted.clone()] {
        return Ok(None);
    }
    let text = without_entry(text)?.unwrap_or_else(|| text.to_owned());
    let list = parse(&text)?;
    if let Some(version) = unknown_version(&list) {
        return Err(ConflistError::Version(version));
    }
    let last = list.plugins.last().ok_or(ConflistError::Empty)?;
    let (start, end) = span(&text, last);
    let (before, after) = (text.get(..end).unwrap_or_default(), text.get(end..).unwrap_or_default());
    Ok(Some(format!("{before},{}{wanted}{after}", space_before(&text, start))))
}

/// The list without our entries; `None` when it has none.
///
/// # Errors
/// When it is no list.
pub fn without_entry(text: &str) -> Result<Option<String>, ConflistError> {
    let mut text = text.to_owned();
    let mut changed = false;
    loop {
        let list = parse(&text)?;
        let spans: Vec<(usize, usize)> = list.plugins.iter().map(|plugin| span(&text, plugin)).collect();
        let ours = |plugin: &&RawValue| value_of(plugin).as_ref().is_some_and(is_ours);
        let Some(position) = list.plugins.iter().position(ours) else {
            return Ok(changed.then_some(text));
        };
        let at = |position: Option<usize>| position.and_then(|position| spans.get(position)).copied();
        let (start, end) = at(Some(position)).unwrap_or_default();
        // With the comma and the space that were put in before it; what is first has them behind it.
        let (from, to) = match (at(position.checked_sub(1)), at(Some(position + 1))) {
            (Some((_, before)), _) => (before, end),
            (None, Some((after, _))) => (start, after),
            (None, None) => (start, end),
        };
        text.replace_range(from..to, "");
        changed = true;
    }
}

/// A list of one plugin's configuration and our entry. `file` is the name of the file that holds the configuration.
///
/// # Errors
/// When it is no configuration of a plugin, or of a version that cannot be chained.
pub fn wrap(text: &str, file: &str, settings: &Settings) -> Result<String, ConflistError> {
    let single: Single = serde_json::from_str(text).map_err(shape)?;
    let version = single.version.unwrap_or_else(|| "0.1.0".to_owned());
    if !VERSIONS.contains(&version.as_str()) {
        return Err(ConflistError::Version(version));
    }
    if single.r#type.is_none_or(|name| name.is_empty()) {
        return Err(ConflistError::Shape("it has no type".to_owned()));
    }
    let name = Value::from(single.name.unwrap_or_default());
    let (version, entry) = (Value::from(version), entry(settings, Some(file))?);
    let inner = text.trim();
    Ok(format!(
        "{{\n  \"cniVersion\": {version},\n  \"name\": {name},\n  \"plugins\": [\n{inner},\n{entry}\n  ]\n}}\n"
    ))
}

/// The file around which a list was made by [`wrap`].
#[must_use]
pub fn wrapped(text: &str) -> Option<String> {
    let list = parse(text).ok()?;
    let ours = list.plugins.iter().filter_map(|plugin| value_of(plugin)).find(is_ours)?;
    ours.get("wraps")?.as_str().map(str::to_owned)
}

fn parse(text: &str) -> Result<List<'_>, ConflistError> {
    serde_json::from_str(text).map_err(shape)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn shape(error: serde_json::Error) -> ConflistError {
    ConflistError::Shape(error.to_string())
}

fn value_of(plugin: &RawValue) -> Option<Value> {
    serde_json::from_str(plugin.get()).ok()
}

fn is_ours(plugin: &Value) -> bool {
    plugin.get("type").and_then(Value::as_str) == Some(PLUGIN)
}

/// Runtimes take the newest of `cniVersions` that they know, else `cniVersion`.
fn unknown_version(list: &List<'_>) -> Option<String> {
    let own = list.version.clone().unwrap_or_else(|| "0.1.0".to_owned());
    let all: Vec<&String> =
        if list.versions.is_empty() { vec![&own] } else { list.versions.iter().collect() };
    all.into_iter().find(|version| !VERSIONS.contains(&version.as_str())).cloned()
}

/// Where a part lies in its text, in bytes.
fn span(text: &str, part: &RawValue) -> (usize, usize) {
    let start = part.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
    (start, start + part.get().len())
}

/// What separates a plugin from what is before it: a new line with its indentation, or a space.
fn space_before(text: &str, start: usize) -> &str {
    let before = text.get(..start).unwrap_or_default();
    let space = before.get(before.trim_end().len()..).unwrap_or_default();
    match space.rfind('\n') {
        Some(line) => space.get(line..).unwrap_or("\n"),
        None => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [&str; 4] = [
        // As people write it, with fields that nobody knows, and numbers that a float would round.
        "{\n  \"name\": \"k8s\",\n  \"cniVersion\": \"1.0.0\",\n\n  \"x-ours\": [1, 2.50, 123456789012345678901],\n  \"plugins\": [\n    {\n      \"type\": \"ptp\",\n      \"ipam\": {\"type\": \"host-local\"}\n    },\n    {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}}\n  ],\n  \"disableCheck\": false\n}\n",
        r#"{"cniVersion":"0.3.1","name":"k8s","plugins":[{"type":"bridge"}]}"#,
        "{\"plugins\": [\r\n\t{\"type\": \"azure-vnet\", \"name\": \"\\u00e9]}\"}\r\n\t], \"cniVersion\": \"0.4.0\"}",
        r#"{"cniVersion":"0.2.0","cniVersions":["0.4.0","1.1.0"],"name":"k8s","plugins":[{"type":"bridge"}  ]  }"#,
    ];

    fn put(text: &str, settings: &Settings) -> Result<String, ConflistError> {
        with_entry(text, settings)?.ok_or(ConflistError::Empty)
    }

    #[test]
    fn the_entry_is_the_last_and_taking_it_out_gives_the_original() -> Result<(), ConflistError> {
        let settings = Settings::default();
        for text in LISTS {
            let with = put(text, &settings)?;
            let (before, after): (Value, Value) =
                (serde_json::from_str(text).map_err(shape)?, serde_json::from_str(&with).map_err(shape)?);
            let mut wanted = before;
            if let Some(plugins) = wanted.get_mut("plugins").and_then(Value::as_array_mut) {
                plugins.push(entry(&settings, None)?);
            }
            assert_eq!(after, wanted);
            assert_eq!(with_entry(&with, &settings)?, None, "it has it already");
            assert_eq!(without_entry(&with)?.as_deref(), Some(text));
            assert_eq!(without_entry(text)?, None);
        }
        Ok(())
    }

    #[test]
    fn an_entry_with_other_settings_is_replaced_and_two_become_one() -> Result<(), ConflistError> {
        let [text, ..] = LISTS;
        let (old, new) = (
            Settings::default(),
            Settings { timeout_seconds: 3, socket: "/x".into(), ..Settings::default() },
        );
        let with_old = put(text, &old)?;
        assert_eq!(put(&with_old, &new)?, put(text, &new)?);
        let twice = with_old.replace("\"type\": \"ptp\"", "\"type\": \"enforcer-cni\"");
        let once = put(&twice, &old)?;
        assert_eq!(once.matches("enforcer-cni").count(), 1);
        Ok(())
    }

    #[test]
    fn an_entry_that_others_put_theirs_behind_stays_where_it_is() -> Result<(), ConflistError> {
        let settings = Settings::default();
        let [_, text, ..] = LISTS;
        let with = put(text, &settings)?.replace("]}", r#", {"type": "istio-cni"}]}"#);
        assert_eq!(with_entry(&with, &settings)?, None);
        let without =
            r#"{"cniVersion":"0.3.1","name":"k8s","plugins":[{"type":"bridge"}, {"type": "istio-cni"}]}"#;
        assert_eq!(without_entry(&with)?.as_deref(), Some(without));
        Ok(())
    }

    #[test]
    fn an_entry_in_first_place_can_be_taken_out_too() -> Result<(), ConflistError> {
        let text = r#"{"plugins": [{"type": "enforcer-cni"}, {"type": "bridge"}]}"#;
        assert_eq!(without_entry(text)?.as_deref(), Some(r#"{"plugins": [{"type": "bridge"}]}"#));
        let alone = r#"{"plugins": [{"type": "enforcer-cni"}]}"#;
        assert_eq!(without_entry(alone)?.as_deref(), Some(r#"{"plugins": []}"#));
        Ok(())
    }

    #[test]
    fn a_single_plugin_becomes_a_list_with_its_own_words() -> Result<(), ConflistError> {
        let settings = Settings::default();
        let text =
            "{\n \"cniVersion\": \"0.3.1\", \"name\": \"k\\\"8s\",\n \"type\": \"ptp\", \"x\": 1.50 }\n";
        let list = wrap(text, "10-ptp.conf", &settings)?;
        assert!(list.contains(text.trim()));
        let parsed: Value = serde_json::from_str(&list).map_err(shape)?;
        assert_eq!(parsed.get("name").and_then(Value::as_str), Some("k\"8s"));
        assert_eq!(wrapped(&list).as_deref(), Some("10-ptp.conf"));
        let [other, ..] = LISTS;
        assert_eq!(wrapped(&put(other, &settings)?), None);
        Ok(())
    }

    #[test]
    fn what_cannot_be_chained_is_refused() {
        let settings = Settings::default();
        for text in ["", "{", "{}", r#"{"plugins": {}}"#, r#"{"plugins": [{"type": "x"}]} x"#] {
            assert!(matches!(with_entry(text, &settings), Err(ConflistError::Shape(_))), "{text}");
        }
        assert_eq!(
            with_entry(r#"{"cniVersion": "1.0.0", "plugins": []}"#, &settings),
            Err(ConflistError::Empty)
        );
        let old = r#"{"cniVersion": "0.2.0", "type": "x", "plugins": [{"type": "x"}]}"#;
        assert_eq!(with_entry(old, &settings), Err(ConflistError::Version("0.2.0".to_owned())));
        assert_eq!(wrap(old, "x", &settings), Err(ConflistError::Version("0.2.0".to_owned())));
        assert!(wrap(r#"{"cniVersion": "1.0.0"}"#, "x", &settings).is_err());
    }
}
