//! The agent's end of the plugin's socket: each question becomes a [`Request`] for the agent's loop.
//!
//! The socket is for root only, by its permissions and by the peer's credentials. Every question is answered: by the
//! loop, or with "try again later" when the loop has not taken it or has not answered by the deadline, which is the
//! plugin's own patience or ours, whichever is shorter. An answer that comes too late is thrown away; what was done for it
//! stands, and the runtime's next try finds it done.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    file::beside,
    protocol::{Answer, Call, Knowledge, LONGEST, Question, Reply, VERSION, line, parse},
    spec::{CniError, code},
};

/// Where to listen, and how much at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that wait for the loop; more wait in their connections.
    pub queue: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// The longest that a request may take.
    pub patience: Duration,
}

impl Default for Limits {
    /// A node has some hundred pods, and kubelets start a few dozen at once.
    fn default() -> Self {
        Self { queue: 256, connections: 256, patience: Duration::from_secs(30) }
    }
}

/// A question of the plugin's.
#[derive(Debug)]
pub struct Request {
    /// What it wants.
    pub call: Call,
    /// After this the answer is not waited for any more.
    pub deadline: Instant,
    /// To answer.
    pub responder: Responder,
}

/// Answers a request. Dropped without an answer, it says "try again later".
#[derive(Debug)]
pub struct Responder(oneshot::Sender<Answer>);

impl Responder {
    /// It is done.
    pub fn done(self, knowledge: Knowledge) {
        self.answer(Answer::Ok(knowledge));
    }

    /// It cannot be done: see [`code`] for the number.
    pub fn refuse(self, error: CniError) {
        self.answer(Answer::Error(error));
    }

    fn answer(self, answer: Answer) {
        // An error means that the plugin's patience has ended.
        let _late = self.0.send(answer);
    }
}

/// The socket, and the task that listens. Dropping it stops listening and removes the socket, unless another agent has
/// put its own there.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    inode: u64,
    listening: JoinHandle<()>,
}

impl Server {
    /// Listens at a path, in place of any earlier agent: the plugin's next question comes here. The folder is made if
    /// it is missing. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(path: &Path, limits: Limits) -> io::Result<(Self, mpsc::Receiver<Request>)> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        // Under another name first: it takes the real one once nobody but root can open it.
        let new = beside(path)?;
        let listener = UnixListener::bind(&new)?;
        let inode = fs::set_permissions(&new, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::symlink_metadata(&new))
            .and_then(|found| fs::rename(&new, path).map(|()| found.ino()))
            .inspect_err(|_| {
                let _removed = fs::remove_file(&new);
            })?;
        let (sender, requests) = mpsc::channel(limits.queue.max(1));
        let listening = tokio::spawn(listen(listener, limits, sender));
        Ok((Self { path: path.to_owned(), inode, listening }, requests))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // Without it the plugin sees at once that nobody is there.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

async fn listen(listener: UnixListener, limits: Limits, requests: mpsc::Sender<Request>) {
    const RETRY: Duration = Duration::from_millis(100);
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (requests, patience) = (requests.clone(), limits.patience);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, patience, requests).await {
                        tracing::warn!("a question of the CNI plugin: {error}");
                    }
                    drop(place);
                });
            }
            // No file descriptors left, most of all: some will come back.
            Err(error) => {
                tracing::error!("the CNI plugin's socket: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, patience: Duration, requests: mpsc::Sender<Request>) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other(format!("refused: it comes from user {peer}, who is not root")));
    }
    let mut deadline = Instant::now() + patience;
    let mut stream = BufReader::new(stream);
    let mut text = Vec::new();
    let mut limited = (&mut stream).take(LONGEST);
    timeout_at(deadline, limited.read_until(b'\n', &mut text))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let question: Question = parse(&text)?;
    deadline = deadline.min(Instant::now() + Duration::from_millis(question.within));
    let answer = if question.version == VERSION {
        ask(question.call, deadline, requests).await
    } else {
        let details =
            format!("the plugin speaks version {} of the protocol, the agent {VERSION}", question.version);
        later("the enforcer is being upgraded", details)
    };
    let reply = line(&Reply { version: VERSION, answer })?;
    // A moment more than the deadline: that it has passed is to be told too.
    timeout(Duration::from_secs(1), stream.get_mut().write_all(&reply)).await?
}

async fn ask(call: Call, deadline: Instant, requests: mpsc::Sender<Request>) -> Answer {
    let (sender, answer) = oneshot::channel();
    let request = Request { call, deadline, responder: Responder(sender) };
    let asked = async {
        requests.send(request).await.map_err(drop)?;
        answer.await.map_err(drop)
    };
    match timeout_at(deadline, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(())) => later("the enforcer is ending", "its successor will answer"),
        Err(_) => {
            later("the enforcer has not finished in time", "it goes on, and the next try finds it done")
        }
    }
}

fn later(msg: &str, details: impl std::fmt::Display) -> Answer {
    Answer::Error(CniError::new(code::LATER, msg, details))
}
