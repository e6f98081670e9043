//! One node's enforcement without its I/O: plans images and brings a target to them.
//!
//! The target is the host's tables or the kernel's, so that the same test runs on both.

mod host;
#[cfg(feature = "agent")]
mod kernel;
#[cfg(feature = "agent")]
mod pair;
mod tuple;

use std::{fmt, sync::Arc};

use enforcer::{
    compile::compile,
    model::{self, Endpoint},
    plan::{MapImage, MapOp, Plan, RuleName, TableImage, diff, plan},
    store::Cluster,
    tuple::{FlowTuple, Found},
};
use enforcer_common::{Direction, event::DropEvent, packet::Origin};

use crate::frame::Sender;

pub use host::Host;
#[cfg(feature = "agent")]
pub use kernel::Kernel;
#[cfg(feature = "agent")]
pub use pair::Pair;
pub use tuple::tuple_of;

/// Where ops and packets go.
pub trait Target {
    /// Does one write.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn write(&mut self, op: &MapOp) -> anyhow::Result<()>;

    /// Judges one frame.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn judge(&mut self, at: &At<'_>) -> anyhow::Result<Seen>;

    /// Forgets every flow.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn forget_flows(&mut self) -> anyhow::Result<()>;

    /// Forgets one flow.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn forget_flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<()>;

    /// What the tables hold beside flows, where they can be looked at as a whole.
    fn tables(&self) -> Option<&TableImage> {
        None
    }

    /// What the tables say of a flow.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn flow(&mut self, tuple: &FlowTuple) -> anyhow::Result<Option<Found>>;

    /// Sets how many confirmed flows an endpoint may have.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_budget(&mut self, flows: u32) -> anyhow::Result<()>;

    /// Packets so far whose flow could not be confirmed.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn unconfirmed(&mut self) -> anyhow::Result<u64>;

    /// Packets so far that were dropped, as the tables count them.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn dropped(&mut self) -> anyhow::Result<u64>;

    /// Whether it judges this frame at all.
    fn takes(&self, _frame: &[u8]) -> bool {
        true
    }

    /// Lets seconds pass.
    ///
    /// # Errors
    /// Where the clock is not the test's to set.
    fn wait(&mut self, seconds: u64) -> anyhow::Result<()> {
        anyhow::bail!("{seconds} seconds pass on no clock that a test can set")
    }
}

/// A frame at an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// From the Ethernet header on.
    pub frame: &'a [u8],
    /// The endpoint's interface index.
    pub interface: u32,
    /// Which way.
    pub direction: Direction,
    /// Who sent it.
    pub origin: Origin,
}

/// What was seen of a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether the packet goes on.
    pub passed: bool,
    /// The event; its time says nothing here and is 0.
    pub event: Option<DropEvent>,
}

/// A target and the image that it holds.
pub struct Node<T> {
    /// What the tables hold.
    pub image: MapImage,
    /// The tables.
    pub target: T,
}

impl<T: Target> Node<T> {
    /// A node with empty tables.
    pub fn new(target: T) -> Self {
        Self { image: MapImage::default(), target }
    }

    /// Brings the target to a new state of the cluster, by as many plans as it takes to settle.
    ///
    /// # Errors
    /// When a plan is refused, or the kernel refuses a write.
    pub fn update(&mut self, cluster: &Cluster, endpoints: &[Endpoint]) -> anyhow::Result<()> {
        self.update_by_steps(cluster, endpoints, |_, _| {})
    }

    /// The same, with something that happens after each write.
    ///
    /// # Errors
    /// When a plan is refused, or the kernel refuses a write.
    pub fn update_by_steps(
        &mut self,
        cluster: &Cluster,
        endpoints: &[Endpoint],
        mut after: impl FnMut(&mut T, &MapOp),
    ) -> anyhow::Result<()> {
        let compiled = compile(cluster, endpoints);
        for _ in 0..4 {
            let Plan { image, settled } = plan(&self.image, &compiled)?;
            for op in diff(&self.image, &image) {
                self.target.write(&op)?;
                after(&mut self.target, &op);
            }
            self.image = image;
            self.image.release();
            if settled {
                return Ok(());
            }
        }
        anyhow::bail!("the plan does not settle")
    }

    /// Judges a packet's frame at an endpoint.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn judge(
        &mut self,
        frame: &[u8],
        interface: u32,
        direction: model::Direction,
    ) -> anyhow::Result<Seen> {
        let direction = direction.into();
        self.target.judge(&At { frame, interface, direction, origin: Origin::Elsewhere })
    }

    /// What the program at an interface is told of a sender.
    pub fn origin(&self, interface: u32, sender: Sender) -> Origin {
        let slot = self.image.endpoints.get(&interface).map_or(0, |endpoint| endpoint.slot);
        match sender {
            Sender::Elsewhere => Origin::Elsewhere,
            Sender::Node => Origin::Node,
            // 0 is no token, so slots are counted from 1.
            Sender::Own => Origin::Pod(slot.wrapping_add(1)),
            Sender::OtherPod => Origin::Pod(slot.wrapping_add(2)),
        }
    }

    /// The slot of the endpoint at an interface, and its generation.
    pub fn generation(&self, interface: u32) -> (u16, u32) {
        let slot = self.image.endpoints.get(&interface).map_or(0, |endpoint| endpoint.slot);
        (slot, self.image.tables.generations.get(&slot).copied().unwrap_or_default())
    }

    /// What a rule id stands for.
    #[must_use]
    pub fn rule(&self, id: u32) -> Option<&Arc<RuleName>> {
        self.image.names.rule_names().get(&id)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            None if self.passed => f.write_str("passed"),
            None => f.write_str("dropped without an event"),
            Some(event) => write!(f, "dropped, reason {}, rule {}", event.reason, event.rule),
        }
    }
}
