//! The plugin's configuration, which the runtime writes to its standard input.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cni::{
    protocol::AttachmentId,
    settings::Settings,
    spec::{CniError, VERSIONS, code},
};

/// What the runtime passes.
#[derive(Debug)]
pub(super) struct Configuration<'a> {
    /// One of [`VERSIONS`].
    pub(super) version: &'static str,
    pub(super) settings: Settings,
    /// The result of the plugins before us, as it came.
    pub(super) previous: Option<&'a str>,
    /// For GC: all that are left.
    pub(super) valid: Option<BTreeSet<AttachmentId>>,
}

#[derive(Deserialize)]
struct Runtime<'a> {
    #[serde(rename = "cniVersion")]
    version: Option<String>,
    #[serde(rename = "prevResult", borrow)]
    previous: Option<&'a RawValue>,
    #[serde(rename = "cni.dev/valid-attachments")]
    valid: Option<BTreeSet<AttachmentId>>,
    /// As specification 1.1.0 called them at first.
    #[serde(rename = "cni.dev/attachments")]
    attachments: Option<BTreeSet<AttachmentId>>,
}

impl<'a> Configuration<'a> {
    /// Reads a configuration.
    pub(super) fn read(text: &'a str) -> Result<Self, CniError> {
        let invalid = |error: serde_json::Error| {
            let code = if error.is_data() { code::CONFIG } else { code::DECODE };
            CniError::new(code, "the configuration of enforcer-cni cannot be read", error)
        };
        let runtime: Runtime<'_> = serde_json::from_str(text).map_err(invalid)?;
        let settings: Settings = serde_json::from_str(text).map_err(invalid)?;
        // A configuration without a version is of 0.1.0.
        let version = runtime.version.as_deref().unwrap_or("0.1.0");
        let version = VERSIONS.into_iter().find(|known| *known == version).ok_or_else(|| {
            let details = format!("the configuration's is {version:?}, known are {}", VERSIONS.join(", "));
            CniError::new(code::VERSION, "incompatible CNI version", details)
        })?;
        Ok(Self {
            version,
            settings,
            previous: runtime.previous.map(RawValue::get).filter(|text| *text != "null"),
            valid: runtime.valid.or(runtime.attachments),
        })
    }

    /// The verbs of later versions are an error in earlier ones.
    pub(super) fn require(&self, verb: &str, since: &str) -> Result<(), CniError> {
        let position = |version: &str| VERSIONS.iter().position(|known| *known == version);
        if position(self.version) >= position(since) {
            return Ok(());
        }
        let details = format!("it came with {since}, the configuration's version is {}", self.version);
        Err(CniError::new(code::VERSION, format!("there is no {verb} in this CNI version"), details))
    }
}

/// The version that a text asks for, whether we know it or not.
pub(super) fn version_of(text: &str) -> Option<String> {
    serde_json::from_str::<Runtime<'_>>(text).ok()?.version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cni::settings::WhenAgentIsAway;

    #[test]
    fn settings_have_defaults_and_other_fields_are_for_others() -> Result<(), CniError> {
        let text = r#"{"cniVersion": "1.0.0", "name": "n", "type": "enforcer-cni", "capabilities": {"x": true},
            "whenAgentIsAway": "open", "prevResult": {"b": 1.0, "a":  []}}"#;
        let read = Configuration::read(text)?;
        assert_eq!(
            read.settings,
            Settings { when_agent_is_away: WhenAgentIsAway::Open, ..Settings::default() }
        );
        assert_eq!(read.previous, Some(r#"{"b": 1.0, "a":  []}"#), "as it came");
        Ok(())
    }

    #[test]
    fn what_cannot_be_read_has_its_code() {
        for (text, wanted) in [
            ("", code::DECODE),
            ("{\"cniVersion\": \"1.0.0\"", code::DECODE),
            ("[]", code::CONFIG),
            ("{\"cniVersion\": \"1.0.0\", \"whenAgentIsAway\": \"ajar\"}", code::CONFIG),
            ("{\"cniVersion\": \"1.0.0\", \"timeoutSeconds\": -1}", code::CONFIG),
            ("{}", code::VERSION),
            ("{\"cniVersion\": \"0.2.0\"}", code::VERSION),
            ("{\"cniVersion\": \"2.0.0\"}", code::VERSION),
        ] {
            assert_eq!(
                Configuration::read(text).map(drop).map_err(|error| error.code),
                Err(wanted),
                "{text}"
            );
        }
    }

    #[test]
    fn verbs_come_with_their_versions() -> Result<(), CniError> {
        let text = |version: &str| format!("{{\"cniVersion\": \"{version}\"}}");
        for (version, check, gc) in [("0.3.1", false, false), ("0.4.0", true, false), ("1.1.0", true, true)] {
            let text = text(version);
            let read = Configuration::read(&text)?;
            assert_eq!(read.require("CHECK", "0.4.0").is_ok(), check, "{version}");
            assert_eq!(read.require("GC", "1.1.0").is_ok(), gc, "{version}");
        }
        Ok(())
    }

    #[test]
    fn attachments_have_two_names() -> Result<(), CniError> {
        for name in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            let text =
                format!(r#"{{"cniVersion": "1.1.0", "{name}": [{{"containerID": "c", "ifname": "eth0"}}]}}"#);
            let id = AttachmentId { container: "c".to_owned(), interface: "eth0".to_owned() };
            assert_eq!(Configuration::read(&text)?.valid, Some([id].into()));
        }
        Ok(())
    }
}
