//! What happens to a new pod when no agent answers.

use crate::cni::{
    policed,
    settings::{Settings, WhenAgentIsAway},
};

/// Why a pod of this namespace must wait; `None`: it may start.
pub(super) fn must_wait(settings: &Settings, namespace: &str) -> Option<String> {
    match settings.when_agent_is_away {
        WhenAgentIsAway::Open => None,
        WhenAgentIsAway::Closed => Some("all pods wait for the agent (whenAgentIsAway: closed)".to_owned()),
        WhenAgentIsAway::ClosedForPoliced => match policed::read(&settings.policed_namespaces) {
            Some(policed) if policed.contains(namespace) => Some(format!(
                "pods of namespaces with network policies, such as {namespace}, wait for the agent \
                 (whenAgentIsAway: closed-for-policed)"
            )),
            Some(_) => None,
            None if settings.system_namespaces.iter().any(|system| system == namespace) => None,
            None => Some(format!(
                "no agent has run on this node since it was started, so that nobody knows whether namespace \
                 {namespace} has network policies (whenAgentIsAway: closed-for-policed)"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn who_waits_is_the_settings_and_the_lists_word() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let list = dir.path().join("policed");
        let waits = |when_agent_is_away, namespace: &str| {
            let settings =
                Settings { when_agent_is_away, policed_namespaces: list.clone(), ..Settings::default() };
            must_wait(&settings, namespace).is_some()
        };
        use WhenAgentIsAway::{Closed, ClosedForPoliced, Open};
        for namespace in ["shop", "kube-system"] {
            assert!(waits(Closed, namespace) && !waits(Open, namespace));
        }
        assert!(waits(ClosedForPoliced, "shop") && !waits(ClosedForPoliced, "kube-system"));
        policed::write(&list, ["shop", "kube-system"])?;
        assert!(waits(ClosedForPoliced, "shop") && waits(ClosedForPoliced, "kube-system"));
        assert!(!waits(ClosedForPoliced, "bank"));
        policed::write(&list, [])?;
        assert!(!waits(ClosedForPoliced, "shop"));
        Ok(())
    }
}
