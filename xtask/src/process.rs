//! Running other programs with a sign of life.

use anyhow::{Context as _, Result, bail};
use std::{
    io::{self, BufRead, BufReader, IsTerminal as _, Read, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// How often somebody who reads a log, not a terminal, hears from a silent step.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Runs a program whose output matters only when it fails: one live line with the seconds and the tool's
/// last line on a terminal, a line now and then in a log, everything it said on failure.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let (mut child, lines) = spawn_heard(command)?;
    let (start, mut spoke) = (Instant::now(), Instant::now());
    let live = io::stdout().is_terminal();
    let mut said: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => said.push(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let last: String =
            said.last().map(String::as_str).unwrap_or_default().trim().chars().take(60).collect();
        let seconds = start.elapsed().as_secs();
        if live {
            print!("\r\x1b[K    {seconds:>3} s  {last}");
            io::stdout().flush()?;
        } else if spoke.elapsed() >= HEARTBEAT {
            println!("    {seconds:>3} s  {last}");
            spoke = Instant::now();
        }
    }
    let status = child.wait()?;
    if live {
        print!("\r\x1b[K");
        io::stdout().flush()?;
    }
    if !status.success() {
        eprintln!("{}", said.join("\n"));
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a program whose output is the result. In a log, where cargo shows no progress bar, a line now and
/// then says that it is still at work.
pub(crate) fn loudly(command: &mut Command) -> Result<()> {
    let mut child = command.spawn().with_context(|| format!("cannot run {}", shown(command)))?;
    let (done, waiting) = mpsc::channel::<()>();
    let beat = (!io::stderr().is_terminal()).then(|| {
        let start = Instant::now();
        thread::spawn(move || {
            while waiting.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                eprintln!("    … {} s", start.elapsed().as_secs());
            }
        })
    });
    let status = child.wait()?;
    drop(done);
    if let Some(beat) = beat {
        beat.join().ok();
    }
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Starts a program whose lines, of both outputs, come through a channel.
fn spawn_heard(command: &mut Command) -> Result<(Child, mpsc::Receiver<String>)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender);
    }
    Ok((child, lines))
}

/// What a program prints, within a time limit; `None` when it took longer and was ended.
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Result<Option<(bool, String)>> {
    let (mut child, lines) = spawn_heard(command)?;
    let deadline = Instant::now() + limit;
    let mut said = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                said.push_str(&line);
                said.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
        }
    }
    Ok(Some((child.wait()?.success(), said)))
}

/// A command as one would type it: cargo without the folder that it was started from.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = match program.file_name() {
        Some(name) if name == "cargo" => name,
        _ => program.as_os_str(),
    };
    let words = [program].into_iter().chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word as a shell wants it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=+./:,@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
}
