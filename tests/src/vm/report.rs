//! What the first process of a virtual machine tells the host over a serial line.
//!
//! A line of its own, apart from the kernel's console: what is on it is exact, whatever the kernel prints. It begins
//! with [`MAGIC`], then come reports, each as one byte for its kind, the length of what follows (32 bits,
//! little-endian) and that.

use std::io::{self, ErrorKind, Read, Write};

/// Where reports begin: firmware and drivers may have sent something before.
pub const MAGIC: &[u8] = b"\0enforcer-vm 1\0";

/// A report longer than this is no report but a broken line.
const LONGEST: u32 = 256 << 20;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The first: the kernel's release, as `uname -r` prints it.
    Started(String),
    /// Nothing else to say. One each second: a machine that is silent for long hangs.
    Alive,
    /// Something worth knowing that is no output of a command.
    Note(String),
    /// A piece of a command's standard output.
    Output(Vec<u8>),
    /// A piece of a command's standard error.
    Errors(Vec<u8>),
    /// The next command ended with this exit status (128 and the signal's number, if a signal ended it).
    Ended(i32),
    /// A file of the results: its path in their folder, and its content.
    File(String, Vec<u8>),
    /// The last: every command has ended, every result was sent.
    Finished,
}

impl Report {
    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written, or is longer than a report may be.
    pub fn write_to(&self, line: &mut impl Write) -> io::Result<()> {
        let (kind, content) = self.encode();
        let length = u32::try_from(content.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a report is too long"))?;
        // One write, so that a report that is short is never cut in two by another writer.
        let mut bytes = Vec::with_capacity(content.len() + 5);
        bytes.push(kind);
        bytes.extend(length.to_le_bytes());
        bytes.extend(content);
        line.write_all(&bytes)
    }

    fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Started(release) => (b's', release.clone().into_bytes()),
            Self::Alive => (b'a', Vec::new()),
            Self::Note(text) => (b'n', text.clone().into_bytes()),
            Self::Output(bytes) => (b'o', bytes.clone()),
            Self::Errors(bytes) => (b'e', bytes.clone()),
            Self::Ended(status) => (b'x', status.to_le_bytes().to_vec()),
            Self::File(path, content) => {
                let mut bytes = path.clone().into_bytes();
                bytes.push(0);
                bytes.extend(content);
                (b'f', bytes)
            }
            Self::Finished => (b'z', Vec::new()),
        }
    }

    /// Reads one; `None` at the end of the line.
    ///
    /// # Errors
    /// When it cannot be read, ends within a report, or holds something else.
    pub fn read_from(line: &mut impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if line.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        line.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(broken("a length that no report has"));
        }
        let mut content = Vec::new();
        line.take(length.into()).read_to_end(&mut content)?;
        if u32::try_from(content.len()) != Ok(length) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let [kind] = kind;
        Self::decode(kind, content).map(Some)
    }

    fn decode(kind: u8, content: Vec<u8>) -> io::Result<Self> {
        let text = |bytes| String::from_utf8(bytes).map_err(|_| broken("text that is no UTF-8"));
        Ok(match kind {
            b's' => Self::Started(text(content)?),
            b'a' => Self::Alive,
            b'n' => Self::Note(text(content)?),
            b'o' => Self::Output(content),
            b'e' => Self::Errors(content),
            b'x' => Self::Ended(i32::from_le_bytes(
                content.try_into().map_err(|_| broken("a status of another length"))?,
            )),
            b'f' => {
                let mut parts = content.splitn(2, |byte| *byte == 0);
                let (Some(path), Some(bytes)) = (parts.next(), parts.next()) else {
                    return Err(broken("a file without a name"));
                };
                Self::File(text(path.to_vec())?, bytes.to_vec())
            }
            b'z' => Self::Finished,
            _ => return Err(broken("an unknown kind of report")),
        })
    }
}

/// Reads up to and with [`MAGIC`]; false when the line ends before.
///
/// # Errors
/// When it cannot be read.
pub fn find_magic(line: &mut impl Read) -> io::Result<bool> {
    let mut last = Vec::new();
    let mut byte = [0];
    while line.read(&mut byte)? == 1 {
        last.extend(byte);
        if last.len() > MAGIC.len() {
            last.remove(0);
        }
        if last == MAGIC {
            return Ok(true);
        }
    }
    Ok(false)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the machine's reports hold {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written_after_whatever_came_before() -> io::Result<()> {
        let reports = [
            Report::Started("6.1.0".to_owned()),
            Report::Alive,
            Report::Note("one".to_owned()),
            Report::Output((0..=255).collect()),
            Report::Errors(Vec::new()),
            Report::Ended(-1),
            Report::File("a/b.json".to_owned(), vec![b'{', 0, 0xff, b'}']),
            Report::Finished,
        ];
        let mut line = b"SeaBIOS\r\n\0enforcer".to_vec();
        line.extend(MAGIC);
        for report in &reports {
            report.write_to(&mut line)?;
        }
        let mut line = line.as_slice();
        assert!(find_magic(&mut line)?);
        for report in reports {
            assert_eq!(Report::read_from(&mut line)?, Some(report));
        }
        assert_eq!(Report::read_from(&mut line)?, None);
        assert!(!find_magic(&mut b"nothing".as_slice())?);
        Ok(())
    }

    #[test]
    fn a_line_that_breaks_off_or_holds_something_else_is_an_error() {
        for line in
            [b"o\x05\0\0\0abc".as_slice(), b"o\x05", b"o\xff\xff\xff\xff", b"?\0\0\0\0", b"x\x01\0\0\0\x01"]
        {
            assert!(Report::read_from(&mut &*line).is_err(), "{line:?}");
        }
    }
}
