//! The lines of an answer, as they come.

use std::time::Duration;

use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio::time::timeout;

use super::{fault::Fault, request::describe};

/// Longer lines are no objects: etcd takes 1.5 MiB, written in fewer bytes than JSON takes.
const LONGEST: usize = 16 << 20;
/// What a buffer may keep of a long line's memory.
const KEPT: usize = 64 << 10;

/// An answer in lines.
pub(super) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Everything before was given.
    start: usize,
    /// Between `start` and here there is no end of a line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), start: 0, searched: 0 }
    }

    /// The next line without its end; `None` at the end of the answer. (Half a line at the end is one that was cut
    /// off, and is left out.)
    ///
    /// # Errors
    /// When the connection breaks, nothing comes for `patience`, or a line is too long.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Option<&[u8]>, Fault> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let end = self.searched + end;
                let line = self.start..end;
                (self.start, self.searched) = (end + 1, end + 1);
                return Ok(self.buffer.get(line));
            }
            self.buffer.drain(..std::mem::take(&mut self.start));
            if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
                self.buffer = Vec::new();
            }
            self.searched = self.buffer.len();
            if self.searched > LONGEST {
                return Err(Fault::Garbled(format!("a line of more than {LONGEST} bytes")));
            }
            match timeout(patience, self.body.frame()).await {
                Err(_elapsed) => return Err(Fault::Silent(patience)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Fault::Connection(describe(&error))),
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    async fn all(text: &str) -> Vec<String> {
        let mut lines = Lines::new(Body::from(text.as_bytes().to_vec()));
        let mut found = Vec::new();
        while let Some(line) = lines.next(Duration::from_secs(1)).await.unwrap() {
            found.push(String::from_utf8_lossy(line).into_owned());
        }
        found
    }

    #[tokio::test]
    async fn whole_lines_are_given_and_half_a_line_is_not() {
        assert_eq!(all("one\ntwo\n\nthree\nfo").await, ["one", "two", "", "three"]);
        assert!(all("").await.is_empty());
    }
}
