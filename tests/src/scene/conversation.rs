//! A TCP connection that stays open while policies change.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::poll;

/// How long anything may take that is expected to happen. TCP doubles the time between its attempts, so that a
/// connection that was blocked for a second may need another second or two to find out that it is not.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// A connection to a server that echoes.
#[derive(Debug)]
pub struct Conversation {
    reader: BufReader<TcpStream>,
    sent: Vec<u8>,
}

impl Conversation {
    /// Connects; must be called inside the client's network namespace.
    pub(super) fn open(at: SocketAddr, banner: &str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&at, DEADLINE).with_context(|| format!("no way to {at}"))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).with_context(|| format!("{at} says nothing"))?;
        ensure!(line.trim_end() == banner, "{at} says {line:?}, not {banner:?}");
        reader.get_ref().set_nonblocking(true)?;
        Ok(Self { reader, sent: Vec::new() })
    }

    /// Sends, without waiting for the echo.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.reader.get_ref().write_all(text.as_bytes()).context("cannot send")?;
        self.sent.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// What has come back of what was said; fails when it is something else, or the connection is over.
    pub fn hear(&mut self) -> Result<usize> {
        let mut buffer = [0; 4096];
        match self.reader.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the other side ended the conversation"),
            Ok(length) => {
                let heard = buffer.get(..length).unwrap_or_default();
                ensure!(self.sent.starts_with(heard), "heard what was not said");
                self.sent.drain(..length);
                Ok(length)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).context("the conversation broke"),
        }
    }

    /// Waits until all that was said has come back.
    pub fn catch_up(&mut self) -> Result<()> {
        let answer = poll::until(DEADLINE, "everything said has come back", || match self.hear() {
            Ok(_) if self.sent.is_empty() => Some(Ok(())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        answer?
    }

    /// Says something and waits until it has come back.
    pub fn exchange(&mut self, text: &str) -> Result<()> {
        self.say(text)?;
        self.catch_up()
    }
}
