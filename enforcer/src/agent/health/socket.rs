//! The status socket: whoever connects gets one [`Report`] as JSON, and the end of the connection. Only root can.

use std::{
    fs, io,
    os::unix::{fs::FileTypeExt as _, net::UnixStream as StdStream},
    path::Path,
    time::Duration,
};

use nix::sys::stat::{Mode, umask};
use tokio::{io::AsyncWriteExt as _, net::UnixListener, time::timeout};

use super::{Asker, Question, Report, ask_loop};

/// Where it is, unless the command line says otherwise.
pub const STATUS_SOCKET: &str = "/run/enforcer/status.sock";

/// How long a reader may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until the loop ends.
///
/// # Errors
/// When another agent answers there, or the socket cannot be made.
pub(in crate::agent) fn serve(path: &Path, asker: Asker) -> io::Result<()> {
    let listener = bind(path)?;
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Some(report) = ask_loop(&asker, Question::Report).await else { return };
            let Ok(text) = serde_json::to_vec(&report) else { continue };
            // A reader of its own, so that one which stalls holds up nobody.
            tokio::spawn(async move { drop(timeout(PATIENCE, stream.write_all(&text)).await) });
        }
    });
    Ok(())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        // What a killed agent left answers nobody.
        if StdStream::connect(path).is_ok() {
            let message = format!("{}: another agent answers there", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
        }
        fs::remove_file(path)?;
    }
    // From its first instant it is root's: to change its mode afterwards would leave a moment.
    let mask = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(mask);
    listener.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Asks the agent behind a socket.
///
/// # Errors
/// When nobody answers, or not as an agent does.
pub fn ask(path: &Path) -> io::Result<Report> {
    let stream = StdStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(serde_json::from_reader(stream)?)
}
