//! Sentences that are or begin a policy.

use enforcer::model::{Direction, ObjectName, Policy, Rule, Selector};

use super::{
    parse::parse_name,
    peer::parse_peers,
    selector::{self, parse_selector},
    traffic::Traffic,
    word::{Sentence, TextError},
};

/// What an `allow` or `deny` sentence is.
pub(super) enum Said {
    /// A policy of its own.
    Policy(Policy),
    /// A rule of the policy above.
    Rule(Direction, Rule),
}

/// `policy NAMESPACE/NAME SELECTOR [isolates …]`, after its first word.
pub(super) fn parse_head(mut sentence: Sentence<'_>) -> Result<Policy, TextError> {
    let name = parse_name(sentence.expect("the policy's name")?)?;
    let pod_selector = parse_selector(sentence.expect("a selector")?)?;
    let (mut ingress, mut egress) = (None, None);
    if sentence.take("isolates") {
        let word = sentence.expect("ingress, egress, both or nothing")?;
        match word.text {
            "ingress" => ingress = Some(Vec::new()),
            "egress" => egress = Some(Vec::new()),
            "both" => (ingress, egress) = (Some(Vec::new()), Some(Vec::new())),
            "nothing" => {}
            _ => return Err(word.not("ingress, egress, both or nothing")),
        }
    }
    sentence.end()?;
    Ok(Policy { name, pod_selector, ingress, egress })
}

/// `allow …`, after its first word.
pub(super) fn parse_allow(
    mut sentence: Sentence<'_>,
    first_namespace: Option<&str>,
    name: &str,
) -> Result<Said, TextError> {
    let egress = sentence.take("egress");
    let traffic = Traffic::parse(&mut sentence)?;
    if egress {
        sentence.keyword("from")?;
        let subject = parse_subject(&mut sentence, first_namespace)?;
        sentence.keyword("to")?;
        let peers = parse_peers(&mut sentence)?;
        let ports = traffic.ports(&mut sentence)?;
        sentence.end()?;
        return Ok(Said::Policy(subject.policy(name, Direction::Egress, vec![Rule { peers, ports }])));
    }
    // A rule of the policy above names its peers only.
    if sentence.take("to") {
        let peers = parse_peers(&mut sentence)?;
        let ports = traffic.ports(&mut sentence)?;
        sentence.end()?;
        return Ok(Said::Rule(Direction::Egress, Rule { peers, ports }));
    }
    sentence.keyword("from")?;
    let peers = parse_peers(&mut sentence)?;
    if !sentence.take("to") {
        let ports = traffic.ports(&mut sentence)?;
        sentence.end()?;
        return Ok(Said::Rule(Direction::Ingress, Rule { peers, ports }));
    }
    let subject = parse_subject(&mut sentence, first_namespace)?;
    let ports = traffic.ports(&mut sentence)?;
    sentence.end()?;
    Ok(Said::Policy(subject.policy(name, Direction::Ingress, vec![Rule { peers, ports }])))
}

/// `deny …`, after its first word.
pub(super) fn parse_deny(
    mut sentence: Sentence<'_>,
    first_namespace: Option<&str>,
    name: &str,
) -> Result<Policy, TextError> {
    let (direction, side) =
        if sentence.take("egress") { (Direction::Egress, "from") } else { (Direction::Ingress, "to") };
    let word = sentence.expect(&format!("`{side}`"))?;
    if word.text != side {
        return Err(word.wrong(format!(
            "a NetworkPolicy denies no peer and no port: `deny to PODS` and `deny egress from PODS` isolate, and \
             `allow` makes exceptions; `{}` cannot stand here",
            word.text
        )));
    }
    let subject = parse_subject(&mut sentence, first_namespace)?;
    sentence.end()?;
    Ok(subject.policy(name, direction, Vec::new()))
}

/// The pods that a policy selects.
struct Subject {
    namespace: String,
    pods: Selector,
}

impl Subject {
    fn policy(self, name: &str, direction: Direction, rules: Vec<Rule>) -> Policy {
        let name = ObjectName::new(self.namespace, name);
        let (ingress, egress) = match direction {
            Direction::Ingress => (Some(rules), None),
            Direction::Egress => (None, Some(rules)),
        };
        Policy { name, pod_selector: self.pods, ingress, egress }
    }
}

fn parse_subject(sentence: &mut Sentence<'_>, first_namespace: Option<&str>) -> Result<Subject, TextError> {
    let word = sentence.expect("the policy's pods")?;
    if let Some(rest) = word.after("@") {
        let (namespace, pods) =
            rest.cut("/").ok_or_else(|| word.not("`@NAMESPACE/SELECTOR`, the pods of a policy"))?;
        return Ok(Subject { namespace: selector::key(namespace)?, pods: parse_selector(pods)? });
    }
    if word.text.contains('/') || word.text == "cidr" || word.text == "anywhere" {
        return Err(
            word.not("a policy's pods, which are of one namespace: `SELECTOR` or `@NAMESPACE/SELECTOR`")
        );
    }
    let namespace = first_namespace.ok_or_else(|| word.wrong("there is no namespace yet"))?.to_owned();
    Ok(Subject { namespace, pods: parse_selector(word)? })
}
