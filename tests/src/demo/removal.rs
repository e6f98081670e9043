//! The copy of the manifests that the demo may change, and taking one policy out of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use enforcer::model::ObjectName;
use serde_json::Value;
use walkdir::WalkDir;

/// Copies a folder of manifests, or a single file into a folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in WalkDir::new(from).follow_links(true) {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let inner = match entry.path().strip_prefix(from)? {
            inner if inner.as_os_str().is_empty() => Path::new(entry.file_name()),
            inner => inner,
        };
        if entry.file_type().is_dir() && entry.depth() > 0 {
            fs::create_dir_all(to.join(inner)).with_context(|| format!("cannot make {}", inner.display()))?;
        } else if entry.file_type().is_file() {
            fs::copy(entry.path(), to.join(inner))
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Takes a policy out of whatever files define it; gives these files.
pub(super) fn remove(folder: &Path, policy: &ObjectName) -> Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path();
        let is_manifest = path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if !entry.file_type().is_file() || !is_manifest {
            continue;
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        if let Some(rest) = without(&text, policy)? {
            replace(folder, path, &rest)?;
            changed.push(path.to_owned());
        }
    }
    ensure!(!changed.is_empty(), "no file in {} defines NetworkPolicy {policy}", folder.display());
    Ok(changed)
}

/// In one step, so that nobody reads half a file.
fn replace(folder: &Path, path: &Path, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()));
    }
    let whole = folder.with_extension("next");
    fs::write(&whole, text).with_context(|| format!("cannot write {}", whole.display()))?;
    fs::rename(&whole, path).with_context(|| format!("cannot replace {}", path.display()))
}

/// The text less the policy; `None` when it is not in it. Other documents stay as they are written.
fn without(text: &str, policy: &ObjectName) -> Result<Option<String>> {
    let mut kept = String::new();
    let mut found = false;
    for document in documents(text) {
        // What cannot be parsed is none of this function's business.
        let value: Value = serde_saphyr::from_str(document).unwrap_or_default();
        match strip(value, policy) {
            Stripped::Untouched => kept.push_str(document),
            Stripped::Gone => found = true,
            Stripped::Changed(list) => {
                found = true;
                // JSON is YAML, and nobody reads this copy but to play with it.
                kept.push_str("---\n");
                kept.push_str(&serde_json::to_string_pretty(&list)?);
                kept.push('\n');
            }
        }
    }
    Ok(found.then_some(kept))
}

enum Stripped {
    Untouched,
    Changed(Value),
    Gone,
}

fn strip(mut value: Value, policy: &ObjectName) -> Stripped {
    if is_policy(&value, policy) {
        return Stripped::Gone;
    }
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let Some(items) = value.get_mut("items").and_then(Value::as_array_mut).filter(|_| is_list) else {
        return Stripped::Untouched;
    };
    let mut touched = false;
    *items = std::mem::take(items)
        .into_iter()
        .filter_map(|item| match strip(item.clone(), policy) {
            Stripped::Untouched => Some(item),
            Stripped::Changed(item) => {
                touched = true;
                Some(item)
            }
            Stripped::Gone => {
                touched = true;
                None
            }
        })
        .collect();
    if touched { Stripped::Changed(value) } else { Stripped::Untouched }
}

fn is_policy(value: &Value, policy: &ObjectName) -> bool {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    text("/kind") == Some("NetworkPolicy")
        && text("/metadata/name") == Some(&policy.name)
        && text("/metadata/namespace").filter(|namespace| !namespace.is_empty()).unwrap_or("default")
            == policy.namespace
}

/// Cuts before each `---` line: YAML allows these nowhere else.
fn documents(text: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let marks =
            line.strip_prefix("---").is_some_and(|rest| rest.chars().all(|c| c.is_whitespace() || c == '\n'))
                || line.starts_with("--- ");
        if marks && offset > 0 {
            cuts.push(offset);
        }
        offset += line.len();
    }
    cuts.push(text.len());
    cuts.windows(2).filter_map(|window| text.get(*window.first()?..*window.last()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CART: &str =
        "kind: NetworkPolicy\nmetadata: {name: cart, namespace: shop}\nspec: {podSelector: {}}\n";
    const ADS: &str = "# the ads\nkind: NetworkPolicy\nmetadata:\n  name: ads\n";

    fn cart() -> ObjectName {
        ObjectName::new("shop", "cart")
    }

    #[test]
    fn only_its_document_goes() -> Result<()> {
        let text = format!("{ADS}---\n{CART}---\n{ADS}");
        assert_eq!(without(&text, &cart())?, Some(format!("{ADS}---\n{ADS}")));
        assert_eq!(without(ADS, &cart())?, None);
        assert_eq!(without(ADS, &ObjectName::new("default", "ads"))?.as_deref(), Some(""));
        Ok(())
    }

    #[test]
    fn a_list_loses_its_item_only() -> Result<()> {
        let list = r#"{"kind": "List", "items": [
            {"kind": "NetworkPolicy", "metadata": {"name": "cart", "namespace": "shop"}},
            {"kind": "Service", "metadata": {"name": "cart", "namespace": "shop"}}]}"#;
        let rest: Value = serde_saphyr::from_str(&without(list, &cart())?.context("not found")?)?;
        let items = rest.get("items").and_then(Value::as_array).context("no items")?;
        assert_eq!(items.len(), 1);
        assert_eq!(items.first().and_then(|item| item.get("kind")), Some(&Value::from("Service")));
        Ok(())
    }
}
