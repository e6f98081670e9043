//! What the tables hold while a case is judged: one pod at the interface of a test run.

use enforcer::{dataplane::TRIAL_INTERFACE, model::Endpoint, plan::MapOp, store::Cluster};
use enforcer_common::packet::Origin;

use crate::{
    builder::{any, cluster, endpoint, labels, pods, policy, rule, tcp, udp},
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
}

/// Who sends a frame, by the proof that the program sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// No proof.
    Elsewhere,
    /// A socket of the node.
    Node,
    /// The endpoint's own pod.
    Own,
    /// Another pod of this node.
    OtherPod,
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
        let slot = self.node.image.endpoints.get(&TRIAL_INTERFACE).map_or(0, |endpoint| endpoint.slot);
        match sender {
            Sender::Elsewhere => Origin::Elsewhere,
            Sender::Node => Origin::Node,
            // 0 is no token, so slots are counted from 1.
            Sender::Own => Origin::Pod(slot.wrapping_add(1)),
            Sender::OtherPod => Origin::Pod(slot.wrapping_add(2)),
        }
    }
}

fn endpoints(setting: Setting) -> Vec<Endpoint> {
    if setting == Setting::Unknown {
        return Vec::new();
    }
    vec![Endpoint { interface_index: TRIAL_INTERFACE, ..endpoint("shop/web", ["10.0.0.1", "fd00::1"]) }]
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
        Setting::DenyAll => scene.policy(web.ingress([]).egress([])),
        Setting::Egress => scene.policy(web.egress([any()])),
    }
    .build()
}
