//! `v1` Node.

use k8s_openapi::api::core::v1;

use super::{
    Field, Findings,
    address::convert_address,
    meta::{NameSyntax, convert_name},
};
use crate::model::Node;

/// Converts a Node. Addresses of other types than these two are names.
pub fn convert_node(object: &v1::Node, findings: &mut Findings) -> Option<Node> {
    findings.guard(|findings| {
        let name = convert_name(&object.metadata, NameSyntax::Subdomain, findings);
        let field = Field::root("status").child("addresses");
        let addresses = object
            .status
            .iter()
            .flat_map(|status| status.addresses.iter().flatten())
            .enumerate()
            .filter(|(_, address)| matches!(address.type_.as_str(), "InternalIP" | "ExternalIP"))
            .filter_map(|(index, address)| {
                convert_address(&address.address, &field.index(index).child("address"), findings)
            })
            .collect();
        Some(Node { name: name?, addresses })
    })
}
