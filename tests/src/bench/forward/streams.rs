//! Streams of iperf3, from client to server. Segments of up to 64 kB cross the node as one packet (GSO): a stream tells
//! whether offloads survive, and hides what a packet costs.

use std::{
    io,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};

use super::{
    pair::{Pairs, STREAM_PORT, client, server},
    turns::{Kind, Turns},
    variant::Variant,
};
use crate::{
    bench::recorder::Recorder,
    lab::Source,
    oracle::Family,
    poll,
    scene::{families, pod},
};

const KIND: Kind = Kind { name: "streams", metric: "throughput", unit: "Mbit/s", bar: |_| None };

/// How long a stream lasts: seconds, of which iperf3 takes whole ones, or in a quick run bytes.
const LONG: [&str; 2] = ["--time", "1"];
const SHORT: [&str; 2] = ["--bytes", "50M"];
/// A second each, so fewer than of the other cases.
const ROUNDS: usize = 3;

/// Measures, and returns iperf3's version; `None` where it is not installed, or not wanted.
pub(super) fn run(pairs: &Pairs, turns: Turns, out: &mut Recorder) -> anyhow::Result<Option<String>> {
    let families: Vec<Family> =
        families().into_iter().filter(|family| out.wants_any(&KIND.cases(*family))).collect();
    if families.is_empty() {
        return Ok(None);
    }
    let Some(version) = version()? else {
        println!("streams: left out: there is no iperf3; install it with: apt-get install iperf3");
        return Ok(None);
    };
    println!("streams: GSO hides what a packet costs; see packets for that");
    let servers: Vec<Server> =
        Variant::ALL.map(|variant| Server::start(pairs, variant)).into_iter().collect::<Result<_, _>>()?;
    let length = if turns.quick { SHORT } else { LONG };
    let turns = Turns { rounds: if turns.quick { 1 } else { ROUNDS }, ..turns };
    for family in families {
        let rounds =
            turns.take(|place| servers.get(place).context("no such variant")?.turn(pairs, family, length))?;
        KIND.note(family, &rounds, out)?;
    }
    Ok(Some(version))
}

/// The installed iperf3's, if there is one.
fn version() -> anyhow::Result<Option<String>> {
    let output = match Command::new("iperf3").arg("--version").output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output.context("cannot run iperf3")?,
    };
    // Such as "iperf 3.12 (cJSON 1.7.15)".
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1).context("iperf3 does not say its version")?;
    Ok(Some(version.to_owned()))
}

/// iperf3 in a server pod; it ends with the value.
struct Server {
    variant: Variant,
    child: Child,
}

impl Server {
    fn start(pairs: &Pairs, variant: Variant) -> anyhow::Result<Self> {
        let mut command = Command::new("iperf3");
        command.args(["--server", "--port", &STREAM_PORT.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = pairs.lab(variant).spawn(&Source::Pod(pod(&server(variant))), &mut command)?;
        Ok(Self { variant, child })
    }

    /// Mbit/s that the server received. A server that has just started, or is not yet done with the stream before, is
    /// asked again.
    fn turn(&self, pairs: &Pairs, family: Family, length: [&str; 2]) -> anyhow::Result<f64> {
        let to = pairs.at(self.variant, &server(self.variant), family, STREAM_PORT)?.ip().to_string();
        let mut last = None;
        let stream = || match self.stream(pairs, &to, length) {
            Ok(rate) => Some(rate),
            Err(error) => {
                last = Some(error);
                None
            }
        };
        let answer = poll::until(Duration::from_secs(10), "a stream of iperf3", stream);
        answer.map_err(|late| last.map_or(late, |error| error.context("iperf3")))
    }

    fn stream(&self, pairs: &Pairs, to: &str, length: [&str; 2]) -> anyhow::Result<f64> {
        let mut command = Command::new("iperf3");
        command.args(["--client", to, "--port", &STREAM_PORT.to_string(), "--json"]);
        command.args(["--connect-timeout", "2000"]).args(length);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = pairs.lab(self.variant).spawn(&Source::Pod(pod(&client(self.variant))), &mut command)?;
        let output = child.wait_with_output().context("iperf3's client")?;
        received(&output.stdout)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Mbit/s, from a client's report.
fn received(json: &[u8]) -> anyhow::Result<f64> {
    let report: serde_json::Value = serde_json::from_slice(json).context("iperf3's report is no JSON")?;
    if let Some(error) = report.get("error") {
        anyhow::bail!("{error}");
    }
    let bits = report.pointer("/end/sum_received/bits_per_second").and_then(serde_json::Value::as_f64);
    let bits = bits.context("iperf3's report has no throughput")?;
    ensure!(bits > 0.0, "iperf3 moved nothing");
    Ok(bits / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_was_received_or_what_went_wrong() -> anyhow::Result<()> {
        let good = br#"{"start": {}, "end": {"sum_sent": {"bits_per_second": 3e9},
            "sum_received": {"bits_per_second": 2.5e9}}}"#;
        assert!((received(good)? - 2_500.0).abs() < 1e-9);
        let refused = received(br#"{"start": {}, "error": "unable to connect to server"}"#);
        assert!(refused.is_err_and(|error| error.to_string().contains("unable to connect")));
        assert!(received(br#"{"end": {}}"#).is_err());
        Ok(())
    }
}
