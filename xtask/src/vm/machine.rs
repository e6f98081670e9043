//! A virtual machine: qemu and its command line.

use super::accelerator::Accelerator;
use crate::toolchain::on_path;
use anyhow::{Context as _, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What a machine is made of. It has a processor, memory and two serial ports.
pub(super) struct Machine<'a> {
    pub(super) kernel: &'a Path,
    pub(super) initrd: &'a File,
    /// In MiB.
    pub(super) memory: u32,
    pub(super) cpus: u32,
    /// For the kernel's command line.
    pub(super) append: Option<&'a str>,
    /// Where the kernel's console is written to.
    pub(super) console: PathBuf,
}

/// A machine that runs. It ends with this value.
pub(super) struct Running(pub(super) Child);

impl Machine<'_> {
    /// Starts it; its second serial port is the standard output.
    pub(super) fn start(&self, accelerator: Accelerator) -> Result<Running> {
        fs::write(&self.console, "").with_context(|| format!("cannot write {}", self.console.display()))?;
        // Where we are killed, nobody is left to end it.
        let mut command = match on_path("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
                command
            }
            None => Command::new("qemu-system-x86_64"),
        };
        command.args(self.options(accelerator));
        command.stdin(self.initrd.try_clone()?).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map(Running).context("cannot run qemu-system-x86_64")
    }

    fn options(&self, accelerator: Accelerator) -> Vec<String> {
        // A panic starts the machine anew, which ends it.
        let mut line = "console=ttyS0 panic=-1 random.trust_cpu=on".to_owned();
        line.push_str(accelerator.words());
        if let Some(more) = self.append {
            line.push(' ');
            line.push_str(more);
        }
        let mut options: Vec<String> =
            ["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-nic", "none"]
                .map(str::to_owned)
                .to_vec();
        options.extend(accelerator.options().map(str::to_owned));
        for (option, value) in [
            ("-m", self.memory.to_string()),
            ("-smp", self.cpus.to_string()),
            ("-kernel", self.kernel.display().to_string()),
            // A file without a name.
            ("-initrd", "/dev/stdin".to_owned()),
            ("-append", line),
            ("-serial", format!("file:{}", self.console.display())),
            ("-serial", "file:/dev/stdout".to_owned()),
        ] {
            options.extend([option.to_owned(), value]);
        }
        options
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_neither_disk_nor_network_and_ends_where_it_would_start_anew() -> Result<()> {
        let machine = Machine {
            kernel: Path::new("/k"),
            initrd: &File::open("/dev/null")?,
            memory: 512,
            cpus: 3,
            append: Some("nokaslr"),
            console: PathBuf::from("/c"),
        };
        let options = machine.options(Accelerator::Tcg).join(" ");
        for wanted in [
            "-nodefaults",
            "-nic none",
            "-no-reboot",
            "-accel tcg,thread=multi",
            "-m 512",
            "-smp 3",
            "panic=-1 random.trust_cpu=on no_timer_check nokaslr",
            "-serial file:/c -serial file:/dev/stdout",
        ] {
            assert!(options.contains(wanted), "{wanted} in {options}");
        }
        assert!(!options.contains("-drive"));
        Ok(())
    }
}
