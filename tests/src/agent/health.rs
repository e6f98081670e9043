//! How the enforcer says that it is.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use anyhow::{Context, Result, bail};
use enforcer::agent::health::Report;

use super::{Agent, binary, status_socket};
use crate::lab::Lab;

/// Where it serves metrics, as its log says.
pub fn metrics_address(agent: &Agent) -> Result<SocketAddr> {
    let log = agent.log();
    let line =
        log.lines().find(|line| line.contains("metrics and health")).context("it serves no metrics")?;
    let (_, address) = line.split_once("address=").context("it says no address")?;
    Ok(address.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Asks it by HTTP from the lab's node; status and body.
pub fn get(lab: &Lab, agent: &Agent, path: &str) -> Result<(u16, String)> {
    let address = metrics_address(agent)?;
    let text = lab.node().enter(|| {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer has a head")?;
    let code = head.split_whitespace().nth(1).context("an answer has a status")?.parse()?;
    Ok((code, body.to_owned()))
}

/// What `enforcer status` says, read from its JSON form.
pub fn status(lab: &Lab) -> Result<Report> {
    let mut command = Command::new(binary()?);
    let output =
        command.args(["status", "--output", "json", "--status-socket"]).arg(status_socket(lab)).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
