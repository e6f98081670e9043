//! The pods: a client and a server for each variant, on two nodes, and on each node the agent that enforces some of
//! them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use enforcer::{dataplane::EmptyHooks, model::Protocol};

use super::{
    policies, sockets,
    variant::{Node, Variant},
};
use crate::{
    agent::Agent,
    lab::{Lab, Netns, Pod, Service},
    oracle::Family,
    scene::{Scene, pod},
};

/// Where a server answers, by TCP and UDP.
pub(super) const PORT: u16 = 7_001;
/// Where iperf3 listens.
pub(super) const STREAM_PORT: u16 = 5_201;
/// Services of the node that has kube-proxy's rules: about as many as a cluster has before anybody uses it.
const SERVICES: u16 = 5;

/// All pairs, and the agents. Everything goes with the value.
pub(super) struct Pairs {
    plain: Place,
    tracked: Place,
}

/// A node with its pods.
struct Place {
    // Before the lab, whose end would end it less politely.
    agent: Agent,
    empty: Option<EmptyHooks>,
    scene: Scene,
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

impl Place {
    /// Builds a node and its pods, and has the agent enforce those that are to be.
    fn build(node: Node) -> anyhow::Result<Self> {
        let names = |wanted: &dyn Fn(Variant) -> bool| -> Vec<String> {
            let own = Variant::ALL.into_iter().filter(|variant| variant.node() == node && wanted(*variant));
            own.flat_map(|variant| [client(variant), server(variant)]).collect()
        };
        let all = names(&|_| true);
        let scene = Scene::new(&all.iter().map(String::as_str).collect::<Vec<_>>())?;
        if node == Node::Tracked {
            scene.lab.translate(&services())?;
            scene.lab.filter_by_state()?;
        }
        let enforced = names(&Variant::is_enforced);
        scene.list(&enforced.iter().map(String::as_str).collect::<Vec<_>>())?;
        let own = Variant::ALL.into_iter().filter(|variant| variant.node() == node);
        scene.write("policies.yaml", &own.map(policies::manifests).collect::<String>())?;
        let agent = scene.start()?;
        let mut place = Self { agent, empty: None, scene };
        let hooks = names(&|variant| variant == Variant::Empty);
        if !hooks.is_empty() {
            place.empty = Some(place.hook(&hooks)?);
        }
        Ok(place)
    }

    fn hook(&self, pods: &[String]) -> anyhow::Result<EmptyHooks> {
        self.scene.lab.node().enter(|| {
            let mut hooks = EmptyHooks::load()?;
            for name in pods {
                hooks.attach(self.scene.lab.pod(&pod(name))?.interface())?;
            }
            Ok(hooks)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let hooks = self.empty.take();
        // On clsact a filter is detached by the number of its interface, which others have elsewhere.
        let _gone = self.scene.lab.node().enter(|| {
            drop(hooks);
            Ok(())
        });
    }
}

/// Services that nobody uses: what each first packet is compared with all the same.
fn services() -> Vec<Service> {
    let numbers = (1..=SERVICES).flat_map(|number| {
        let [high, low] = number.to_be_bytes();
        let ipv4 = [Ipv4Addr::new(10, 96, high, low), Ipv4Addr::new(198, 18, high, low)].map(Into::into);
        let ipv6 = [
            Ipv6Addr::new(0xfd00, 0x96, 0, 0, 0, 0, 0, number),
            Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, number),
        ]
        .map(Into::into);
        [ipv4, ipv6]
    });
    let service = |[at, backend]: [std::net::IpAddr; 2]| Service {
        protocol: "tcp",
        at: SocketAddr::new(at, 443),
        node_port: None,
        backends: vec![SocketAddr::new(backend, 8_443)],
    };
    numbers.map(service).collect()
}

impl Pairs {
    /// Builds both nodes.
    pub(super) fn build() -> anyhow::Result<Self> {
        let [plain, tracked] = Node::ALL.map(Place::build);
        let pairs = Self { plain: plain?, tracked: tracked? };
        for variant in Variant::ALL {
            pairs.check(variant)?;
            pairs.netns(variant, &client(variant))?.enter(sockets::give_up_early)?;
        }
        Ok(pairs)
    }

    const fn place(&self, variant: Variant) -> &Place {
        match variant.node() {
            Node::Plain => &self.plain,
            Node::Tracked => &self.tracked,
        }
    }

    /// The port that the lab's servers have is none of the policies': a pair that has some does not reach it.
    fn check(&self, variant: Variant) -> anyhow::Result<()> {
        let (from, to) = (client(variant), server(variant));
        let Place { agent, scene, .. } = self.place(variant);
        let opens = variant.policies() == 0;
        scene.wait_reaches(&from, &to, opens)?;
        if !opens {
            scene.wait_dropped(agent, &from, &to, Protocol::Tcp)?;
        }
        Ok(())
    }

    /// Fails when an agent has ended, and enforcement with it.
    pub(super) fn check_agents(&mut self) -> anyhow::Result<()> {
        self.plain.agent.check()?;
        self.tracked.agent.check()
    }

    /// The lab of a variant's pods.
    pub(super) const fn lab(&self, variant: Variant) -> &Lab {
        &self.place(variant).scene.lab
    }

    /// The network namespace of a variant's pod.
    pub(super) fn netns(&self, variant: Variant, name: &str) -> anyhow::Result<&Netns> {
        self.place(variant).scene.netns(name)
    }

    /// A variant's pod.
    pub(super) fn pod(&self, variant: Variant, name: &str) -> anyhow::Result<&Pod> {
        self.lab(variant).pod(&pod(name))
    }

    /// The address of a variant's pod, with a port.
    pub(super) fn at(
        &self,
        variant: Variant,
        name: &str,
        family: Family,
        port: u16,
    ) -> anyhow::Result<SocketAddr> {
        let at = self.place(variant).scene.at(name, family).with_context(|| format!("where is {name}?"))?;
        Ok(SocketAddr::new(at.ip(), port))
    }
}
