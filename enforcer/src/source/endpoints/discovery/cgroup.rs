//! The pod to which a process belongs, by its control groups.

/// The UID in `/proc/PID/cgroup`, as kubelets name the groups of pods: `…/pod<UID>/…` with the cgroupfs driver,
/// `…-pod<UID>.slice/…` with systemd's, which has `_` for `-`. A reader in a control group namespace sees the same names
/// behind some `..`.
pub(super) fn pod_uid(text: &str) -> Option<String> {
    let mut names =
        text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).flat_map(|path| path.split('/'));
    names.find_map(|name| {
        let (_, uid) = name.strip_suffix(".slice").unwrap_or(name).rsplit_once("pod")?;
        let uid = uid.replace('_', "-");
        let is_uid = uid.len() == 36 && uid.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit());
        is_uid.then_some(uid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f8bb1cd-2a5a-4b44-9f67-3a9c1d0e5b77";

    #[test]
    fn the_uid_is_found_in_all_ways_of_naming_groups() {
        let other = UID.replace('-', "_");
        for text in [
            format!(
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{other}.slice/cri-containerd-1.scope\n"
            ),
            format!("0::/../../kubepods-pod{other}.slice/cri-containerd-2.scope\n"),
            format!("12:cpu:/kubepods/besteffort/pod{UID}/0a1b\n1:name=systemd:/x\n"),
            format!("1:name=systemd:/system.slice/x:y\n0::/kubepods/pod{UID}/0a1b\n"),
        ] {
            assert_eq!(pod_uid(&text).as_deref(), Some(UID), "{text}");
        }
    }

    #[test]
    fn what_is_in_no_pod_has_none() {
        for text in [
            "",
            "0::/",
            "0::/system.slice/containerd.service",
            "0::/kubepods.slice",
            "0::/podman/ctr-0a",
            "0::/pod3d2a7c6fb0e2/x",
        ] {
            assert_eq!(pod_uid(text), None, "{text}");
        }
    }
}
