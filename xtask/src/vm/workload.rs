//! What a machine is to do.

use super::program::{Kind, Program};
use crate::{
    test::{self, Level},
    workspace,
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Where commands leave files for the host.
pub(super) const RESULTS: &str = "/vm/results";

/// Where our programs are in the machine.
pub(super) const PROGRAMS: &str = "/vm/programs";

/// A program of ours that is run with what was typed after its word.
struct Plain {
    word: &'static str,
    /// The program, with package and features.
    program: (&'static str, &'static [&'static str], &'static str),
    /// An option and its value, added where the option was not typed.
    default: [&'static str; 2],
    /// Words that have it start the agent.
    with_agent: &'static [&'static str],
}

const PLAIN: [Plain; 2] = [
    Plain {
        word: "bench",
        program: ("enforcer-tests", &["bench"], "enforcer-bench"),
        default: ["--json", "/vm/results/bench.json"],
        with_agent: &["forward"],
    },
    Plain {
        word: "prove",
        program: ("enforcer-tests", &[], "enforcer-prove"),
        default: ["--save", RESULTS],
        with_agent: &[],
    },
];

/// What the tests between network namespaces run.
const NAMESPACE_TOOLS: [&str; 11] = [
    "ip",
    "tc",
    "nsenter",
    "bpftool",
    "iptables-restore",
    "ip6tables-restore",
    "true",
    "ptp",
    "bridge",
    "host-local",
    "host-device",
];

/// What is to be put into a machine and run.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// To be built.
    pub(super) programs: Vec<Program>,
    /// Built by somebody else: (place in the machine, file here).
    pub(super) files: Vec<(String, PathBuf)>,
    /// Programs of this machine, by name.
    pub(super) tools: Vec<&'static str>,
    /// Folders of this machine, to be at the same place there.
    pub(super) folders: Vec<PathBuf>,
    /// Run one after the other.
    pub(super) commands: Vec<Vec<OsString>>,
    /// Their environment.
    pub(super) environment: Vec<(&'static str, String)>,
}

/// What is made of a command.
pub(super) enum Answer {
    /// Something to run.
    Load(Load),
    /// What was asked for.
    Help(String),
}

/// The commands of a machine.
#[derive(Parser)]
#[command(name = "COMMAND", no_binary_name = true)]
enum Command {
    /// The test programs of a level
    Test(Tests),
    /// Any program that is linked statically
    #[command(disable_help_flag = true)]
    Run {
        /// The program
        file: PathBuf,
        /// Its command line
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

#[derive(clap::Args)]
struct Tests {
    /// 4 and 5: kernel; 6: network namespaces; may be repeated
    #[arg(long = "level", value_name = "N", value_parser = test::level, required = true)]
    levels: Vec<Level>,
    /// Only this test program; may be repeated
    #[arg(long = "program", value_name = "NAME")]
    programs: Vec<String>,
    /// For the test programs, such as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Reads a command.
pub(super) fn parse(words: &[OsString]) -> Result<Answer> {
    if let Some((word, words)) = words.split_first()
        && let Some(plain) = PLAIN.iter().find(|plain| word == plain.word)
    {
        return Ok(Answer::Load(plain.load(words)));
    }
    let mut commands = Command::command();
    for plain in &PLAIN {
        let about = format!("`cargo xtask {}`, with its options", plain.word);
        commands = commands.subcommand(clap::Command::new(plain.word).about(about));
    }
    let command = commands.try_get_matches_from(words).and_then(|found| Command::from_arg_matches(&found));
    let command = match command {
        Ok(command) => command,
        Err(error) if !error.use_stderr() => return Ok(Answer::Help(error.to_string())),
        Err(error) => bail!("the machine's command: {}", error.to_string().trim_start_matches("error: ")),
    };
    Ok(Answer::Load(match command {
        Command::Test(tests) => tests.load()?,
        Command::Run { file, words } => given(&file, words)?,
    }))
}

impl Tests {
    fn load(self) -> Result<Load> {
        ensure!(
            !self.levels.contains(&Level::Host),
            "the tests of levels 1 and 2 ask no kernel anything: run them with `cargo xtask test`"
        );
        let mut names = Vec::new();
        for level in [Level::Kernel, Level::Namespaces] {
            if self.levels.contains(&level) {
                names.extend(test::programs(level)?);
            }
        }
        if let Some(unknown) = self.programs.iter().find(|name| !names.contains(name)) {
            bail!("`{unknown}` is no test program of this level: there are {}", names.join(", "));
        }
        if !self.programs.is_empty() {
            names.retain(|name| self.programs.contains(name));
        }
        // The demo's test program starts another one from cargo's folder.
        names.retain(|name| name != "demo");
        let mut load = Load::default();
        for name in &names {
            let mut command: Vec<OsString> = vec![format!("{PROGRAMS}/{name}").into(), "--nocapture".into()];
            command.extend(self.arguments.iter().cloned());
            load.commands.push(command);
        }
        load.programs = names
            .into_iter()
            .map(|name| Program { package: "enforcer-tests", features: &[], kind: Kind::Test, name })
            .collect();
        load.folders.push(workspace::root()?.join("tests/cases"));
        if self.levels.contains(&Level::Namespaces) {
            load.folders.push(workspace::root()?.join("deploy/examples"));
            load.add_agent();
        }
        Ok(load)
    }
}

impl Load {
    /// What starts the agent between network namespaces takes it, and the programs that make these, along.
    fn add_agent(&mut self) {
        self.tools.extend(NAMESPACE_TOOLS);
        self.programs.extend(["enforcer", "enforcer-cni"].map(|name| Program {
            package: "enforcer",
            features: &[],
            kind: Kind::Bin,
            name: name.to_owned(),
        }));
        self.environment.push(("ENFORCER_BIN", format!("{PROGRAMS}/enforcer")));
    }
}

impl Plain {
    fn load(&self, words: &[OsString]) -> Load {
        let (package, features, name) = self.program;
        let mut command: Vec<OsString> = vec![format!("{PROGRAMS}/{name}").into()];
        command.extend(words.iter().cloned());
        let [option, _] = self.default;
        if !words.iter().any(|word| word.to_string_lossy().starts_with(option)) {
            command.extend(self.default.map(OsString::from));
        }
        let program = Program { package, features, kind: Kind::Bin, name: name.to_owned() };
        let mut load = Load { programs: vec![program], commands: vec![command], ..Load::default() };
        if words.iter().any(|word| self.with_agent.iter().any(|with| word == with)) {
            load.add_agent();
        }
        load
    }
}

fn given(file: &Path, mut words: Vec<OsString>) -> Result<Load> {
    let file = fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?;
    let name = file.file_name().and_then(|name| name.to_str()).context("a program without a name")?;
    let place = format!("{PROGRAMS}/{name}");
    words.insert(0, place.clone().into());
    Ok(Load { files: vec![(place, file)], commands: vec![words], ..Load::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(words: &str) -> Result<Load> {
        match parse(&words.split(' ').map(OsString::from).collect::<Vec<_>>())? {
            Answer::Load(load) => Ok(load),
            Answer::Help(text) => bail!("help: {text}"),
        }
    }

    #[test]
    fn a_level_is_its_test_programs_with_what_was_typed_for_them() -> Result<()> {
        let whole = load("test --level 4")?;
        assert!(whole.programs.len() > 1 && whole.programs.len() == whole.commands.len());
        assert!(whole.tools.is_empty());
        let one = load("test --level 5 --program kernel_budget -- --exact a_name")?;
        let wanted = ["/vm/programs/kernel_budget", "--nocapture", "--exact", "a_name"].map(OsString::from);
        assert_eq!(one.commands, [wanted.to_vec()]);
        let namespaces = load("test --level 6")?;
        assert!(namespaces.tools.contains(&"ip"));
        assert!(namespaces.programs.iter().any(|program| program.name == "enforcer"));
        Ok(())
    }

    #[test]
    fn what_no_machine_can_do_is_refused() {
        for words in
            ["test --level 1", "test", "test --level 4 --program kernel_none", "run /nowhere/x", "tset"]
        {
            assert!(load(words).is_err(), "{words}");
        }
        assert!(matches!(parse(&["help".into()]), Ok(Answer::Help(text)) if text.contains("prove")));
    }

    #[test]
    fn a_plain_program_gets_its_options_and_leaves_its_files_among_the_results() -> Result<()> {
        let proof = load("prove --kernel 10")?;
        let wanted =
            ["/vm/programs/enforcer-prove", "--kernel", "10", "--save", "/vm/results"].map(OsString::from);
        assert_eq!(proof.commands, [wanted.to_vec()]);
        let wanted = ["/vm/programs/enforcer-prove", "--save=/x"].map(OsString::from);
        assert_eq!(load("prove --save=/x")?.commands, [wanted.to_vec()]);
        assert!(load("bench packet --quick")?.tools.is_empty());
        let forward = load("bench forward --quick")?;
        assert!(forward.tools.contains(&"ip"));
        assert!(forward.programs.iter().any(|program| program.name == "enforcer"));
        let given = load("run /proc/self/exe --help")?;
        assert_eq!(given.commands.concat().len(), 2);
        assert_eq!(given.files.len(), 1);
        Ok(())
    }
}
