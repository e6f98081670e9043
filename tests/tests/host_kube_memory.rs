//! Level 1: what a pod of the API server costs in memory, measured in a process that has nothing else to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, fs, net::Ipv4Addr, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use enforcer::source::kube::Limits;
use enforcer_tests::api_server::{ApiServer, Follower, Streams, pod};

/// How this program tells its own second process what to do: the server's URL.
const CHILD: &str = "ENFORCER_KUBE_MEMORY_URL";

/// More than ours were measured at; raw objects of the API would take five times as much.
const MOST_BYTES_A_POD: usize = 2048;

const PODS: usize = 10_000;

/// A field of /proc/self/status, in bytes.
fn memory(field: &str) -> Result<usize> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(field)).context("no such field")?;
    let kibibytes: usize = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kibibytes * 1024)
}

/// The second process: follows, and writes what it took.
fn follow(url: String) -> Result<()> {
    let before = memory("VmRSS")?;
    let start = Instant::now();
    let mut follower = Follower::at(url, Limits::default())?;
    follower.until_current()?;
    let pods = follower.cluster.pods.len();
    ensure!(pods == PODS, "{pods} pods");
    println!(
        "figures {} {} {}",
        memory("VmRSS")?.saturating_sub(before),
        memory("VmHWM")?.saturating_sub(before),
        start.elapsed().as_millis()
    );
    Ok(())
}

#[test]
fn a_pod_costs_little_memory() -> Result<()> {
    if let Ok(url) = env::var(CHILD) {
        return follow(url);
    }
    for streams in [Streams::Sent, Streams::Refused] {
        let server = ApiServer::start()?;
        server.behave(|behaviour| behaviour.streams = streams);
        for (number, index) in (0..PODS).zip(0u32..) {
            let address = Ipv4Addr::from(0x0a00_0000 + index);
            server.put(pod(&format!("web-6d4b75cb6d-{number:05}"), &address.to_string()))?;
        }
        let output =
            Command::new(env::current_exe()?).arg("--nocapture").env(CHILD, server.url()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let (_, figures) = text.split_once("figures ").with_context(|| text.clone())?;
        let figures: Vec<usize> =
            figures.split_whitespace().take(3).map(|figure| Ok(figure.parse()?)).collect::<Result<_>>()?;
        let [resident, peak, milliseconds] = figures.as_slice() else { panic!("{text}") };
        println!(
            "{streams:?}: {PODS} pods take {} KiB, {} bytes each; {} KiB at most; listed in {milliseconds} ms",
            resident / 1024,
            resident / PODS,
            peak / 1024
        );
        ensure!(resident / PODS <= MOST_BYTES_A_POD, "{} bytes a pod", resident / PODS);
    }
    Ok(())
}
