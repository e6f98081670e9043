//! What the plugin asks the agent: one question and one answer a connection, each a line of JSON.
//!
//! The plugin and the agent come from one release, but during an upgrade they meet across releases: fields may be
//! added with a default; what changes a meaning raises [`VERSION`], and is answered with "try again later".

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Read as _},
    net::IpAddr,
    path::PathBuf,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::spec::CniError;
use crate::model::{Endpoint, Identity, ObjectName};

/// The version of the questions and answers.
pub const VERSION: u32 = 1;
/// The longest line in bytes: room for some thousand containers in a [`Call::Gc`].
pub const LONGEST: u64 = 1 << 20;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// [`VERSION`]
    pub version: u32,
    /// How long the plugin waits for the answer, in milliseconds.
    pub within: u64,
    /// What it wants.
    pub call: Call,
}

/// What the runtime wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// A pod got an interface: put its programs and rules in place, then answer.
    Add(Attachment),
    /// Is what ADD left still in place?
    Check(Attachment),
    /// The interface goes or is gone. May come twice, and for one that was never added.
    Del(AttachmentId),
    /// Only these are left on the node; the rest can be forgotten.
    Gc(BTreeSet<AttachmentId>),
    /// Can pods be added?
    Status,
}

/// Identifies an interface of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttachmentId {
    /// `CNI_CONTAINERID`: of the pod's sandbox; a restarted pod has a new one.
    #[serde(rename = "containerID")]
    pub container: String,
    /// `CNI_IFNAME`: the name inside the container.
    #[serde(rename = "ifname")]
    pub interface: String,
}

/// An interface of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Which.
    pub id: AttachmentId,
    /// Whose.
    pub pod: PodIdentity,
    /// Its network namespace.
    pub netns: Netns,
    /// Where its packets can be judged.
    pub host: HostSide,
    /// The addresses that the main plugin gave it.
    pub addresses: BTreeSet<IpAddr>,
}

impl Attachment {
    /// The endpoint that it tells of; `None` where its packets cannot be judged.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        let HostSide::Interface { index, name } = &self.host else { return None };
        Some(Endpoint {
            pod: ObjectName::new(&self.pod.namespace, &self.pod.name),
            identity: self.pod.identity(),
            interface_index: *index,
            interface: name.clone(),
            addresses: self.addresses.clone(),
            ..Endpoint::default()
        })
    }
}

/// A pod, by the Kubernetes arguments of `CNI_ARGS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodIdentity {
    /// `K8S_POD_NAMESPACE`
    pub namespace: String,
    /// `K8S_POD_NAME`
    pub name: String,
    /// `K8S_POD_UID`, which runtimes pass since 2021.
    pub uid: Option<String>,
}

impl PodIdentity {
    /// Which pod of the name it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.uid
            .as_ref()
            .filter(|uid| !uid.is_empty())
            .map_or(Identity::Known, |uid| Identity::Uid(uid.clone()))
    }
}

/// A network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netns {
    /// The file by which the runtime names it, as the host sees it.
    pub path: PathBuf,
    /// Its inode number, the same in all mount namespaces.
    pub inode: u64,
}

/// The other end of a pod's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostSide {
    /// It is on the host.
    Interface {
        /// Kernel index, in the host's network namespace.
        index: u32,
        /// Its name now.
        name: String,
    },
    /// There is none at which packets could be judged.
    None {
        /// Why.
        cause: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// [`VERSION`]
    pub version: u32,
    /// What became of it.
    pub answer: Answer,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Done.
    Ok(Knowledge),
    /// Not done.
    Error(CniError),
}

/// What the rules that are now in place were made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Knowledge {
    /// The API server answered for the pod, its namespace and the policies there.
    Api,
    /// What the agent's watches had seen.
    Cache,
    /// No rules were asked for.
    None,
}

/// One line for a value.
///
/// # Errors
/// When it is longer than [`LONGEST`].
pub fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    if u64::try_from(line.len()).is_ok_and(|length| length <= LONGEST) {
        Ok(line)
    } else {
        Err(io::Error::other(format!("a message of {} bytes; the longest has {LONGEST}", line.len())))
    }
}

/// Reads one line's value.
///
/// # Errors
/// When there is none, it is too long, or something else.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut line)?;
    parse(&line)
}

/// The value of a line that was read up to its end, or up to [`LONGEST`] bytes.
///
/// # Errors
/// When it has no end, or is something else.
pub fn parse<T: DeserializeOwned>(line: &[u8]) -> io::Result<T> {
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(line).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() -> io::Result<()> {
        let id = AttachmentId { container: "c1".to_owned(), interface: "eth0".to_owned() };
        let attachment = Attachment {
            id: id.clone(),
            pod: PodIdentity { namespace: "shop".to_owned(), name: "cart\n0".to_owned(), uid: None },
            netns: Netns { path: "/run/netns/a".into(), inode: 4_026_532_000 },
            host: HostSide::Interface { index: 7, name: "veth7".to_owned() },
            addresses: ["10.0.0.1", "fd00::1"].iter().filter_map(|text| text.parse().ok()).collect(),
        };
        for call in [
            Call::Add(attachment.clone()),
            Call::Check(Attachment { host: HostSide::None { cause: "ipvlan".to_owned() }, ..attachment }),
            Call::Del(id.clone()),
            Call::Gc([id].into()),
            Call::Status,
        ] {
            let question = Question { version: VERSION, within: 10_000, call };
            let line = line(&question)?;
            assert_eq!(read::<Question>(&mut line.as_slice())?, question);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        }
        Ok(())
    }

    #[test]
    fn lines_without_end_are_refused() -> io::Result<()> {
        let whole = line(&Answer::Ok(Knowledge::Cache))?;
        let (_, half) = whole.split_last().unwrap_or((&0, &[]));
        assert!(parse::<Answer>(half).is_err());
        let mut endless = io::BufReader::new(io::repeat(b' ').take(LONGEST + 7));
        assert!(read::<Answer>(&mut endless).is_err());
        let long: BTreeSet<String> = (0..LONGEST / 8).map(|number| format!("{number:08}")).collect();
        assert!(line(&long).is_err());
        Ok(())
    }
}
