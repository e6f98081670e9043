//! One template of the chart.

use super::{function, value};
use anyhow::{Result, anyhow};
use gtmpl::{Context, Func, FuncError, Template, Value as Templates};
use serde_json::Value;
use std::cell::RefCell;

thread_local! {
    /// What `include` can name. The engine's functions are plain ones and see only their arguments.
    static HELPERS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Renders one template; `helpers` define what it includes.
pub(super) fn render(helpers: &[&str], text: &str, dot: &Value) -> Result<String> {
    HELPERS.set(helpers.iter().map(|&text| text.to_owned()).collect());
    execute(text, value::from_json(dot))
}

fn execute(text: &str, dot: Templates) -> Result<String> {
    let mut template = Template::default();
    template.add_funcs(&function::ALL);
    template.add_func("include", include as Func);
    for (number, helper) in HELPERS.with_borrow(Clone::clone).into_iter().enumerate() {
        template
            .add_template(format!("helpers {number}"), helper)
            .map_err(|error| anyhow!("helpers: {error}"))?;
    }
    template.parse(text)?;
    Ok(template.render(&Context::from(dot))?)
}

/// `include NAME DOT`: what a defined template renders, as text that other functions take
/// (<https://helm.sh/docs/howto/charts_tips_and_tricks/#using-the-include-function>).
fn include(arguments: &[Templates]) -> Result<Templates, FuncError> {
    let [Templates::String(name), dot] = arguments else {
        return Err(FuncError::ExactlyXArgs("include".to_owned(), 2));
    };
    let text = format!("{{{{ template {} . }}}}", Value::from(name.as_str()));
    Ok(Templates::String(execute(&text, dot.clone())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HELPERS: &str = "{{/* a comment */}}\n{{- define \"labels\" -}}\na: {{ .a }}\nb: {{ include \"inner\" . | quote }}\n{{- end -}}\n\n{{ define \"inner\" }}{{ .b }}{{ end }}\n";

    #[test]
    fn included_templates_see_their_argument_and_include_others() -> Result<()> {
        let dot = json!({"x": {"a": 1, "b": "two"}});
        let text = "labels:\n  {{- include \"labels\" .x | nindent 2 }}\n";
        assert_eq!(render(&[HELPERS], text, &dot)?, "labels:\n  a: 1\n  b: \"two\"\n");
        Ok(())
    }

    #[test]
    fn blocks_are_gos() -> Result<()> {
        let dot = json!({"l": ["a", "b"], "m": {"k": "v"}, "f": false, "n": null, "z": 0});
        for (text, wanted) in [
            ("{{ range .l }}{{ . }},{{ end }}", "a,b,"),
            ("{{ range $i, $x := .l }}{{ $i }}{{ $x }}{{ $.m.k }}{{ end }}", "0av1bv"),
            ("{{ with .m }}{{ .k }}{{ else }}none{{ end }}", "v"),
            ("{{ with .n }}{{ . }}{{ else }}none{{ end }}", "none"),
            ("{{ if .f }}f{{ else if .z }}z{{ else if eq .m.k \"v\" }}v{{ else }}none{{ end }}", "v"),
            ("{{ if and .l (not .f) }}yes{{ end }}", "yes"),
            ("a\n{{- if .f }}\nb\n{{- end }}\nc", "a\nc"),
            ("a\n  {{- /* why */}}\nb", "a\nb"),
        ] {
            assert_eq!(
                render(&[], text, &dot).map_err(|error| anyhow!("{text}: {error}"))?,
                wanted,
                "{text}"
            );
        }
        Ok(())
    }

    #[test]
    fn mistakes_are_errors() {
        let dot = json!({"a": {}});
        for text in [
            "{{ include \"nobody\" . }}",
            "{{ .a.b.c }}",
            "{{ nofunction . }}",
            "{{ if }}",
            "{{ fail \"why\" }}",
        ] {
            assert!(render(&[HELPERS], text, &dot).is_err(), "{text}");
        }
    }
}
