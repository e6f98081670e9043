//! Level 6: much data at once. Veths carry segments of 64 kB with their checksums still to be made, and what comes out
//! of a file is in pages of its own: the programs see neither whole frames nor linear ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
};

use anyhow::{Result, ensure};
use enforcer_tests::{
    lab::Topology,
    oracle::Family,
    scene::{DEADLINE, Scene, families, policy},
    wire::Tap,
};

const PORT: u16 = 7001;
const BYTES: usize = 32 << 20;
/// Longer than any frame that is not an offloaded one.
const FRAME: usize = 1514;

/// Bytes that differ from place to place.
fn content() -> Vec<u8> {
    (0..BYTES / 8).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

fn policies() -> String {
    let side = |side: &str, peer: &str| {
        format!(
            "[{{{side}: [{{podSelector: {{matchLabels: {{app: {peer}}}}}}}], ports: [{{port: {PORT}}}]}}]"
        )
    };
    [
        policy(
            "in",
            "server",
            &format!("policyTypes: [Ingress, Egress], ingress: {}", side("from", "client")),
        ),
        policy("out", "client", &format!("policyTypes: [Ingress, Egress], egress: {}", side("to", "server"))),
    ]
    .concat()
}

fn arrives_intact(
    topology: Topology,
    attach: &str,
    send: fn(&mut TcpStream, &Path) -> Result<()>,
) -> Result<()> {
    let mut scene = Scene::on(topology, &["client", "server"])?;
    scene.settings.attach = Some(attach.to_owned());
    scene.write("policies.yaml", &policies())?;
    let content = content();
    let file = scene.lab.folder().join("content");
    fs::write(&file, &content)?;
    let agent = scene.start()?;
    for family in families() {
        let any: SocketAddr = match family {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, PORT).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, PORT).into(),
        };
        let listener = scene.netns("server")?.enter(|| Ok(TcpListener::bind(any)?))?;
        let at = SocketAddr::new(scene.at("server", family)?.ip(), PORT);
        let mut tap = Tap::open(scene.netns("server")?)?;
        thread::scope(|scope| {
            let receiver = scope.spawn(|| -> Result<()> {
                let (mut stream, _) = listener.accept()?;
                stream.set_read_timeout(Some(DEADLINE))?;
                let mut received = Vec::with_capacity(BYTES);
                stream.read_to_end(&mut received)?;
                ensure!(received == content, "{} bytes arrived, not the same", received.len());
                Ok(())
            });
            scene.netns("client")?.enter(|| {
                let mut stream = TcpStream::connect_timeout(&at, DEADLINE)?;
                stream.set_write_timeout(Some(DEADLINE))?;
                send(&mut stream, &file)
            })?;
            receiver.join().unwrap()
        })?;
        assert!(tap.has(|frame| frame.len() > FRAME)?, "no offloads, {family:?} {topology}");
        // A bridge brings the neighbours' membership reports too, which are none of this.
        let mut drops = agent.said().drops.clone();
        drops.retain(|drop| drop.protocol == "TCP");
        assert!(drops.is_empty(), "{family:?} {topology} {attach}: {drops:?}");
    }
    Ok(())
}

fn from_memory(stream: &mut TcpStream, file: &Path) -> Result<()> {
    Ok(stream.write_all(&fs::read(file)?)?)
}

/// The standard library has the kernel copy (sendfile), so that the segments' data stay in the file's pages.
fn from_pages(stream: &mut TcpStream, file: &Path) -> Result<()> {
    let copied = io::copy(&mut File::open(file)?, stream)?;
    ensure!(copied == u64::try_from(BYTES)?, "only {copied} bytes sent");
    Ok(())
}

#[test]
fn large_segments_arrive_intact() -> Result<()> {
    arrives_intact(Topology::Routed, "tcx", from_memory)?;
    arrives_intact(Topology::Bridged { netfilter: false }, "tcx", from_memory)
}

#[test]
fn segments_of_a_files_pages_arrive_intact() -> Result<()> {
    arrives_intact(Topology::Routed, "tcx", from_pages)?;
    arrives_intact(Topology::Routed, "clsact", from_pages)
}
