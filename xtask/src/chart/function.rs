//! Those of Helm's template functions that the chart uses, as <https://helm.sh/docs/chart_template_guide/function_list/> has them.

use super::{value::to_json, yaml};
use anyhow::anyhow;
use gtmpl::{Func, FuncError, Value as Templates};
use serde_json::Value;

type Answer = Result<Templates, FuncError>;

/// By name.
pub(super) const ALL: [(&str, Func); 10] = [
    ("default", default),
    ("fail", fail),
    ("has", has),
    ("indent", indent),
    ("nindent", nindent),
    ("quote", quote),
    ("replace", replace),
    ("required", required),
    ("semverCompare", semver_compare),
    ("toYaml", to_yaml),
];

/// `default FALLBACK GIVEN`: the fallback where what is given is empty.
fn default(arguments: &[Templates]) -> Answer {
    match arguments {
        [fallback] => Ok(fallback.clone()),
        [fallback, given] => Ok(if is_empty(given)? { fallback } else { given }.clone()),
        _ => Err(wrong("default FALLBACK GIVEN")),
    }
}

/// `fail MESSAGE`
fn fail(arguments: &[Templates]) -> Answer {
    match arguments {
        [Templates::String(message)] => Err(anyhow!("{message}").into()),
        _ => Err(wrong("fail MESSAGE")),
    }
}

/// `has ITEM LIST`
fn has(arguments: &[Templates]) -> Answer {
    match arguments {
        [item, Templates::Array(list)] => Ok(list.contains(item).into()),
        _ => Err(wrong("has ITEM LIST")),
    }
}

/// `indent COLUMNS TEXT`: every line, empty ones too.
fn indent(arguments: &[Templates]) -> Answer {
    let [Templates::Number(columns), Templates::String(text)] = arguments else {
        return Err(wrong("indent COLUMNS TEXT"));
    };
    let columns = columns.as_u64().and_then(|columns| usize::try_from(columns).ok());
    let by = " ".repeat(columns.ok_or_else(|| wrong("indent COLUMNS TEXT"))?);
    Ok(Templates::String(format!("{by}{}", text.replace('\n', &format!("\n{by}")))))
}

/// `nindent COLUMNS TEXT`: the same, on a new line.
fn nindent(arguments: &[Templates]) -> Answer {
    Ok(Templates::String(format!("\n{}", indent(arguments)?)))
}

/// `quote VALUE …`: each in double quotes, without those that are nil.
fn quote(arguments: &[Templates]) -> Answer {
    let quoted = |value: &Templates| match to_json(value) {
        Ok(Value::Null) => None,
        Ok(Value::String(text)) => Some(Ok(Value::String(text).to_string())),
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => Some(Ok(format!("\"{value}\""))),
        Ok(Value::Array(_) | Value::Object(_)) => Some(Err(wrong("quote TEXT"))),
        Err(error) => Some(Err(error.into())),
    };
    let all: Vec<String> = arguments.iter().filter_map(quoted).collect::<Result<_, _>>()?;
    Ok(Templates::String(all.join(" ")))
}

/// `replace OLD NEW TEXT`
fn replace(arguments: &[Templates]) -> Answer {
    match arguments {
        [Templates::String(old), Templates::String(new), Templates::String(text)] => {
            Ok(Templates::String(text.replace(old, new)))
        }
        _ => Err(wrong("replace OLD NEW TEXT")),
    }
}

/// `required MESSAGE VALUE`: the value, unless it is nil or an empty text.
fn required(arguments: &[Templates]) -> Answer {
    match arguments {
        [Templates::String(message), value] => {
            let given = to_json(value)?;
            if given.is_null() || given.as_str() == Some("") {
                return Err(anyhow!("{message}").into());
            }
            Ok(value.clone())
        }
        _ => Err(wrong("required MESSAGE VALUE")),
    }
}

/// `semverCompare CONSTRAINT VERSION`, for constraints `>=MAJOR.MINOR-0` only: the `-0` lets versions such as `v1.30.3-eks-1` count too.
fn semver_compare(arguments: &[Templates]) -> Answer {
    const FORM: &str = "semverCompare \">=MAJOR.MINOR-0\" VERSION";
    let [Templates::String(constraint), Templates::String(version)] = arguments else {
        return Err(wrong(FORM));
    };
    let least = constraint.strip_prefix(">=").and_then(|rest| rest.strip_suffix("-0"));
    let least = least.and_then(minor_of).ok_or_else(|| wrong(FORM))?;
    let version = minor_of(version.trim_start_matches('v')).ok_or_else(|| wrong(FORM))?;
    Ok((version >= least).into())
}

/// `1.30`, `1.30.3-eks-1` → (1, 30)
fn minor_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `toYaml VALUE`: without a line end after it.
fn to_yaml(arguments: &[Templates]) -> Answer {
    match arguments {
        [value] => Ok(Templates::String(yaml::block(&to_json(value)?))),
        _ => Err(wrong("toYaml VALUE")),
    }
}

/// Nil, false, 0, and what has no items or letters.
fn is_empty(value: &Templates) -> Result<bool, FuncError> {
    Ok(match to_json(value)? {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    })
}

fn wrong(form: &str) -> FuncError {
    FuncError::Generic(format!("it is used as: {form}"))
}

#[cfg(test)]
mod tests {
    use crate::chart::template::render;
    use anyhow::{Result, anyhow};
    use serde_json::json;

    /// The examples of Helm's documentation, where it has any.
    #[test]
    fn functions_do_what_helm_documents() -> Result<()> {
        let dot = json!({"t": "a\nb\n\nc", "e": "", "z": 0, "f": false, "nil": null, "l": [], "m": {}, "w": "he said \"x\"",
                         "list": [{"b": 1, "a": "x"}], "four": [1, 4], "v": "v1.30.3-eks-1", "old": "v1.29.14"});
        for (text, wanted) in [
            (r#"{{ default "foo" .t }}"#, "a\nb\n\nc"),
            (r#"{{ default "foo" .e }}{{ .z | default "foo" }}{{ default "foo" .f }}"#, "foofoofoo"),
            (
                r#"{{ default "foo" .nil }}{{ default "foo" .l }}{{ default "foo" .m }}{{ .none | default "foo" }}"#,
                "foofoofoofoo",
            ),
            (
                r#"{{ "x y" | quote }} {{ quote 1 }} {{ quote true }} {{ quote .w }}"#,
                r#""x y" "1" "true" "he said \"x\"""#,
            ),
            ("{{ quote .nil }}|{{ quote .nil 1 .e }}", "|\"1\" \"\""),
            ("{{ indent 2 .t }}", "  a\n  b\n  \n  c"),
            ("x:{{ nindent 2 .t }}", "x:\n  a\n  b\n  \n  c"),
            (r#"{{ "I Am Henry VIII" | replace " " "-" }}"#, "I-Am-Henry-VIII"),
            (r#"{{ has "x" .l }} {{ has 4 .four }}"#, "false true"),
            (r#"{{ required "why" .t | quote }}{{ required "why" .z }}"#, "\"a\\nb\\n\\nc\"0"),
            (r#"{{ semverCompare ">=1.30-0" .v }} {{ semverCompare ">=1.30-0" .old }}"#, "true false"),
            ("{{ toYaml .list }}", "- a: x\n  b: 1"),
            ("{{ toYaml .m }} {{ toYaml .l }}", "{} []"),
        ] {
            let answer = render(&[], text, &dot).map_err(|error| anyhow!("{text}: {error}"))?;
            assert_eq!(answer, wanted, "{text}");
        }
        for (text, reason) in [
            (r#"{{ required "name it" .e }}"#, "name it"),
            (r#"{{ required "name it" .nil }}"#, "name it"),
            (r#"{{ fail "so not" }}"#, "so not"),
            (r#"{{ semverCompare "~1.30" .v }}"#, "semverCompare"),
            ("{{ nindent .t 2 }}", "indent COLUMNS TEXT"),
        ] {
            let error = render(&[], text, &dot).err().map(|error| format!("{error:#}"));
            assert!(error.as_ref().is_some_and(|error| error.contains(reason)), "{text}: {error:?}");
        }
        Ok(())
    }
}
