//! One stream of TCP in one direction.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    panic, thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Ends, PATIENCE, rate};

const BUFFER: usize = 128 << 10;

pub(super) fn run(ends: &Ends<'_>, time: Duration) -> Result<f64> {
    let listener = ends.server.enter(|| Ok(TcpListener::bind(ends.to)?))?;
    let mut client = ends.client.enter(|| Ok(TcpStream::connect_timeout(&ends.to, PATIENCE)?))?;
    let (mut server, _) = listener.accept()?;
    client.set_write_timeout(Some(PATIENCE))?;
    server.set_read_timeout(Some(PATIENCE))?;
    thread::scope(|scope| {
        let begun = Instant::now();
        let receiver = scope.spawn(move || -> Result<u64> {
            let mut buffer = vec![0; BUFFER];
            let mut received = 0;
            loop {
                match server.read(&mut buffer) {
                    Ok(0) => return Ok(received),
                    Ok(length) => received += u64::try_from(length)?,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error.into()),
                }
            }
        });
        let buffer = vec![0; BUFFER];
        while begun.elapsed() < time {
            client.write_all(&buffer)?;
        }
        drop(client);
        let received = receiver.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))?;
        Ok(rate(received, begun.elapsed()) / 1e6)
    })
}
