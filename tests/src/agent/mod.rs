//! The enforcer as a child process: started in the lab's node, read line by line.

mod binary;
mod endpoints;
mod health;
mod record;

use std::{
    ffi::OsString,
    fs,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    lab::{Lab, Source},
    poll,
};

pub use binary::binary;
pub use endpoints::{replace, write_endpoints};
pub use health::{get, metrics_address, status};
pub use record::{Applied, Dropped, Record, Side};

/// What it has said so far.
#[derive(Debug, Default)]
pub struct Said {
    applied: Vec<(Instant, Applied)>,
    /// All drops, in the order in which they came.
    pub drops: Vec<Dropped>,
}

/// The running enforcer; it ends with this value.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    said: Arc<Mutex<Said>>,
    log: PathBuf,
}

/// How to start it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of manifests.
    pub manifests: PathBuf,
    /// The URL of an API server: then the cluster is there, and not in the folder.
    pub api_server: Option<String>,
    /// Where pods are found.
    pub endpoints: Endpoints,
    /// `tcx` or `clsact`; else what it prefers.
    pub attach: Option<String>,
    /// `STATE=TIME`
    pub flow_timeouts: Vec<String>,
    /// The only capabilities that it has, by their names of capabilities(7) without `CAP_`; else all.
    pub capabilities: Option<Vec<String>>,
    /// Where maps and programs are pinned; nowhere if `None`.
    pub pins: Option<PathBuf>,
    /// More flags.
    pub flags: Vec<String>,
}

/// Where the agent of a lab answers `enforcer status`.
#[must_use]
pub fn status_socket(lab: &Lab) -> PathBuf {
    lab.folder().join("status.sock")
}

/// Where pods are found.
#[derive(Debug, Clone)]
pub enum Endpoints {
    /// In a file that lists them.
    File(PathBuf),
    /// In a folder of network namespaces.
    Namespaces(PathBuf),
    /// By the CNI plugin's word and by looking, with these options.
    Cni(Vec<OsString>),
}

impl Agent {
    /// Starts it in the lab's node.
    pub fn start(lab: &Lab, binary: &Path, settings: &Settings) -> Result<Self> {
        let log = lab.folder().join("enforcer.log");
        let stderr = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = match &settings.capabilities {
            None => Command::new(binary),
            Some(names) => {
                let kept: String = names.iter().map(|name| format!(",+{}", name.to_lowercase())).collect();
                let mut command = Command::new("setpriv");
                command.args(["--inh-caps=-all", "--no-new-privs"]);
                command.arg(format!("--bounding-set=-all{kept}")).arg(binary);
                command
            }
        };
        // Its log goes to a file, where colours would be noise.
        command.env("NO_COLOR", "1");
        match &settings.api_server {
            None => command.arg("run").arg("--manifests").arg(&settings.manifests),
            Some(url) => command
                .args([
                    "agent",
                    "--node-name",
                    "node-1",
                    "--metrics-address",
                    "127.0.0.1:0",
                    "--api-server",
                    url,
                ])
                .arg("--status-socket")
                .arg(status_socket(lab)),
        };
        // Nobody else's configuration leads to a server.
        command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST");
        command.args(["--log-format", "json"]);
        match &settings.endpoints {
            Endpoints::File(file) => command.arg("--endpoints").arg(file),
            Endpoints::Namespaces(folder) => command.arg("--netns").arg(folder),
            Endpoints::Cni(options) => command.args(options),
        };
        if let Some(attach) = &settings.attach {
            command.args(["--attach", attach]);
        }
        for timeout in &settings.flow_timeouts {
            command.args(["--flow-timeout", timeout]);
        }
        match &settings.pins {
            Some(folder) => command.arg("--pin-dir").arg(folder),
            // Nothing that others' tests, or this machine's own enforcer, could find.
            None => command.args(["--pin-dir", "none"]),
        };
        command.args(&settings.flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = lab.spawn(&Source::Node, &mut command)?;
        let stdout = child.stdout.take().context("the enforcer has no stdout")?;

        let said = Arc::new(Mutex::new(Said::default()));
        let heard = Arc::clone(&said);
        thread::Builder::new().name("enforcer's lines".into()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let heard_at = Instant::now();
                let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
                match serde_json::from_str(&line) {
                    Ok(Record::Applied(applied)) => said.applied.push((heard_at, applied)),
                    Ok(Record::Drop(dropped)) => said.drops.push(*dropped),
                    Ok(Record::Other) => {}
                    Err(error) => eprintln!("the enforcer wrote {line:?}, which is no event: {error}"),
                }
            }
        })?;
        Ok(Self { child, said, log })
    }

    /// What it has said so far.
    pub fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last revision that is in force; 0 for none.
    pub fn revision(&self) -> u64 {
        self.said().last_applied().map_or(0, |applied| applied.revision)
    }

    /// Waits until a revision after this one is in force.
    pub fn wait_applied(&mut self, after: u64) -> Result<Applied> {
        let deadline = Duration::from_secs(30);
        let what = format!("the enforcer applies revision {}", after + 1);
        let answer = poll::until(deadline, &what, || {
            let newest = self.said().last_applied().filter(|applied| applied.revision > after).cloned();
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
    pub fn check(&mut self) -> Result<()> {
        match self.end() {
            Some(status) => bail!("the enforcer died ({status}); its log ends with:\n{}", self.log_end()),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self, signal: Signal) -> Result<ExitStatus> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal).context("cannot signal the enforcer")?;
        let what = format!("the enforcer ends on {signal}");
        poll::until(Duration::from_secs(5), &what, || self.end())
    }

    /// Its human log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
        if end.is_empty() { "  (nothing)".into() } else { format!("  {}", end.join("\n  ")) }
    }
}

impl Said {
    /// The state that is in force.
    #[must_use]
    pub fn last_applied(&self) -> Option<&Applied> {
        self.applied.last().map(|(_, applied)| applied)
    }

    /// All changes that came into force, and when that was heard.
    pub fn applied(&self) -> impl Iterator<Item = (Instant, &Applied)> {
        self.applied.iter().map(|(heard, applied)| (*heard, applied))
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
