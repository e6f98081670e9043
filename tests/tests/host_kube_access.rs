//! Level 1: how the API server is reached: TLS and who asks.

use anyhow::Result;
use enforcer::source::kube::Access;
use enforcer_tests::api_server::{ApiServer, Credentials, Follower, policy, short_limits};
use serde_json::json;

#[test]
fn a_kubeconfig_leads_to_a_server_with_tls_and_a_token() -> Result<()> {
    let (server, credentials) = ApiServer::start_with_tls()?;
    server.put(policy("first", json!({"policyTypes": ["Ingress"]})))?;
    let folder = tempfile::tempdir()?;
    let access = Access { kubeconfig: Some(credentials.write(folder.path(), &server.url())?), server: None };
    Follower::by(&access, short_limits())?.until_policies(&["first"])?;

    // Somebody else's token, and a server that somebody else vouches for.
    let (other, others) = ApiServer::start_with_tls()?;
    for (credentials, url, wanted) in [
        (
            Credentials { token: others.token.clone(), ..credentials.clone() },
            server.url(),
            "401: Unauthorized",
        ),
        (Credentials { token: others.token.clone(), ..credentials }, other.url(), "certificate"),
    ] {
        let access = Access { kubeconfig: Some(credentials.write(folder.path(), &url)?), server: None };
        let mut follower = Follower::by(&access, short_limits())?;
        follower.until("the reason is told", |source, _| {
            let outages = source.kinds().values().filter_map(|sync| sync.outage.as_ref());
            outages
                .map(|outage| outage.reason.to_lowercase())
                .any(|reason| reason.contains(&wanted.to_lowercase()))
        })?;
        assert!(!follower.source.is_listed());
    }
    // Who does not trust the server has not told it its token.
    assert!(other.requests().is_empty());
    Ok(())
}
