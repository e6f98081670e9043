use std::{
    collections::BTreeSet,
    fs,
    io::{BufReader, Write as _},
    os::unix::{fs::MetadataExt as _, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use enforcer::cni::{
    protocol::{Answer, AttachmentId, Call, Knowledge, LONGEST, Question, Reply, VERSION, line, read},
    server::{Limits, Request, Server},
    spec::{CniError, code},
};
use tempfile::TempDir;
use tokio::{sync::mpsc::Receiver, task::JoinHandle};

struct Agent {
    dir: TempDir,
    server: Server,
    requests: Receiver<Request>,
}

impl Agent {
    fn start(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (server, requests) = Server::start(&dir.path().join("run/cni.sock"), limits).unwrap();
        Self { dir, server, requests }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("run/cni.sock")
    }
}

/// Sends a line and reads the answer, on a thread, as the plugin does it.
fn ask(socket: &Path, question: Vec<u8>) -> JoinHandle<Option<Answer>> {
    let socket = socket.to_owned();
    tokio::task::spawn_blocking(move || {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may hang up on a question that it refuses to read.
        (&stream).write_all(&question).ok();
        read::<Reply>(&mut BufReader::new(&stream)).ok().map(|reply| reply.answer)
    })
}

fn del(container: &str) -> Call {
    Call::Del(AttachmentId { container: container.to_owned(), interface: "eth0".to_owned() })
}

fn question(call: Call, within: u64) -> Vec<u8> {
    line(&Question { version: VERSION, within, call }).unwrap()
}

fn code_of(answer: Option<Answer>) -> Option<u32> {
    match answer {
        Some(Answer::Error(error)) => Some(error.code),
        Some(Answer::Ok(_)) | None => None,
    }
}

#[tokio::test]
async fn each_question_is_answered_by_the_loop() {
    let mut agent = Agent::start(Limits::default());
    let asking = ask(&agent.socket(), question(del("a"), 10_000));
    let request = agent.requests.recv().await.unwrap();
    assert_eq!(request.call, del("a"));
    request.responder.done(Knowledge::Cache);
    assert_eq!(asking.await.unwrap(), Some(Answer::Ok(Knowledge::Cache)));

    let asking = ask(&agent.socket(), question(Call::Status, 10_000));
    let error = CniError::new(code::UNAVAILABLE, "not yet", "the caches are filled");
    agent.requests.recv().await.unwrap().responder.refuse(error.clone());
    assert_eq!(asking.await.unwrap(), Some(Answer::Error(error)));
}

#[tokio::test]
async fn many_questions_at_once_get_their_own_answers() {
    // Fewer places than questions: the others wait.
    let mut agent = Agent::start(Limits { queue: 2, connections: 5, ..Limits::default() });
    let asking: Vec<_> =
        (0..20).map(|n| ask(&agent.socket(), question(del(&n.to_string()), 20_000))).collect();
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let request = agent.requests.recv().await.unwrap();
        let Call::Del(id) = request.call else { panic!("{:?}", request.call) };
        request.responder.refuse(CniError::new(code::CHANGED, id.container.clone(), ""));
        seen.insert(id.container);
    }
    assert_eq!(seen.len(), 20);
    for (n, asked) in asking.into_iter().enumerate() {
        let Some(Answer::Error(error)) = asked.await.unwrap() else { panic!("no answer for {n}") };
        assert_eq!(error.msg, n.to_string());
    }
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_at_the_deadline_of_either_side() {
    for (within, patience) in [(100, 20_000), (20_000, 100)] {
        let patience = Duration::from_millis(patience);
        let mut agent = Agent::start(Limits { patience, ..Limits::default() });
        let asking = ask(&agent.socket(), question(Call::Status, within));
        let request = agent.requests.recv().await.unwrap();
        assert_eq!(code_of(asking.await.unwrap()), Some(code::LATER));
        // Too late is no error.
        request.responder.done(Knowledge::None);
    }
}

#[tokio::test]
async fn a_loop_that_ends_says_try_again() {
    let mut agent = Agent::start(Limits::default());
    let asking = ask(&agent.socket(), question(Call::Status, 20_000));
    drop(agent.requests.recv().await.unwrap());
    assert_eq!(code_of(asking.await.unwrap()), Some(code::LATER));
    let asking = ask(&agent.socket(), question(Call::Status, 20_000));
    agent.requests.recv().await.unwrap();
    drop(agent.requests);
    assert_eq!(code_of(asking.await.unwrap()), Some(code::LATER));
}

#[tokio::test]
async fn questions_that_are_none_reach_nobody() {
    let mut agent = Agent::start(Limits { patience: Duration::from_secs(2), ..Limits::default() });
    let other = line(&Question { version: VERSION + 1, within: 1000, call: Call::Status }).unwrap();
    assert_eq!(code_of(ask(&agent.socket(), other).await.unwrap()), Some(code::LATER));
    let long = vec![b' '; usize::try_from(LONGEST).unwrap() + 10];
    for text in [b"{}\n".to_vec(), b"\n".to_vec(), b"GET / HTTP/1.1\r\n".to_vec(), long, Vec::new()] {
        assert_eq!(ask(&agent.socket(), text).await.unwrap(), None);
    }
    assert!(agent.requests.try_recv().is_err());
}

#[tokio::test]
async fn the_socket_is_roots_and_goes_with_its_own_agent_only() {
    let mut old = Agent::start(Limits::default());
    let path = old.socket();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    // A rolling update: the new one takes over before the old one has gone.
    let (server, mut requests) = Server::start(&path, Limits::default()).unwrap();
    let asking = ask(&path, question(Call::Status, 20_000));
    requests.recv().await.unwrap().responder.done(Knowledge::None);
    assert!(asking.await.unwrap().is_some());
    assert!(old.requests.try_recv().is_err());
    drop(old.server);
    assert!(path.exists());
    drop(server);
    assert!(!path.exists());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}
