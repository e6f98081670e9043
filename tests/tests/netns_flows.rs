//! Level 6: flows between network namespaces, through the real programs on real veths.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Scene, TCP, client, policy},
    lab::Source,
    poll,
};

const DEADLINE: Duration = Duration::from_secs(10);

const DENY_ALL: &str = "{podSelector: {}, policyTypes: [Ingress, Egress]}";
const CLIENT_TO_SERVER: &str = "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], \
     egress: [{to: [{podSelector: {matchLabels: {app: server}}}]}]}";
const SERVER_FROM_CLIENT: &str = "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], \
     ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}";

#[test]
fn replies_pass_a_deny_all_and_nothing_else_does() -> Result<()> {
    let mut scene = Scene::build()?;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        ensure!(scene.connects(&client(), protocol)?, "the lab itself does not connect");
    }
    scene.write("deny.yaml", &policy("deny-all", DENY_ALL))?;
    scene.enforce(None)?;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        ensure!(!scene.connects(&client(), protocol)?, "{protocol} passes a deny-all");
        // The node reaches its pods whatever the policies say (kubelet's probes), and gets its replies.
        ensure!(scene.connects(&Source::Node, protocol)?, "the node does not reach its pod over {protocol}");
    }
    // One side allowed is not enough; both are, and neither needs a rule for the replies.
    scene.change("egress.yaml", &policy("client", CLIENT_TO_SERVER))?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "the server's ingress is not asked");
    scene.change("ingress.yaml", &policy("server", SERVER_FROM_CLIENT))?;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        ensure!(scene.connects(&client(), protocol)?, "{protocol} does not pass its rules");
    }
    Ok(())
}

/// Writes a line and reads its echo, within the stream's time-outs.
fn echoes(stream: &mut TcpStream, line: &str) -> Result<bool> {
    stream.write_all(line.as_bytes())?;
    let mut echo = vec![0; line.len()];
    match stream.read_exact(&mut echo) {
        Ok(()) => Ok(echo == line.as_bytes()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn connect(scene: &Scene) -> Result<Vec<TcpStream>> {
    let servers = scene.server(TCP)?;
    scene.lab.netns_of(&client())?.enter(move || {
        servers
            .iter()
            .map(|server| {
                let mut stream = TcpStream::connect_timeout(server, DEADLINE)?;
                stream.set_read_timeout(Some(Duration::from_millis(400)))?;
                // The banner ends with a newline.
                let mut byte = [0];
                while byte != *b"\n" {
                    stream.read_exact(&mut byte)?;
                }
                Ok(stream)
            })
            .collect()
    })
}

#[test]
fn a_new_deny_stops_an_open_connection_and_its_end_revives_it() -> Result<()> {
    let mut scene = Scene::build()?;
    scene.write("deny.yaml", &policy("deny-all", DENY_ALL))?;
    scene.write("egress.yaml", &policy("client", CLIENT_TO_SERVER))?;
    scene.write("ingress.yaml", &policy("server", SERVER_FROM_CLIENT))?;
    scene.enforce(None)?;
    let mut streams = connect(&scene)?;
    for stream in &mut streams {
        ensure!(echoes(stream, "before")?, "an allowed connection does not echo");
    }
    // A change that has nothing to do with it leaves it alone.
    let other = "{podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}";
    scene.write("other.yaml", &policy("other", other))?;
    for stream in &mut streams {
        ensure!(echoes(stream, "still")?, "a foreign change stops the connection");
    }

    scene.change("ingress.yaml", &policy("server", "{podSelector: {matchLabels: {app: server}}}"))?;
    for stream in &mut streams {
        ensure!(!echoes(stream, "denied")?, "data passes after its policy went");
    }
    let drops = scene.agent()?.said().drops.len();
    ensure!(drops > 0, "nothing was reported");

    scene.change("ingress.yaml", &policy("server", SERVER_FROM_CLIENT))?;
    for stream in &mut streams {
        // TCP sends the lost bytes again by itself: first comes their echo.
        let deadline = Instant::now() + DEADLINE;
        let mut echo = [0; 6];
        poll::until(DEADLINE, "the connection goes on", || stream.read_exact(&mut echo).ok())?;
        ensure!(echo == *b"denied" && Instant::now() < deadline, "the echo is {echo:?}");
        ensure!(echoes(stream, "after")?, "the revived connection does not echo");
    }
    Ok(())
}
