//! JSON's values as the templates', and back.

use anyhow::{Result, bail};
use gtmpl::Value as Templates;
use serde_json::{Number, Value};

/// As a template sees it. Whole numbers stay whole: Helm prints the small ones that a chart has (below a million) in the same way.
pub(super) fn from_json(value: &Value) -> Templates {
    match value {
        Value::Null => Templates::Nil,
        Value::Bool(value) => Templates::from(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Templates::from(number),
            (_, Some(number), _) => Templates::from(number),
            (_, _, number) => Templates::from(number.unwrap_or_default()),
        },
        Value::String(text) => Templates::String(text.clone()),
        Value::Array(items) => Templates::Array(items.iter().map(from_json).collect()),
        Value::Object(fields) => {
            Templates::Map(fields.iter().map(|(key, value)| (key.clone(), from_json(value))).collect())
        }
    }
}

/// What a function was given.
pub(super) fn to_json(value: &Templates) -> Result<Value> {
    Ok(match value {
        Templates::Nil | Templates::NoValue => Value::Null,
        Templates::Bool(value) => Value::Bool(*value),
        Templates::String(text) => Value::String(text.clone()),
        Templates::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::from(number),
            (_, Some(number), _) => Value::from(number),
            (_, _, number) => number.and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        },
        Templates::Array(items) => Value::Array(items.iter().map(to_json).collect::<Result<_>>()?),
        Templates::Map(fields) | Templates::Object(fields) => {
            let field = |(key, value): (&String, &Templates)| Ok((key.clone(), to_json(value)?));
            Value::Object(fields.iter().map(field).collect::<Result<_>>()?)
        }
        Templates::Function(_) => bail!("a function is no value"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_were() -> Result<()> {
        let value =
            json!({"a": [1, -2, 18_446_744_073_709_551_615_u64, 1.5, "x", true, null], "b": {"c": {}}});
        assert_eq!(to_json(&from_json(&value))?, value);
        Ok(())
    }
}
