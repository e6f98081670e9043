//! A whole text.

use std::net::IpAddr;

use enforcer::{
    model::{
        ClusterEvent, ContainerPort, Direction, Labels, Namespace, Object, ObjectName, Pod, PodState, Policy,
    },
    store::Cluster,
};

use super::{
    expectation::{Expectation, parse_expectation},
    policy::{Said, parse_allow, parse_deny, parse_head},
    selector,
    traffic::protocol,
    word::{Sentence, TextError, Word},
};

/// The label that the API server gives to each namespace.
pub(super) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A cluster and what is expected of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// As the text describes it.
    pub cluster: Cluster,
    /// In the order of the lines.
    pub expectations: Vec<Expectation>,
}

/// Reads a text.
///
/// # Errors
/// With the line and the column of what cannot be understood.
pub fn parse(text: &str) -> Result<Script, TextError> {
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(sentence) = Sentence::new(number, line) {
            reader.read(number, sentence)?;
        }
    }
    reader.close();
    Ok(reader.script)
}

#[derive(Default)]
struct Reader {
    script: Script,
    first_namespace: Option<String>,
    /// The policy that rules without a subject belong to.
    open: Option<Policy>,
}

impl Reader {
    fn read(&mut self, line: usize, mut sentence: Sentence<'_>) -> Result<(), TextError> {
        let word = sentence.expect("a word")?;
        // The API's names of objects have no such beginning without a letter; enough that it is unique here.
        let name = format!("line-{line}");
        match word.text {
            "allow" => {
                match parse_allow(sentence, self.first_namespace.as_deref(), &name)? {
                    Said::Policy(policy) => {
                        self.close();
                        self.put(word, Object::Policy(policy))?;
                    }
                    Said::Rule(direction, rule) => {
                        let policy = self.open.as_mut().ok_or_else(|| {
                            word.wrong("names one side only, so it belongs to a `policy`, and none is above")
                        })?;
                        let rules = match direction {
                            Direction::Ingress => &mut policy.ingress,
                            Direction::Egress => &mut policy.egress,
                        };
                        rules.get_or_insert_default().push(rule);
                    }
                }
                return Ok(());
            }
            "namespace" => {
                let namespace = parse_namespace(sentence)?;
                self.first_namespace.get_or_insert_with(|| namespace.name.clone());
                self.put(word, Object::Namespace(namespace))?;
            }
            "pod" => {
                let pod = parse_pod(sentence)?;
                let namespace = pod.name.namespace.clone();
                if !self.script.cluster.namespaces.contains_key(&namespace) {
                    self.first_namespace.get_or_insert_with(|| namespace.clone());
                    self.put(word, Object::Namespace(named(namespace, Labels::new())))?;
                }
                self.put(word, Object::Pod(pod))?;
            }
            "policy" => {
                self.close();
                let policy = parse_head(sentence)?;
                if self.script.cluster.policies.contains_key(&policy.name) {
                    return Err(word.wrong(format!("{} is there already", policy.name)));
                }
                self.open = Some(policy);
                return Ok(());
            }
            "deny" => {
                let policy = parse_deny(sentence, self.first_namespace.as_deref(), &name)?;
                self.put(word, Object::Policy(policy))?;
            }
            "expect" => self.script.expectations.push(parse_expectation(sentence, line)?),
            _ => return Err(word.not("namespace, pod, policy, allow, deny or expect")),
        }
        self.close();
        Ok(())
    }

    fn put(&mut self, word: Word<'_>, object: Object) -> Result<(), TextError> {
        let key = object.key();
        let cluster = &self.script.cluster;
        let there = match &object {
            Object::Namespace(namespace) => cluster.namespaces.contains_key(&namespace.name),
            Object::Pod(pod) => cluster.pods.contains_key(&pod.name),
            Object::Policy(policy) => cluster.policies.contains_key(&policy.name),
            Object::Service(service) => cluster.services.contains_key(&service.name),
            Object::EndpointSlice(slice) => cluster.endpoint_slices.contains_key(&slice.name),
            Object::Node(node) => cluster.nodes.contains_key(&node.name),
        };
        if there {
            return Err(word.wrong(format!("{key} is there already")));
        }
        self.script.cluster.apply(ClusterEvent::Apply(object));
        Ok(())
    }

    /// A policy ends where something else begins.
    fn close(&mut self) {
        if let Some(policy) = self.open.take() {
            self.script.cluster.apply(ClusterEvent::Apply(Object::Policy(policy)));
        }
    }
}

/// `NAMESPACE/NAME`
pub(super) fn parse_name(word: Word<'_>) -> Result<ObjectName, TextError> {
    let (namespace, name) = word.cut("/").ok_or_else(|| word.not("a name like `NAMESPACE/NAME`"))?;
    Ok(ObjectName::new(selector::key(namespace)?, selector::key(name)?))
}

fn parse_namespace(mut sentence: Sentence<'_>) -> Result<Namespace, TextError> {
    let name = selector::key(sentence.expect("the namespace's name")?)?;
    let mut labels = Labels::new();
    while let Some(word) = sentence.next() {
        let (key, value) = word.cut("=").ok_or_else(|| word.not("a label like `team=a`"))?;
        labels.insert(selector::key(key)?, value.text.to_owned());
    }
    Ok(named(name, labels))
}

fn named(name: String, mut labels: Labels) -> Namespace {
    labels.insert(NAME_LABEL.to_owned(), name.clone());
    Namespace { name, labels }
}

fn parse_pod(mut sentence: Sentence<'_>) -> Result<Pod, TextError> {
    let mut pod = Pod { name: parse_name(sentence.expect("the pod's name")?)?, ..Pod::default() };
    while let Some(word) = sentence.next() {
        match word.text {
            "finished" => pod.state = PodState::Finished,
            "terminating" => pod.state = PodState::Terminating,
            "host-network" => pod.host_network = true,
            "uid" => pod.uid = sentence.expect("the uid")?.text.to_owned(),
            "started" => pod.started = Some(sentence.expect("the second")?.parse("a number of seconds")?),
            "port" => pod.ports.push(parse_port(sentence.expect("a container port")?)?),
            _ => {
                if let Ok(address) = word.text.parse::<IpAddr>() {
                    if pod.addresses.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
                        return Err(word.wrong("a pod has one address of each family"));
                    }
                    pod.addresses.insert(address);
                } else {
                    let (key, value) = word.cut("=").ok_or_else(|| {
                        word.not(
                            "a label like `app=web`, an address, or a word that says something about a pod",
                        )
                    })?;
                    pod.labels.insert(selector::key(key)?, value.text.to_owned());
                }
            }
        }
    }
    Ok(pod)
}

/// `[NAME:]PROTOCOL:NUMBER`
fn parse_port(word: Word<'_>) -> Result<ContainerPort, TextError> {
    let parts = word.list(":")?;
    let (name, of, number) = match parts.as_slice() {
        [of, number] => (None, *of, *number),
        [name, of, number] => (Some(name.text.to_owned()), *of, *number),
        _ => return Err(word.not("a container port like `http:tcp:8080`")),
    };
    Ok(ContainerPort { name, protocol: protocol(of)?, port: number.parse("a port")? })
}
