//! Questions to the kernel by netlink(7), in the network namespace of the calling thread.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// Asks one of the kernel's netlink families and gives each answer to `each`: one, or with `NLM_F_DUMP` all until the
/// end mark. Answers are not collected here: a node's connection tracking has hundreds of thousands. Returns whether the
/// answers are of one moment: a dump during which something came or went may lack what was there all the time.
pub(crate) fn ask<M>(family: isize, question: M, flags: u16, mut each: impl FnMut(M)) -> io::Result<bool>
where
    M: NetlinkSerializable + NetlinkDeserializable + Into<NetlinkPayload<M>>,
{
    let mut socket = Socket::new(family)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), question.into());
    message.header.flags = NLM_F_REQUEST | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut is_whole = true;
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<M>::deserialize(rest).map_err(io::Error::other)?;
            // Messages are aligned to four bytes.
            let length = usize::try_from(answer.header.length).map_err(io::Error::other)?.next_multiple_of(4);
            rest = rest.get(length.max(4)..).unwrap_or_default();
            is_whole &= answer.header.flags & NLM_F_DUMP_INTR == 0;
            if let NetlinkPayload::InnerMessage(inner) = answer.payload {
                each(inner);
            } else if let NetlinkPayload::Error(error) = answer.payload {
                return if error.code.is_some() { Err(error.to_io()) } else { Ok(is_whole) };
            } else if let NetlinkPayload::Done(_) = answer.payload {
                return Ok(is_whole);
            }
        }
        if flags & NLM_F_DUMP == 0 {
            return Ok(is_whole);
        }
    }
}
