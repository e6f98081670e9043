//! What the tables hold while a case is judged: one pod at the interface of a test run.

use enforcer::{host::TRIAL_INTERFACE, model::Endpoint, plan::MapOp, store::Cluster};
use enforcer_common::packet::Origin;

use crate::{
    builder::{any, cluster, endpoint, labels, pods, policy, rule, tcp, udp},
    frame::Sender,
    node::{Node, Target},
};

/// The endpoint's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// No policy selects the pod.
    Open,
    /// Both directions are isolated; the peer may reach TCP 80 and be reached at UDP 53.
    Isolated,
    /// Both directions are isolated and nothing is allowed.
    DenyAll,
    /// Only egress is isolated, and everything is allowed there.
    Egress,
    /// The program is there, but the tables do not know the interface.
    Unknown,
    /// As [`Setting::Isolated`], but the rows have been deleted behind the plan's back.
    Broken,
    /// As [`Setting::DenyAll`], at an endpoint that has 10.0.1.0/24 and fd00:1::/64 for its own.
    Prefixes,
    /// As [`Setting::DenyAll`], at an endpoint that may use any address.
    AnySource,
    /// As [`Setting::DenyAll`], at an endpoint with a DHCP client.
    Leased,
}

impl Setting {
    /// Whether the endpoint may do what others may not.
    #[must_use]
    pub fn is_free(self) -> bool {
        matches!(self, Self::Prefixes | Self::AnySource | Self::Leased)
    }
}

/// Who enters and leaves a setting.
pub struct Stage<T> {
    /// The tables.
    pub node: Node<T>,
    setting: Option<Setting>,
}

impl<T: Target> Stage<T> {
    /// With empty tables.
    pub fn new(target: T) -> Self {
        Self { node: Node::new(target), setting: None }
    }

    /// Brings the tables to a setting, without flows.
    ///
    /// # Errors
    /// When the kernel refuses a write.
    pub fn enter(&mut self, setting: Setting) -> anyhow::Result<()> {
        self.node.target.forget_flows()?;
        if self.setting == Some(setting) {
            return Ok(());
        }
        if self.setting == Some(Setting::Broken) {
            self.each_row(|key, row| MapOp::SetRow { key, row })?;
        }
        self.node.update(&scene(setting), &endpoints(setting))?;
        if setting == Setting::Broken {
            self.each_row(|key, _| MapOp::DeleteRow { key })?;
        }
        self.setting = Some(setting);
        Ok(())
    }

    fn each_row(
        &mut self,
        op: impl Fn(enforcer_common::tables::RowKey, enforcer_common::tables::Row) -> MapOp,
    ) -> anyhow::Result<()> {
        for (key, row) in self.node.image.tables.rows.clone() {
            self.node.target.write(&op(key, row))?;
        }
        Ok(())
    }

    /// What the program is told of a sender.
    pub fn origin(&self, sender: Sender) -> Origin {
        self.node.origin(TRIAL_INTERFACE, sender)
    }
}

fn endpoints(setting: Setting) -> Vec<Endpoint> {
    if setting == Setting::Unknown {
        return Vec::new();
    }
    let prefixes = if setting == Setting::Prefixes { &["10.0.1.0/24", "fd00:1::/64"][..] } else { &[] };
    vec![Endpoint {
        interface_index: TRIAL_INTERFACE,
        prefixes: prefixes.iter().map(|text| text.parse().expect("a CIDR")).collect(),
        any_source: setting == Setting::AnySource,
        dhcp: setting == Setting::Leased,
        ..endpoint("shop/web", ["10.0.0.1", "fd00::1"])
    }]
}

fn scene(setting: Setting) -> Cluster {
    let scene = cluster()
        .pod("shop/web", [("app", "web")], ["10.0.0.1", "fd00::1"])
        .pod("shop/peer", [("app", "peer")], ["10.0.0.2", "fd00::2"])
        .pod("shop/other", [("app", "other")], ["10.0.0.3", "fd00::3"]);
    let peer = || pods(labels([("app", "peer")]));
    let web = policy("shop/web").select(labels([("app", "web")]));
    match setting {
        Setting::Open | Setting::Unknown => scene,
        Setting::Isolated | Setting::Broken => {
            scene.policy(web.ingress([rule([peer()], [tcp(80)])]).egress([rule([peer()], [udp(53)])]))
        }
        Setting::DenyAll | Setting::Prefixes | Setting::AnySource | Setting::Leased => {
            scene.policy(web.ingress([]).egress([]))
        }
        Setting::Egress => scene.policy(web.egress([any()])),
    }
    .build()
}
