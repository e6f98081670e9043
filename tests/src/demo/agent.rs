//! The enforcer as a child process: started in the lab's node, read line by line.

use std::{
    env, fs,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::record::{Applied, Dropped, Record};
use crate::{
    lab::{Lab, Source},
    poll,
};

/// What it has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    applied: Vec<Applied>,
    /// All drops, in the order in which they came.
    pub(super) drops: Vec<Dropped>,
}

/// The running enforcer; it ends with this value.
#[derive(Debug)]
pub(super) struct Agent {
    child: Child,
    said: Arc<Mutex<Said>>,
    log: PathBuf,
}

/// The program to run: `ENFORCER_BIN`, or the one beside the demo's own.
pub(super) fn binary() -> Result<PathBuf> {
    let beside = || Some(env::current_exe().ok()?.parent()?.join("enforcer"));
    let path = env::var_os("ENFORCER_BIN").map(PathBuf::from).or_else(beside).unwrap_or_default();
    ensure!(
        path.is_file(),
        "there is no enforcer at {:?}: build it with `cargo build -p enforcer`, or say where it is in ENFORCER_BIN",
        path.display().to_string()
    );
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

impl Agent {
    /// Starts it in the lab's node.
    pub(super) fn start(lab: &Lab, binary: &Path, manifests: &Path, endpoints: &Path) -> Result<Self> {
        let log = lab.folder().join("enforcer.log");
        let stderr = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(binary);
        command.arg("run").arg("--manifests").arg(manifests).arg("--endpoints").arg(endpoints);
        // Its log goes to a file, where colours would be noise.
        command.args(["--log-format", "json"]).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = lab.spawn(&Source::Node, &mut command)?;
        let stdout = child.stdout.take().context("the enforcer has no stdout")?;

        let said = Arc::new(Mutex::new(Said::default()));
        let heard = Arc::clone(&said);
        thread::Builder::new().name("enforcer's lines".into()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
                match serde_json::from_str(&line) {
                    Ok(Record::Applied(applied)) => said.applied.push(applied),
                    Ok(Record::Drop(dropped)) => said.drops.push(*dropped),
                    Ok(Record::Other) => {}
                    Err(error) => eprintln!("the enforcer wrote {line:?}, which is no event: {error}"),
                }
            }
        })?;
        Ok(Self { child, said, log })
    }

    /// What it has said so far.
    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last revision that is in force; 0 for none.
    pub(super) fn revision(&self) -> u64 {
        self.said().applied.last().map_or(0, |applied| applied.revision)
    }

    /// Waits until a revision after this one is in force.
    pub(super) fn wait_applied(&mut self, after: u64) -> Result<Applied> {
        let deadline = Duration::from_secs(30);
        let what = format!("the enforcer applies revision {}", after + 1);
        let answer = poll::until(deadline, &what, || {
            let newest = self.said().applied.last().filter(|applied| applied.revision > after).cloned();
            newest.map(Ok).or_else(|| self.end().map(Err))
        });
        match answer {
            Ok(Ok(applied)) => Ok(applied),
            Ok(Err(status)) => {
                bail!("the enforcer ended early ({status}); its log ends with:\n{}", self.log_end())
            }
            Err(error) => Err(error.context(format!("its log ends with:\n{}", self.log_end()))),
        }
    }

    /// Fails when it has died.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.end() {
            Some(status) => bail!("the enforcer died ({status}); its log ends with:\n{}", self.log_end()),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its human log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
        if end.is_empty() { "  (nothing)".into() } else { format!("  {}", end.join("\n  ")) }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another's.
        if self.end().is_none()
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
        let ended = || self.child.try_wait().ok().flatten();
        if poll::until(Duration::from_secs(5), "the enforcer ends on SIGTERM", ended).is_err() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
