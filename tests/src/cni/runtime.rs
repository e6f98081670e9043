//! A container runtime, as far as CNI goes: executes the first list of a folder in its order, as section 3 of the CNI
//! specification says and libcni does it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::lab::Netns;

/// An error that a plugin printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The plugin's type.
    pub plugin: String,
    /// The error's code.
    pub code: u64,
    /// Its sentence and its reason.
    pub text: String,
}

/// What a plugin printed: nothing, a result, or an error.
pub type Said = Result<Value, Failure>;

/// A container to give an interface to.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its network namespace.
    pub netns: PathBuf,
    /// `CNI_ARGS`
    pub args: String,
}

/// The runtime of a node.
#[derive(Debug)]
pub struct Runtime {
    node: Netns,
    configurations: PathBuf,
    programs: Vec<PathBuf>,
    /// What ADD returned, by container: later calls pass it on.
    results: Mutex<BTreeMap<String, Value>>,
}

impl Runtime {
    /// With its folder of configurations and its folders of plugins.
    #[must_use]
    pub fn new(node: Netns, configurations: PathBuf, programs: Vec<PathBuf>) -> Self {
        Self { node, configurations, programs, results: Mutex::default() }
    }

    /// Attaches a container: each plugin in its order gets the result of the one before. As runtimes do it, what was half
    /// done is taken back.
    pub fn add(&self, container: &Container) -> Result<Said> {
        let list = self.list()?;
        let mut previous = None;
        for plugin in plugins(&list)? {
            match self.call("ADD", &list, &plugin, Some(container), previous.as_ref(), &[])? {
                Ok(result) => previous = Some(result),
                Err(failure) => {
                    let undone = self.del(container)?;
                    ensure!(undone.is_ok(), "DEL after a failed ADD: {undone:?}");
                    return Ok(Err(failure));
                }
            }
        }
        let result = previous.context("a list without plugins")?;
        self.results().insert(container.id.clone(), result.clone());
        Ok(Ok(result))
    }

    /// Detaches it, in the other order. The result of ADD is kept for the next DEL, which may come.
    pub fn del(&self, container: &Container) -> Result<Said> {
        self.each("DEL", container, true)
    }

    /// Checks it.
    pub fn check(&self, container: &Container) -> Result<Said> {
        self.each("CHECK", container, false)
    }

    /// Calls our plugin alone, in version 1.1.0 of the specification, which the reference plugins of stable
    /// distributions do not speak, with further fields of its configuration.
    pub fn call_ours(&self, command: &str, fields: &[(&str, Value)]) -> Result<Said> {
        let mut list = self.list()?;
        list.insert("cniVersion".to_owned(), "1.1.0".into());
        let ours = plugins(&list)?.into_iter().find(|plugin| type_of(plugin) == "enforcer-cni");
        self.call(command, &list, &ours.context("enforcer-cni is not in the list")?, None, None, fields)
    }

    fn each(&self, command: &str, container: &Container, backwards: bool) -> Result<Said> {
        let list = self.list()?;
        let mut plugins = plugins(&list)?;
        if backwards {
            plugins.reverse();
        }
        let previous = self.results().get(&container.id).cloned();
        for plugin in plugins {
            let said = self.call(command, &list, &plugin, Some(container), previous.as_ref(), &[])?;
            if said.is_err() {
                return Ok(said);
            }
        }
        Ok(Ok(Value::Null))
    }

    /// The list that the node's runtime takes: the first file by its name.
    fn list(&self) -> Result<Map<String, Value>> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&self.configurations)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        paths.retain(|path| {
            path.extension().is_some_and(|end| ["conf", "conflist", "json"].iter().any(|known| end == *known))
        });
        paths.sort();
        let path = paths.first().context("no network configuration")?;
        let value: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        let Value::Object(mut list) = value else { bail!("{} is no object", path.display()) };
        if !list.contains_key("plugins") {
            let single = Value::Object(list.clone());
            list.insert("plugins".to_owned(), vec![single].into());
        }
        Ok(list)
    }

    fn call(
        &self,
        command: &str,
        list: &Map<String, Value>,
        plugin: &Map<String, Value>,
        container: Option<&Container>,
        previous: Option<&Value>,
        fields: &[(&str, Value)],
    ) -> Result<Said> {
        let mut configuration = plugin.clone();
        for name in ["name", "cniVersion"] {
            configuration.extend(list.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        configuration.extend(previous.map(|result| ("prevResult".to_owned(), result.clone())));
        configuration.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let name = type_of(plugin);
        let program = self.programs.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        let program = program.with_context(|| format!("no plugin {name} in {:?}", self.programs))?;
        let path: Vec<String> = self.programs.iter().map(|folder| folder.display().to_string()).collect();
        let mut run = Command::new(&program);
        run.env("CNI_COMMAND", command).env("CNI_PATH", path.join(":"));
        if let Some(Container { id, netns, args }) = container {
            run.env("CNI_CONTAINERID", id)
                .env("CNI_NETNS", netns)
                .env("CNI_IFNAME", "eth0")
                .env("CNI_ARGS", args);
        }
        execute(&self.node, &mut run, &serde_json::to_vec(&configuration)?, name)
    }

    fn results(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a plugin in the node's network namespace.
fn execute(node: &Netns, command: &mut Command, input: &[u8], name: &str) -> Result<Said> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = node.enter(|| {
        let mut child = command.spawn().with_context(|| format!("cannot run the plugin {name}"))?;
        // One that does not read says why.
        child.stdin.take().context("a plugin without stdin")?.write_all(input).ok();
        Ok(child.wait_with_output()?)
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = if text.trim().is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).with_context(|| format!("{name} printed {text:?}"))?
    };
    if output.status.success() {
        return Ok(Ok(value));
    }
    let code = value.get("code").and_then(Value::as_u64);
    let word = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let code = code.with_context(|| {
        format!("{name} failed with {text:?}: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let text = format!("{}: {}", word("msg"), word("details"));
    Ok(Err(Failure { plugin: name.to_owned(), code, text }))
}

fn plugins(list: &Map<String, Value>) -> Result<Vec<Map<String, Value>>> {
    let plugins = list.get("plugins").and_then(Value::as_array).context("a list of plugins")?;
    plugins.iter().map(|plugin| plugin.as_object().cloned().context("a plugin is an object")).collect()
}

fn type_of(plugin: &Map<String, Value>) -> &str {
    plugin.get("type").and_then(Value::as_str).unwrap_or_default()
}

impl Container {
    /// A pod's sandbox.
    #[must_use]
    pub fn of_pod(id: &str, netns: &Path, namespace: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            netns: netns.to_owned(),
            args: format!(
                "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={id};K8S_POD_UID=uid-{name}"
            ),
        }
    }
}
