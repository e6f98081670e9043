//! Filters of the clsact qdisc, tc(8).

use std::io;

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
};

use super::ask;

/// A filter at an interface's clsact qdisc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) priority: u16,
    pub(crate) handle: u32,
    /// The name of its program, where it has one.
    pub(crate) program: Option<String>,
}

/// The filters at one side of an interface; none where it has no clsact qdisc.
pub(crate) fn list_filters(interface: u32, is_ingress: bool) -> io::Result<Vec<Filter>> {
    let mut question = TcMessage::with_index(i32::try_from(interface).map_err(io::Error::other)?);
    // TC_H_CLSACT with TC_H_MIN_INGRESS or TC_H_MIN_EGRESS.
    question.header.parent = TcHandle { major: 0xffff, minor: if is_ingress { 0xfff2 } else { 0xfff3 } };
    let answers = ask(&RouteNetlinkMessage::GetTrafficFilter(question), NLM_F_DUMP)?;
    let filters = answers.into_iter().filter_map(|answer| {
        if let RouteNetlinkMessage::NewTrafficFilter(message) = answer {
            Some(read_filter(&message))
        } else {
            None
        }
    });
    Ok(filters.collect())
}

fn read_filter(message: &TcMessage) -> Filter {
    let [priority0, priority1, ..] = message.header.info.to_be_bytes();
    let mut program = None;
    for attribute in &message.attributes {
        if let TcAttribute::Options(options) = attribute {
            program = options.iter().find_map(|option| {
                if let TcOption::Bpf(TcFilterBpfOption::ProgName(name)) = option {
                    Some(name.clone())
                } else {
                    None
                }
            });
        }
    }
    Filter {
        priority: u16::from_be_bytes([priority0, priority1]),
        handle: u32::from(message.header.handle),
        program,
    }
}
