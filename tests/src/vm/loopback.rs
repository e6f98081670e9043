//! The loopback interface, which a new kernel leaves down.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkFlags, LinkMessage},
};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

/// Its index in every network namespace.
const INDEX: u32 = 1;

/// Sets it up; the kernel gives it 127.0.0.1 and ::1.
pub(super) fn set_up() -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = INDEX;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
    let NetlinkPayload::Error(error) = answer.payload else {
        return Err(io::Error::other(format!("the kernel answers {:?}", answer.payload)));
    };
    // Code 0 is the acknowledgement.
    if error.code.is_none() { Ok(()) } else { Err(error.to_io()) }
}
