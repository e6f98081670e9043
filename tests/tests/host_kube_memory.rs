//! Level 1: what a pod of the API server costs in memory, measured in processes that have nothing else to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, fs, net::Ipv4Addr, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use enforcer::source::kube::Limits;
use enforcer_tests::api_server::{ApiServer, Follower, Streams, pod};

/// How this program tells its other processes what to do: the server's URL.
const CHILD: &str = "ENFORCER_KUBE_MEMORY_URL";

/// Somewhat more than what was measured, 1674 bytes. 100,000 pods have 256 MiB, with everything that is made of them.
const MOST_BYTES_A_POD: usize = 1900;

/// So few that they weigh nothing beside the program, and many.
const PODS: [u32; 2] = [100, 10_100];

/// What a process took that followed a server.
#[derive(Debug, Clone, Copy)]
struct Figures {
    resident: usize,
    peak: usize,
    milliseconds: usize,
}

/// A field of /proc/self/status, in bytes.
fn memory(field: &str) -> Result<usize> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(field)).context("no such field")?;
    let kibibytes: usize = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kibibytes * 1024)
}

/// The other process: follows, and writes what it took.
fn follow(url: String) -> Result<()> {
    let start = Instant::now();
    let mut follower = Follower::at(url, Limits::default())?;
    follower.until_current()?;
    let (resident, peak, took) = (memory("VmRSS")?, memory("VmHWM")?, start.elapsed().as_millis());
    println!("figures {resident} {peak} {took} {}", follower.cluster.pods.len());
    Ok(())
}

/// Starts a server with so many pods, and a process that follows it.
fn measure(streams: Streams, pods: u32) -> Result<Figures> {
    let server = ApiServer::start()?;
    server.behave(|behaviour| behaviour.streams = streams);
    for index in 0..pods {
        let address = Ipv4Addr::from(0x0a00_0000 + index);
        server.put(pod(&format!("web-6d4b75cb6d-{index:05}"), &address.to_string()))?;
    }
    let output = Command::new(env::current_exe()?).arg("--nocapture").env(CHILD, server.url()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, figures) = text.split_once("figures ").with_context(|| text.clone())?;
    let figures: Vec<usize> =
        figures.split_whitespace().take(4).map(|figure| Ok(figure.parse()?)).collect::<Result<_>>()?;
    let [resident, peak, milliseconds, found] = figures.as_slice() else { panic!("{text}") };
    ensure!(*found == usize::try_from(pods)?, "{found} pods of {pods}");
    Ok(Figures { resident: *resident, peak: *peak, milliseconds: *milliseconds })
}

#[test]
fn a_pod_costs_little_memory() -> Result<()> {
    if let Ok(url) = env::var(CHILD) {
        return follow(url);
    }
    for streams in [Streams::Sent, Streams::Refused] {
        let [few, many] = [measure(streams, PODS[0])?, measure(streams, PODS[1])?];
        let pods = usize::try_from(PODS[1] - PODS[0])?;
        let each = many.resident.saturating_sub(few.resident) / pods;
        let at_peak = many.peak.saturating_sub(few.peak) / pods;
        let took = many.milliseconds;
        println!(
            "lists {streams:?}: {each} bytes a pod, {at_peak} at the peak; {} listed in {took} ms",
            PODS[1]
        );
        ensure!(each <= MOST_BYTES_A_POD, "{each} bytes a pod: {few:?}, {many:?}");
    }
    Ok(())
}
