//! How the API server is reached.

use std::{env, path::PathBuf, time::Duration};

use http::Uri;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use thiserror::Error;

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(10);

/// What a pod's own account is given by: the kubelet mounts it.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where the API server is, and who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// A kubeconfig file. Else `KUBECONFIG` says which, else the pod's own service account is taken.
    pub kubeconfig: Option<PathBuf>,
    /// The server's URL, in place of the configured one: before Services work on a node, the Service of the API server
    /// does not either.
    pub server: Option<String>,
}

/// Why the API server cannot be asked.
#[derive(Debug, Error)]
pub enum AccessError {
    /// No URL, or one of no use.
    #[error("{0:?} is not a URL such as https://10.0.0.1:6443")]
    Url(String),
    /// Anybody on the way could read the token and change policies.
    #[error("{0:?}: without TLS the API server can be asked on a loopback address only")]
    Plain(String),
    /// A kubeconfig that cannot be used.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[source] Box<kube::config::KubeconfigError>),
    /// A service account that cannot be used.
    #[error("the pod's service account: {0}")]
    Account(#[source] Box<kube::config::InClusterError>),
    /// None of them is there.
    #[error(
        "no way to the API server: give --kubeconfig, KUBECONFIG or --api-server, or run in a pod with a service account"
    )]
    Nothing,
    /// Certificates, keys, credentials.
    #[error("the client for the API server: {0}")]
    Client(#[source] Box<kube::Error>),
}

impl Access {
    /// Makes a client. Nothing is sent yet; needs a tokio runtime.
    ///
    /// # Errors
    /// When the configuration is missing or wrong.
    pub(super) async fn client(&self) -> Result<Client, AccessError> {
        let server = self.server.as_deref().map(parse_server).transpose()?;
        let mut config = self.configuration(server.as_ref()).await?;
        if let Some(server) = server {
            config.cluster_url = server;
        }
        config.connect_timeout = Some(CONNECT);
        // Attempts are repeated here, with what the server says of when.
        config.default_retry = false;
        let builder = ClientBuilder::try_from(config).map_err(|error| AccessError::Client(error.into()))?;
        Ok(builder.build())
    }

    async fn configuration(&self, server: Option<&Uri>) -> Result<Config, AccessError> {
        let options = KubeConfigOptions::default();
        let kubeconfig = |error| AccessError::Kubeconfig(Box::new(error));
        let account = |error| AccessError::Account(Box::new(error));
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if let Some(path) = &self.kubeconfig {
            let read = Kubeconfig::read_from(path).map_err(kubeconfig)?;
            Config::from_custom_kubeconfig(read, &options).await.map_err(kubeconfig)
        } else if is_set("KUBECONFIG") {
            Config::from_kubeconfig(&options).await.map_err(kubeconfig)
        } else if is_set("KUBERNETES_SERVICE_HOST") {
            Config::incluster_env().map_err(account)
        } else if let Some(server) = server {
            // Without the variables the account is the same; the URL is given.
            if PathBuf::from(ACCOUNT).exists() {
                Config::incluster_dns().map_err(account)
            } else {
                Ok(Config::new(server.clone()))
            }
        } else {
            Err(AccessError::Nothing)
        }
    }
}

fn parse_server(written: &str) -> Result<Uri, AccessError> {
    let wrong = || AccessError::Url(written.to_owned());
    let uri: Uri = written.parse().map_err(|_bad| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(host) => Ok(uri),
        Some("http") => Err(AccessError::Plain(written.to_owned())),
        _ => Err(wrong()),
    }
}

/// By address only: a name is whatever somebody resolves it to.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_tls_is_taken_on_loopback_only() {
        for good in
            ["https://10.0.0.1:6443", "http://127.0.0.1:8080", "http://[::1]:8080", "https://api.example.org"]
        {
            assert_eq!(parse_server(good).unwrap().to_string().trim_end_matches('/'), good);
        }
        for plain in ["http://10.0.0.1:8080", "http://localhost:8080", "http://[fd00::1]"] {
            assert!(matches!(parse_server(plain), Err(AccessError::Plain(_))), "{plain}");
        }
        for bad in ["", "10.0.0.1", "ftp://10.0.0.1", "https://", "https:///x"] {
            assert!(matches!(parse_server(bad), Err(AccessError::Url(_))), "{bad}");
        }
    }
}
