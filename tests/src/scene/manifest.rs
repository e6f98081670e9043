//! The texts of manifests.

use super::PORT;

/// A pod with the label `app` of its name.
pub(super) fn pod(name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
         spec: {{containers: [{{name: main, image: example.org/main}}]}}\n"
    )
}

/// A policy that isolates ingress but for the pods with these names, at the servers' port.
#[must_use]
pub fn ingress(to: &str, from: &[&str]) -> String {
    one_sided(to, "ingress", "Ingress", "from", from)
}

/// A policy that isolates egress but for the pods with these names, at the servers' port.
#[must_use]
pub fn egress(from: &str, to: &[&str]) -> String {
    one_sided(from, "egress", "Egress", "to", to)
}

/// A policy that isolates a pod in both directions, and allows nothing.
#[must_use]
pub fn deny_all(subject: &str) -> String {
    policy(&format!("{subject}-nothing"), subject, "policyTypes: [Ingress, Egress]")
}

fn one_sided(subject: &str, list: &str, kind: &str, side: &str, peers: &[&str]) -> String {
    let peers: Vec<String> =
        peers.iter().map(|peer| format!("{{podSelector: {{matchLabels: {{app: {peer}}}}}}}")).collect();
    let rules = if peers.is_empty() {
        "[]".to_owned()
    } else {
        let ports = format!("[{{protocol: TCP, port: {PORT}}}, {{protocol: UDP, port: {PORT}}}]");
        format!("[{{{side}: [{}], ports: {ports}}}]", peers.join(", "))
    };
    policy(&format!("{subject}-{list}"), subject, &format!("policyTypes: [{kind}], {list}: {rules}"))
}

/// A policy of this name for the pod, with the rest of its `spec` in YAML's flow style.
#[must_use]
pub fn policy(name: &str, subject: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: {name}, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {subject}}}}}, {spec}}}\n"
    )
}

/// A Service of TCP and UDP that selects the pods with a label `app` of its name.
pub(super) fn service(name: &str, addresses: &[String], port: u16, node_port: Option<u16>) -> String {
    let kind = if node_port.is_some() { "NodePort" } else { "ClusterIP" };
    let node_port = node_port.map(|port| format!(", nodePort: {port}")).unwrap_or_default();
    let ports = ["TCP", "UDP"].map(|protocol| {
        let name = protocol.to_lowercase();
        format!("{{name: {name}, protocol: {protocol}, port: {port}, targetPort: {PORT}{node_port}}}")
    });
    let first = addresses.first().map(String::as_str).unwrap_or_default();
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{type: {kind}, selector: {{app: {name}}}, clusterIP: {first}, clusterIPs: [{}], ports: [{}]}}\n",
        addresses.join(", "),
        ports.join(", "),
    )
}
