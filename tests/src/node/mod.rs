//! One node's enforcement without its I/O: plans images and brings a target to them.
//!
//! The target is the host's tables or the kernel's, so that the same test runs on both.

mod host;
mod kernel;
mod pair;

use std::{fmt, sync::Arc};

use enforcer::{
    compile::compile,
    model::{self, Endpoint},
    plan::{MapImage, MapOp, Plan, RuleName, diff, plan},
    store::Cluster,
};
use enforcer_common::{Direction, event::DropEvent, packet::Origin};

pub use host::Host;
pub use kernel::Kernel;
pub use pair::Pair;

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
        let compiled = compile(cluster, endpoints);
        for _ in 0..4 {
            let Plan { image, settled } = plan(&self.image, &compiled)?;
            for op in diff(&self.image, &image) {
                self.target.write(&op)?;
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
