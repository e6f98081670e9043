//! What runs a machine: the processor, or software.

use anyhow::{Context as _, Result};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

/// A way to run a machine.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// The processor's own virtualisation
    Kvm,
    /// Software emulation: right, and some twenty times slower
    Tcg,
}

impl Accelerator {
    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "software emulation",
        }
    }

    /// Its options of qemu.
    pub(super) fn options(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // With `max` a few boots of Linux 6.12 crashed under qemu 7.2; with this model none of those we saw, which are few.
            // One crash was beside cmpxchg16b, so the model is without it; it has rdrand, since a machine needs randomness.
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand,-cx16"],
        }
    }

    /// What it wants on the kernel's command line.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Kvm => "",
            // Where other programs take the processor, an emulated timer is late, and the kernel gives it up.
            Self::Tcg => " no_timer_check",
        }
    }

    /// How often a machine may fail to start: an emulated processor of which two run at the same time sometimes errs.
    pub(super) fn attempts(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 3,
        }
    }
}

/// A note of this boot of the host that machines do not start with KVM here, although there is a device: asked by starting
/// one, which takes time when it fails.
pub(super) struct Refusals(PathBuf);

impl Refusals {
    /// Kept in a folder.
    pub(super) fn within(folder: &Path) -> Self {
        Self(folder.join("kvm-refused"))
    }

    /// The accelerator to try first, and why it is not KVM.
    pub(super) fn first(&self) -> (Accelerator, Option<String>) {
        if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
            return (Accelerator::Tcg, Some(format!("/dev/kvm cannot be used ({error})")));
        }
        match fs::read_to_string(&self.0) {
            Ok(boot) if Some(&boot) == boot_id().ok().as_ref() => {
                (Accelerator::Tcg, Some("no machine started with KVM here before".to_owned()))
            }
            _ => (Accelerator::Kvm, None),
        }
    }

    /// Notes that KVM was tried in vain.
    pub(super) fn add(&self) -> Result<()> {
        fs::write(&self.0, boot_id()?).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

fn boot_id() -> Result<String> {
    let file = "/proc/sys/kernel/random/boot_id";
    fs::read_to_string(file).with_context(|| format!("cannot read {file}"))
}
