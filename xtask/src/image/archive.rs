//! An image as one file: the OCI image layout (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>) in a tar archive.
//!
//! Same programs, same bytes: no clock, no user, no order of a folder is in it.

use super::reference::Reference;
use anyhow::Result;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, io::Write as _};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A program of an image, in its root folder.
pub(super) struct Program {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// What is in an image.
pub(super) struct Image<'a> {
    pub(super) name: &'a Reference,
    /// As Go names it.
    pub(super) architecture: &'a str,
    /// Of the programs.
    pub(super) version: &'a str,
    /// The program that a container starts.
    pub(super) entrypoint: &'a str,
    pub(super) programs: Vec<Program>,
}

/// An image's file.
pub(super) struct Archive {
    pub(super) bytes: Vec<u8>,
    /// The manifest's: what pods may name instead of a tag.
    pub(super) digest: String,
}

/// A file of the layout that is named after its content.
struct Blob {
    media_type: &'static str,
    digest: String,
    content: Vec<u8>,
}

impl Image<'_> {
    /// The whole archive.
    pub(super) fn archive(&self) -> Result<Archive> {
        let files = self.programs.iter().map(|program| (program.name.as_str(), 0o755, &program.content[..]));
        let root = tar(files)?;
        let layer = Blob::new(LAYER, gzip(&root)?);
        let config = Blob::new(CONFIG, self.config(&sha256(&root)).to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
        });
        let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes());
        let mut descriptor = manifest.descriptor();
        if let Some(descriptor) = descriptor.as_object_mut() {
            // containerd imports an image under the first name; others read the second one, which is the tag.
            let names = json!({
                "io.containerd.image.name": self.name.to_string(),
                "org.opencontainers.image.ref.name": self.name.tag(),
            });
            descriptor.insert("annotations".to_owned(), names);
            let platform = json!({"architecture": self.architecture, "os": "linux"});
            descriptor.insert("platform".to_owned(), platform);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}).to_string();
        let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();

        let blobs = [&layer, &config, &manifest];
        let mut files: Vec<(String, &[u8])> = blobs
            .into_iter()
            .map(|blob| (format!("blobs/sha256/{}", blob.digest), &blob.content[..]))
            .collect();
        files.sort();
        files.push(("index.json".to_owned(), index.as_bytes()));
        files.push(("oci-layout".to_owned(), layout.as_bytes()));
        let bytes = tar(files.iter().map(|(name, content)| (name.as_str(), 0o644, *content)))?;
        Ok(Archive { bytes, digest: format!("sha256:{}", manifest.digest) })
    }

    /// What a runtime makes of the layer.
    fn config(&self, layer: &str) -> Value {
        json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": {
                "Entrypoint": [format!("/{}", self.entrypoint)],
                "User": "0:0",
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": "enforcer",
                    "org.opencontainers.image.description": "eBPF network policy enforcer for Kubernetes",
                    "org.opencontainers.image.version": self.version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
            "history": [{"created_by": "cargo xtask image"}],
        })
    }
}

impl Blob {
    fn new(media_type: &'static str, content: Vec<u8>) -> Self {
        Self { media_type, digest: sha256(&content), content }
    }

    fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.content.len(),
        })
    }
}

/// Files of root's, from 1970, in the order given.
fn tar<'a>(files: impl Iterator<Item = (&'a str, u32, &'a [u8])>) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(u64::try_from(content.len())?);
        archive.append_data(&mut header, name, content)?;
    }
    Ok(archive.into_inner()?)
}

/// Without a name and a time.
fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    compressed.write_all(content)?;
    Ok(compressed.finish()?)
}

/// In hexadecimal.
fn sha256(content: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a text does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use flate2::read::GzDecoder;
    use oci_spec::image::{Arch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, OciLayout, Os};
    use std::{collections::BTreeMap, io::Read as _, str::FromStr as _};

    /// Content, mode, owner and time, by name.
    type Files = BTreeMap<String, (Vec<u8>, u32, u64, u64)>;

    fn made() -> Result<Archive> {
        let name = Reference::from_str("registry.example.org/net/enforcer:1.2.3")?;
        let programs = [("enforcer", 300_000_u32), ("enforcer-cni", 10)].map(|(name, size)| Program {
            name: name.to_owned(),
            content: (0..size).flat_map(u32::to_le_bytes).collect(),
        });
        let image = Image {
            name: &name,
            architecture: "arm64",
            version: "1.2.3",
            entrypoint: "enforcer",
            programs: programs.into(),
        };
        image.archive()
    }

    fn unpacked(tar: &[u8]) -> Result<Files> {
        let mut files = Files::new();
        for entry in tar::Archive::new(tar).entries()? {
            let mut entry = entry?;
            let header = entry.header();
            let (mode, uid, mtime) = (header.mode()?, header.uid()?, header.mtime()?);
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            assert_eq!(files.insert(name.clone(), (content, mode, uid, mtime)), None, "{name} twice");
        }
        Ok(files)
    }

    /// A blob, with the size and the digest that its descriptor says.
    fn blob<'a>(files: &'a Files, descriptor: &Descriptor) -> Result<&'a [u8]> {
        let digest = descriptor.digest().to_string();
        let hex = digest.strip_prefix("sha256:").context("not SHA-256")?;
        let (content, ..) = files.get(&format!("blobs/sha256/{hex}")).context("no such blob")?;
        assert_eq!(u64::try_from(content.len())?, descriptor.size());
        assert_eq!(sha256(content), hex);
        Ok(content)
    }

    #[test]
    fn what_is_written_is_read_by_the_specifications_types() -> Result<()> {
        let archive = made()?;
        let files = unpacked(&archive.bytes)?;
        let file = |name: &str| files.get(name).map(|(content, ..)| &content[..]).context("no such file");
        let layout = OciLayout::from_reader(file("oci-layout")?)?;
        assert_eq!(layout.image_layout_version(), "1.0.0");

        let index = ImageIndex::from_reader(file("index.json")?)?;
        let [descriptor] = &index.manifests()[..] else { anyhow::bail!("one manifest is wanted") };
        assert_eq!(descriptor.digest().to_string(), archive.digest);
        let annotations = descriptor.annotations().clone().context("no names")?;
        let name = |key: &str| annotations.get(key).map(String::as_str);
        assert_eq!(name("io.containerd.image.name"), Some("registry.example.org/net/enforcer:1.2.3"));
        assert_eq!(name("org.opencontainers.image.ref.name"), Some("1.2.3"));

        let manifest = ImageManifest::from_reader(blob(&files, descriptor)?)?;
        let config = ImageConfiguration::from_reader(blob(&files, manifest.config())?)?;
        assert_eq!((config.architecture(), config.os()), (&Arch::ARM64, &Os::Linux));
        let run = config.config().as_ref().context("nothing to run")?;
        assert_eq!(run.entrypoint(), &Some(vec!["/enforcer".to_owned()]));
        assert_eq!(run.user(), &Some("0:0".to_owned()));
        let labels = run.labels().clone().unwrap_or_default();
        assert_eq!(labels.get("org.opencontainers.image.version").map(String::as_str), Some("1.2.3"));

        let [layer] = &manifest.layers()[..] else { anyhow::bail!("one layer is wanted") };
        let mut root = Vec::new();
        GzDecoder::new(blob(&files, layer)?).read_to_end(&mut root)?;
        assert_eq!(config.rootfs().diff_ids(), &vec![format!("sha256:{}", sha256(&root))]);
        let programs = unpacked(&root)?;
        assert_eq!(programs.keys().collect::<Vec<_>>(), ["enforcer", "enforcer-cni"]);
        for (name, (content, mode, uid, mtime)) in &programs {
            assert_eq!((*mode, *uid, *mtime), (0o755, 0, 0), "{name}");
            let wanted: u32 = if name == "enforcer" { 300_000 } else { 10 };
            assert_eq!(*content, (0..wanted).flat_map(u32::to_le_bytes).collect::<Vec<_>>(), "{name}");
        }
        // Nothing that no descriptor names.
        assert_eq!(files.len(), 5);
        Ok(())
    }

    #[test]
    fn the_same_programs_give_the_same_bytes() -> Result<()> {
        assert!(made()?.bytes == made()?.bytes);
        Ok(())
    }

    /// FIPS 180-4's examples.
    #[test]
    fn digests_are_hexadecimal() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
