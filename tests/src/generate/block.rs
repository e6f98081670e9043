//! `ipBlock`s.

use enforcer::model::IpBlock;
use ipnet::IpNet;
use proptest::{
    collection,
    prelude::*,
    sample::{Index, select},
};

use super::{choice::pick, universe};

/// A block with up to three exceptions, which may nest and overlap.
pub fn ip_block() -> impl Strategy<Value = IpBlock> {
    let excepts = prop_oneof![1 => Just(Vec::new()), 1 => collection::vec(any::<Index>(), 1..=3)];
    (cidr(), excepts).prop_map(|(cidr, excepts)| {
        let inside = strictly_inside(cidr);
        let mut except: Vec<IpNet> =
            excepts.iter().filter_map(|index| pick(index, &inside).copied()).collect();
        except.dedup();
        IpBlock { cidr, except }
    })
}

/// One of the universe's, or the surroundings of one of its addresses.
fn cidr() -> impl Strategy<Value = IpNet> {
    let around = (select(universe::addresses()), 0..=128_u8).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        // Folded, so that both families get every length.
        canonical(address, length % (longest + 1))
    });
    prop_oneof![3 => select(universe::blocks()), 1 => around]
}

/// What can be an exception of this block.
fn strictly_inside(cidr: IpNet) -> Vec<IpNet> {
    let longest = cidr.max_prefix_len();
    let length = cidr.prefix_len();
    let mut inside: Vec<IpNet> = universe::blocks();
    if length < longest {
        for address in universe::addresses().into_iter().filter(|address| cidr.contains(address)) {
            for length in [length + 1, length + (longest - length).div_ceil(2), longest] {
                inside.push(canonical(address, length));
            }
        }
    }
    inside.retain(|net| cidr.contains(net) && net.prefix_len() > length);
    inside.sort();
    inside.dedup();
    inside
}

fn canonical(address: std::net::IpAddr, length: u8) -> IpNet {
    IpNet::new(address, length).expect("the length fits the family").trunc()
}
