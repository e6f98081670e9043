//! Values over values.

use serde_json::Value;

/// The chart's values with a user's over them, as Helm merges: maps key by key, everything else as a whole, and null takes a key away
/// (<https://helm.sh/docs/chart_template_guide/values_files/#deleting-a-default-key>).
pub(super) fn merged(own: &Value, over: &Value) -> Value {
    let (Value::Object(own), Value::Object(over)) = (own, over) else { return over.clone() };
    let mut all = own.clone();
    for (key, value) in over {
        match (own.get(key), value) {
            (_, Value::Null) => {
                all.remove(key);
            }
            (Some(old), value) => {
                all.insert(key.clone(), merged(old, value));
            }
            (None, value) => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_are_merged_and_the_rest_is_replaced() {
        let own = json!({"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1});
        let over = json!({"a": {"c": [3], "g": {"h": 1}}, "d": null});
        assert_eq!(merged(&own, &over), json!({"a": {"b": 1, "c": [3], "g": {"h": 1}}, "f": 1}));
        assert_eq!(merged(&own, &json!({})), own);
    }
}
