//! Rows of the matrix: who connects. The replicas of a workload are one row.

use std::collections::BTreeMap;

use enforcer::{model::Labels, store::Cluster};

use crate::lab::Source;

/// Who connects.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Namespace of its pods; empty for the node.
    pub(super) namespace: String,
    /// Its workload's name.
    pub(super) name: String,
    /// One for each replica.
    pub(super) sources: Vec<Source>,
}

/// All rows: the namespaces with most pods first, the node last.
pub(super) fn rows(cluster: &Cluster) -> Vec<Row> {
    let mut workloads: BTreeMap<(&str, &str, &Labels), Vec<Source>> = BTreeMap::new();
    for pod in cluster.pods.values().filter(|pod| pod.is_on_pod_network()) {
        // The model does not say which workload a pod is of: replicas share a name but for the number,
        // and all labels.
        let key = (pod.name.namespace.as_str(), without_ordinal(&pod.name.name), &pod.labels);
        workloads.entry(key).or_default().push(Source::Pod(pod.name.clone()));
    }
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for ((namespace, _, _), sources) in &workloads {
        *sizes.entry((*namespace).to_owned()).or_default() += sources.len();
    }
    let mut rows: Vec<Row> = workloads
        .into_iter()
        .map(|((namespace, name, _), sources)| Row {
            namespace: namespace.into(),
            name: name.into(),
            sources,
        })
        .collect();
    rows.sort_by_key(|row| {
        let size = sizes.get(&row.namespace).copied().unwrap_or_default();
        (std::cmp::Reverse(size), row.namespace.clone())
    });
    rows.push(Row { namespace: String::new(), name: "(node)".into(), sources: vec![Source::Node] });
    rows
}

fn without_ordinal(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((workload, ordinal)) if ordinal.bytes().all(|byte| byte.is_ascii_digit()) => workload,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::without_ordinal;

    #[test]
    fn only_a_trailing_number_is_an_ordinal() {
        assert_eq!(without_ordinal("cart-12"), "cart");
        assert_eq!(without_ordinal("cart-v2"), "cart-v2");
        assert_eq!(without_ordinal("cart"), "cart");
    }
}
