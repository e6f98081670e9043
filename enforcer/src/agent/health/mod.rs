//! How others ask how the agent is: Prometheus and the kubelet by HTTP, people by a socket that is root's alone.
//!
//! All answers are made by the loop that enforces, so that they are of one moment; an agent that is stuck answers nobody,
//! which is what `/healthz` is for.

mod http;
mod metrics;
mod report;
mod socket;

use tokio::sync::{mpsc, oneshot};

use crate::source::Problem;

pub use report::{EndpointReport, KindReport, OutageReport, Report};
pub use socket::{STATUS_SOCKET, ask};

pub(super) use http::serve as serve_http;
pub(super) use metrics::{Figures, Metrics};
pub(super) use socket::serve as serve_socket;

/// A question to the loop.
#[derive(Debug)]
pub(super) enum Question {
    /// All metrics, in Prometheus' text format.
    Metrics(oneshot::Sender<String>),
    /// What is wrong with objects, and who else finds it.
    Findings(oneshot::Sender<Findings>),
    /// How it is.
    Report(oneshot::Sender<Box<Report>>),
}

/// What is wrong with objects and with the finding of endpoints.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    /// All nodes' names, where there is something wrong.
    pub(super) nodes: Vec<String>,
}

/// Where questions are asked.
pub(super) type Asker = mpsc::Sender<Question>;

/// Asks the loop; `None` when it has ended.
pub(super) async fn ask_loop<T>(
    asker: &Asker,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Option<T> {
    let (sender, answer) = oneshot::channel();
    asker.send(question(sender)).await.ok()?;
    answer.await.ok()
}
