//! What the pods may do on their node, and what they see of it.

use super::{NEWEST_KUBERNETES, containers, daemon_set, objects, renderings};
use crate::manifests::OLDEST_KUBERNETES;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

#[test]
fn no_container_is_privileged() -> Result<()> {
    for (name, objects) in renderings()? {
        let set = daemon_set(&objects)?;
        let pod = set.spec.template.spec.clone().context("no pod")?;
        let is_asked = name.contains("hostProcesses");
        ensure!(pod.host_pid.unwrap_or_default() == is_asked && pod.host_ipc.is_none(), "{name}");
        for container in containers(&set)? {
            let security = container.security_context.context("no security context")?;
            ensure!(security.privileged == Some(false), "{name}: privileged");
            ensure!(security.allow_privilege_escalation == Some(false), "{name}: escalation");
            ensure!(security.read_only_root_filesystem == Some(true), "{name}: the root is writable");
            ensure!(security.seccomp_profile.is_some(), "{name}: no seccomp profile");
            let capabilities = security.capabilities.context("no capabilities")?;
            ensure!(capabilities.drop == Some(vec!["ALL".to_owned()]), "{name}: not all are dropped");
            // Bidirectional is for privileged containers, and CAP_SYS_ADMIN, spelt so, is refused beside allowPrivilegeEscalation.
            let added = capabilities.add.unwrap_or_default();
            ensure!(
                !added.is_empty() && added.iter().all(|name| !name.starts_with("CAP_")),
                "{name}: {added:?}"
            );
            for mount in container.volume_mounts.unwrap_or_default() {
                ensure!(
                    mount.mount_propagation.as_deref() != Some("Bidirectional"),
                    "{name}: {}",
                    mount.name
                );
            }
        }
    }
    Ok(())
}

/// Every container has its profile, as a field where the server knows it, else as an annotation, never both.
#[test]
fn app_armor_profiles_reach_old_and_new_servers() -> Result<()> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    for (profile, annotation) in [
        (json!({"type": "Unconfined"}), "unconfined"),
        (json!({"type": "RuntimeDefault"}), "runtime/default"),
        (json!({"type": "Localhost", "localhostProfile": "enforcer"}), "localhost/enforcer"),
    ] {
        let values = json!({"security": {"appArmorProfile": profile}, "cni": {"install": false}});
        for (kubernetes, known) in
            [(OLDEST_KUBERNETES, false), ("v1.29.9", false), ("v1.30.0", true), (NEWEST_KUBERNETES, true)]
        {
            let set = daemon_set(&objects(kubernetes, &values)?)?;
            let template = set.spec.template.clone();
            let annotations = template.metadata.and_then(|meta| meta.annotations).unwrap_or_default();
            for container in containers(&set)? {
                let field = container.security_context.and_then(|security| security.app_armor_profile);
                let field = field.map(serde_json::to_value).transpose()?;
                let said = annotations.get(&format!("{PREFIX}{}", container.name)).map(String::as_str);
                ensure!(field.as_ref() == known.then_some(&profile), "{kubernetes} {profile}: {field:?}");
                ensure!(said == (!known).then_some(annotation), "{kubernetes} {profile}: {said:?}");
            }
            ensure!(
                annotations.keys().filter(|key| key.starts_with(PREFIX)).count() == if known { 0 } else { 2 }
            );
        }
    }
    Ok(())
}

/// The folders in which the agent and the plugin look are the node's own, under the same names: each tells the other of its files.
#[test]
fn folders_have_the_names_that_they_have_on_the_node() -> Result<()> {
    let set = daemon_set(&objects(OLDEST_KUBERNETES, &json!({}))?)?;
    let pod = set.spec.template.spec.clone().context("no pod")?;
    let on_node = |volume: &str| {
        let found = pod.volumes.iter().flatten().find(|known| known.name == volume)?;
        Some(found.host_path.as_ref()?.path.clone())
    };
    let mut mounted = Vec::new();
    for mount in containers(&set)?.into_iter().flat_map(|found| found.volume_mounts.unwrap_or_default()) {
        let path = mount.mount_path.strip_prefix("/var").filter(|path| path.starts_with("/run"));
        ensure!(on_node(&mount.name).as_deref() == Some(path.unwrap_or(&mount.mount_path)), "{}", mount.name);
        // A namespace that was mounted here and stays would live for ever.
        let propagates = mount.mount_propagation.as_deref() == Some("HostToContainer");
        ensure!(propagates == mount.mount_path.ends_with("/netns"), "{}", mount.mount_path);
        mounted.push(mount.mount_path);
    }
    let wanted =
        ["/run/enforcer", "/sys/fs/bpf", "/run/netns", "/var/run/netns", "/etc/cni/net.d", "/opt/cni/bin"];
    assert_eq!(mounted, wanted);
    Ok(())
}
