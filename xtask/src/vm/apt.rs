//! Debian's package tool beside this machine's own state: another suite's lists and packages, nothing installed.

use crate::{process, toolchain::on_path};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What Debian signs its suites with, those of the past too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The mirror of those whose own configuration names none of Debian.
const PUBLIC_MIRROR: &str = "https://deb.debian.org/debian";

/// A suite of Debian, with a state of its own in a folder.
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Fetches the suite's package lists, whose signatures apt checks.
    pub(super) fn open(folder: &Path, suite: &str) -> Result<Self> {
        ensure!(on_path("apt-get").is_some(), "there is no apt-get here");
        ensure!(
            Path::new(KEYRING).is_file(),
            "{KEYRING} is missing, without which a signature cannot be checked (package debian-archive-keyring)"
        );
        for part in ["state/lists/partial", "cache/archives/partial", "packages"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        }
        let archive = Self { folder: folder.to_path_buf() };
        let source = format!("deb [arch=amd64 signed-by={KEYRING}] {} {suite} main\n", mirror());
        fs::write(folder.join("sources.list"), source)?;
        // Nothing is installed here.
        fs::write(folder.join("state/status"), "")?;
        process::quietly(archive.tool("apt-get").args(["update", "-q"]))?;
        Ok(archive)
    }

    /// What `apt-cache depends` prints of a package.
    pub(super) fn depends(&self, package: &str) -> Result<String> {
        let output = self.tool("apt-cache").args(["depends", package]).output()?;
        ensure!(output.status.success(), "apt knows no package {package}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Downloads packages, and unpacks them into a folder. Their checksums are in the signed lists.
    pub(super) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        let downloads = self.folder.join("packages");
        fs::remove_dir_all(&downloads)?;
        fs::create_dir_all(&downloads)?;
        // It downloads to where it runs.
        let mut download = self.tool("apt-get");
        process::quietly(download.args(["download", "-q"]).args(packages).current_dir(&downloads))?;
        for file in fs::read_dir(&downloads)? {
            process::quietly(Command::new("dpkg-deb").arg("--extract").arg(file?.path()).arg(into))?;
        }
        fs::remove_dir_all(&downloads)?;
        Ok(())
    }

    /// A tool of apt that sees this suite only.
    fn tool(&self, name: &str) -> Command {
        let mut tool = Command::new(name);
        tool.env("LC_ALL", "C");
        let places = [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State", "state"),
            ("Dir::State::lists", "state/lists"),
            ("Dir::State::status", "state/status"),
            ("Dir::Cache", "cache"),
        ];
        for (option, place) in places {
            tool.arg("-o").arg(format!("{option}={}", self.folder.join(place).display()));
        }
        for option in [
            "Dir::Etc::sourceparts=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            "APT::Architecture=amd64",
            "Acquire::Languages=none",
            // A user of its own could not write into our folders.
            "APT::Sandbox::User=root",
        ] {
            tool.args(["-o", option]);
        }
        tool
    }
}

/// The mirror that this machine's own apt uses, else the public one.
fn mirror() -> String {
    let asked = Command::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
        .env("LC_ALL", "C")
        .output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    mirror_of(&text).unwrap_or(PUBLIC_MIRROR).to_owned()
}

fn mirror_of(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| line.strip_prefix("Debian|Debian|"))
}

/// The packages of a kernel and its modules: what the metapackage depends on, as far as it is one of them, and the
/// kernel's release. `depends` is [`Archive::depends`].
pub(super) fn kernel_packages(depends: impl Fn(&str) -> Result<String>) -> Result<(String, Vec<String>)> {
    const METAPACKAGE: &str = "linux-image-cloud-amd64";
    let mut packages: Vec<String> = Vec::new();
    let mut asked = vec![METAPACKAGE.to_owned()];
    while let Some(package) = asked.pop() {
        let text = depends(&package)?;
        let names = text.lines().filter_map(|line| {
            let line = line.trim_start().trim_start_matches('|');
            line.strip_prefix("Depends: ").or_else(|| line.strip_prefix("PreDepends: "))
        });
        for name in names {
            let wanted =
                ["linux-image-", "linux-binary-", "linux-modules-"].iter().any(|part| name.starts_with(part));
            if wanted && name.ends_with("-cloud-amd64") && !packages.iter().any(|known| known == name) {
                packages.push(name.to_owned());
                asked.push(name.to_owned());
            }
        }
    }
    let release = packages.iter().find_map(|package| package.strip_prefix("linux-image-"));
    match release {
        Some(release) => Ok((release.to_owned(), packages)),
        None => bail!("{METAPACKAGE} depends on no kernel"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_in_one_package_and_in_three_is_found() -> Result<()> {
        let one = |package: &str| {
            Ok(match package {
                "linux-image-cloud-amd64" => {
                    "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-50-cloud-amd64\n"
                }
                _ => "linux-image-6.1.0-50-cloud-amd64\n  Depends: kmod\n |Depends: initramfs-tools\n  Breaks: x\n",
            }
            .to_owned())
        };
        let (release, packages) = kernel_packages(one)?;
        assert_eq!(release, "6.1.0-50-cloud-amd64");
        assert_eq!(packages, ["linux-image-6.1.0-50-cloud-amd64"]);

        let split = |package: &str| {
            Ok(match package {
                "linux-image-cloud-amd64" => {
                    "  Depends: linux-base-cloud-amd64\n  Depends: linux-image-7.2.12+deb14-cloud-amd64\n"
                }
                "linux-image-7.2.12+deb14-cloud-amd64" => {
                    "  PreDepends: linux-base\n  Depends: linux-binary-7.2.12+deb14-cloud-amd64\n  \
                     Depends: linux-modules-7.2.12+deb14-cloud-amd64\n"
                }
                _ => "  Depends: linux-base-7.2.12+deb14-cloud-amd64\n",
            }
            .to_owned())
        };
        let (release, packages) = kernel_packages(split)?;
        assert_eq!(release, "7.2.12+deb14-cloud-amd64");
        assert_eq!(packages.len(), 3, "{packages:?}");
        assert!(kernel_packages(|_| Ok(String::new())).is_err());
        Ok(())
    }

    #[test]
    fn the_mirror_is_debians_not_that_of_its_security_updates_or_of_others() {
        let targets = "Ubuntu|Ubuntu|http://a.example/ubuntu/\nDebian|Debian-Security|http://b.example/security/\n\
                       Debian|Debian|http://c.example/debian/\n";
        assert_eq!(mirror_of(targets), Some("http://c.example/debian/"));
        assert_eq!(mirror_of("Ubuntu|Ubuntu|http://a.example/ubuntu/\n"), None);
    }
}
