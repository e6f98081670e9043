//! A machine's life, from its start to its last report.

use super::{
    accelerator::{Accelerator, Refusals},
    console,
    machine::Machine,
    report::{self, Report},
    workload::Load,
};
use crate::process;
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    io::{self, BufReader, Read, Write as _},
    path::{Component, Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// A machine that says nothing for so long hangs: it reports each second.
const SILENCE: Duration = Duration::from_secs(120);

/// How long a machine may take to its first report.
fn start_limit(accelerator: Accelerator) -> Duration {
    Duration::from_secs(match accelerator {
        Accelerator::Kvm => 20,
        Accelerator::Tcg => 180,
    })
}

/// How an attempt ended.
enum Course {
    /// Every command ended; the first exit status that is not 0, if any.
    Finished(i32),
    /// There was no report; why, as far as one can tell.
    NotStarted(String),
}

/// Starts the machine, shows what its commands print, keeps their results; returns the exit status.
pub(super) fn run(
    machine: &Machine<'_>,
    folder: &Path,
    chosen: Option<Accelerator>,
    limit: Duration,
    load: &Load,
    results: &Path,
) -> Result<i32> {
    let refusals = Refusals::within(folder);
    let (first, why) = chosen.map_or_else(|| refusals.first(), |chosen| (chosen, None));
    if let Some(why) = why {
        println!("Software emulation, since {why}");
    }
    let mut course = attempts(machine, first, limit, load, results)?;
    if let Course::NotStarted(why) = &course
        && first == Accelerator::Kvm
        && chosen.is_none()
    {
        println!("Software emulation, since no machine starts with KVM here ({why})");
        refusals.add()?;
        course = attempts(machine, Accelerator::Tcg, limit, load, results)?;
    }
    match course {
        Course::Finished(status) => Ok(status),
        Course::NotStarted(why) => {
            bail!("the machine did not start: {why}\n{}", console::end(&machine.console))
        }
    }
}

/// Starts the machine as often as its accelerator may need.
fn attempts(
    machine: &Machine<'_>,
    accelerator: Accelerator,
    limit: Duration,
    load: &Load,
    results: &Path,
) -> Result<Course> {
    for _ in 1..accelerator.attempts() {
        match attempt(machine, accelerator, limit, load, results)? {
            Course::NotStarted(why) => {
                println!("It did not start: {why}\n{}\nOnce more:", console::end(&machine.console));
            }
            finished => return Ok(finished),
        }
    }
    attempt(machine, accelerator, limit, load, results)
}

fn attempt(
    machine: &Machine<'_>,
    accelerator: Accelerator,
    limit: Duration,
    load: &Load,
    results: &Path,
) -> Result<Course> {
    let start = Instant::now();
    println!("Starting the machine ({})", accelerator.name());
    let mut running = machine.start(accelerator)?;
    let output = running.0.stdout.take().context("qemu has no output")?;
    let errors = running.0.stderr.take().context("qemu has no output for errors")?;
    let errors = thread::spawn(move || {
        let mut text = String::new();
        io::Read::read_to_string(&mut BufReader::new(errors), &mut text).ok();
        text
    });
    let reports = listen(output);
    let release = match reports.recv_timeout(start_limit(accelerator)) {
        Ok(Ok(Report::Started(release))) => release,
        Ok(Ok(other)) => bail!("the machine begins with {other:?}"),
        Ok(Err(error)) => return Err(error).context("the machine's serial line"),
        Err(RecvTimeoutError::Timeout) => {
            return Ok(Course::NotStarted(format!("no sign of life within {} s", start.elapsed().as_secs())));
        }
        Err(RecvTimeoutError::Disconnected) => {
            let status = running.0.wait()?;
            let said = errors.join().unwrap_or_default();
            return Ok(Course::NotStarted(format!("qemu ended ({status}) {}", said.trim())));
        }
    };
    println!("Linux {release} runs after {} s\n", start.elapsed().as_secs());

    let mut commands = load.commands.iter();
    let mut status = 0;
    let deadline = start + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match reports.recv_timeout(left.min(SILENCE)) {
            Ok(Ok(Report::Finished)) => return Ok(Course::Finished(status)),
            Ok(Ok(Report::Ended(own))) => {
                let words = commands.next().map(Vec::as_slice).unwrap_or_default();
                let words: Vec<String> =
                    words.iter().map(|word| process::quoted(&word.to_string_lossy())).collect();
                println!("[{} s] exit status {own}: {}\n", start.elapsed().as_secs(), words.join(" "));
                if status == 0 {
                    status = own;
                }
            }
            Ok(Ok(report)) => show(&report, results)?,
            Ok(Err(error)) => {
                bail!("the machine's serial line: {error}\n{}", console::end(&machine.console))
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the machine ended before its command\n{}", console::end(&machine.console))
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => bail!(
                "the machine was ended after {} minutes (--timeout)\n{}",
                limit.as_secs() / 60,
                console::end(&machine.console)
            ),
            Err(RecvTimeoutError::Timeout) => bail!(
                "the machine hangs: no sign of life for {} s\n{}",
                SILENCE.as_secs(),
                console::end(&machine.console)
            ),
        }
    }
}

fn show(report: &Report, results: &Path) -> Result<()> {
    match report {
        Report::Output(bytes) => {
            io::stdout().write_all(bytes)?;
            io::stdout().flush()?;
        }
        Report::Errors(bytes) => io::stderr().write_all(bytes)?,
        Report::Note(text) => println!("  {text}"),
        Report::File(name, content) => {
            let file = place(results, name)?;
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            }
            fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
            println!("result: {}", file.display());
        }
        Report::Alive | Report::Started(_) | Report::Ended(_) | Report::Finished => {}
    }
    Ok(())
}

/// A result's place, which is below the folder, whatever the machine says.
fn place(results: &Path, name: &str) -> Result<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || name.is_empty() {
        bail!("the machine names a result {name:?}");
    }
    Ok(results.join(name))
}

/// Reads reports as they come. The end of the line ends the channel.
fn listen(line: impl Read + Send + 'static) -> Receiver<io::Result<Report>> {
    let (sender, reports) = mpsc::channel();
    thread::spawn(move || {
        let mut line = BufReader::new(line);
        if !report::find_magic(&mut line).unwrap_or(false) {
            return;
        }
        while let Some(report) = Report::read_from(&mut line).transpose() {
            let last = report.is_err();
            if sender.send(report).is_err() || last {
                return;
            }
        }
    });
    reports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stay_in_their_folder() {
        let folder = Path::new("/r");
        assert!(place(folder, "a/b.json").is_ok_and(|file| file == Path::new("/r/a/b.json")));
        for name in ["", "/etc/passwd", "../x", "a/../../x", "."] {
            assert!(place(folder, name).is_err(), "{name}");
        }
    }

    #[test]
    fn reports_are_heard_until_the_line_ends_or_breaks() -> io::Result<()> {
        let mut line = report::MAGIC.to_vec();
        Report::Alive.write_to(&mut line)?;
        let mut broken = line.clone();
        broken.push(b'?');
        let heard: Vec<_> = listen(io::Cursor::new(line)).iter().collect();
        assert!(matches!(heard.as_slice(), [Ok(Report::Alive)]), "{heard:?}");
        let heard: Vec<_> = listen(io::Cursor::new(broken)).iter().collect();
        assert!(matches!(heard.as_slice(), [Ok(Report::Alive), Err(_)]), "{heard:?}");
        Ok(())
    }
}
