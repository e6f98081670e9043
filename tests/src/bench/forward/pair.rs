//! The pods: on one node, a client and a server for each variant, and the agent that enforces some of them.

use std::net::SocketAddr;

use anyhow::Context as _;
use enforcer::model::Protocol;

use super::{policies, sockets, variant::Variant};
use crate::{
    agent::Agent,
    lab::{Netns, Pod},
    oracle::Family,
    scene::{Scene, pod},
};

/// Where a server answers, by TCP and UDP.
pub(super) const PORT: u16 = 7_001;
/// Where iperf3 listens.
pub(super) const STREAM_PORT: u16 = 5_201;

/// All pairs, and the agent. Everything goes with the value.
pub(super) struct Pairs {
    // Before the lab, whose end would end it less politely.
    agent: Agent,
    pub(super) scene: Scene,
}

/// The client's name.
pub(super) fn client(variant: Variant) -> String {
    format!("client-{}", variant.name())
}

/// The server's name.
pub(super) fn server(variant: Variant) -> String {
    format!("server-{}", variant.name())
}

/// A family as part of a case's name.
pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

impl Pairs {
    /// Builds the node and its pods, and has the agent enforce those that are to be.
    pub(super) fn build() -> anyhow::Result<Self> {
        let names = |variants: &[Variant]| -> Vec<String> {
            variants.iter().flat_map(|variant| [client(*variant), server(*variant)]).collect()
        };
        let all = names(&Variant::ALL);
        let scene = Scene::new(&all.iter().map(String::as_str).collect::<Vec<_>>())?;
        let enforced: Vec<Variant> = Variant::ALL.into_iter().filter(|it| it.is_enforced()).collect();
        let enforced = names(&enforced);
        scene.list(&enforced.iter().map(String::as_str).collect::<Vec<_>>())?;
        let text: String = Variant::ALL.into_iter().map(policies::manifests).collect();
        scene.write("policies.yaml", &text)?;
        let agent = scene.start()?;
        let pairs = Self { agent, scene };
        for variant in Variant::ALL {
            pairs.check(variant)?;
            pairs.netns(&client(variant))?.enter(sockets::give_up_early)?;
        }
        Ok(pairs)
    }

    /// The port that the lab's servers have is none of the policies': a pair that has some does not reach it.
    fn check(&self, variant: Variant) -> anyhow::Result<()> {
        let (from, to) = (client(variant), server(variant));
        let opens = variant.policies() == 0;
        self.scene.wait_reaches(&from, &to, opens)?;
        if !opens {
            self.scene.wait_dropped(&self.agent, &from, &to, Protocol::Tcp)?;
        }
        Ok(())
    }

    /// Fails when the agent has ended, and enforcement with it.
    pub(super) fn check_agent(&mut self) -> anyhow::Result<()> {
        self.agent.check()
    }

    /// A pod's network namespace.
    pub(super) fn netns(&self, name: &str) -> anyhow::Result<&Netns> {
        self.scene.netns(name)
    }

    /// A pod.
    pub(super) fn pod(&self, name: &str) -> anyhow::Result<&Pod> {
        self.scene.lab.pod(&pod(name))
    }

    /// A pod's address, with a port.
    pub(super) fn at(&self, name: &str, family: Family, port: u16) -> anyhow::Result<SocketAddr> {
        let at = self.scene.at(name, family).with_context(|| format!("where is {name}?"))?;
        Ok(SocketAddr::new(at.ip(), port))
    }
}
