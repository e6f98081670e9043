//! Writes records to standard output from a thread of its own, so that a reader that stalls (a terminal on hold)
//! never holds up enforcement. What it cannot take is counted, and told when it can.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::record::Record;

/// Records that may wait for the reader.
const QUEUE: usize = 65_536;

/// How long an ending waits for the reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// The form of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The writing end of the output.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<Record>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    lost: u64,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(format: Format) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || write_all(&records, format))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), lost: 0 })
    }

    /// Gives a record to the output, or counts it.
    pub fn write(&mut self, record: Record) {
        let Some(queue) = &self.queue else { return };
        if self.lost > 0 && queue.try_send(Record::Lost { records: self.lost }).is_ok() {
            self.lost = 0;
        }
        match queue.try_send(record) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.lost += 1,
            Err(TrySendError::Disconnected(_)) => {
                tracing::warn!("nobody reads the output any more; enforcement goes on without it");
                self.queue = None;
            }
        }
    }

    /// Writes what is waiting and ends the thread; gives up on a reader that does not read.
    pub fn finish(&mut self) {
        self.queue = None;
        let deadline = Instant::now() + PATIENCE;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if Instant::now() > deadline {
                tracing::warn!("nobody reads the output; what was waiting is lost");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(thread) = self.thread.take()
            && let Ok(Err(error)) = thread.join()
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "the output failed");
        }
    }
}

fn write_all(records: &Receiver<Record>, format: Format) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout());
    while let Ok(first) = records.recv() {
        write_one(&mut out, &first, format)?;
        // Flush when nobody waits: a reader sees a record at once, a burst costs one write.
        while let Ok(next) = records.try_recv() {
            write_one(&mut out, &next, format)?;
        }
        out.flush()?;
    }
    out.flush()
}

fn write_one(out: &mut impl io::Write, record: &Record, format: Format) -> io::Result<()> {
    match format {
        Format::Text => writeln!(out, "{record}"),
        Format::Json => {
            serde_json::to_writer(&mut *out, record)?;
            out.write_all(b"\n")
        }
    }
}
