//! TLS, and who may ask: an authority and a token that last for one test.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What the server is known by, and what it knows its client by.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The bearer token.
    pub token: String,
}

impl Credentials {
    /// Writes a kubeconfig file, with the authority's certificate beside it.
    pub fn write(&self, folder: &Path, url: &str) -> Result<PathBuf> {
        let authority = folder.join("authority.pem");
        fs::write(&authority, &self.authority)?;
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": authority}}],
            "users": [{"name": "agent", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "agent"}}],
        });
        let path = folder.join("kubeconfig");
        fs::write(&path, config.to_string())?;
        Ok(path)
    }
}

/// Credentials for a server at an address, and what it accepts connections with.
pub(super) fn make(address: SocketAddr) -> Result<(Credentials, TlsAcceptor)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    // By its address, as an API server before there is DNS is known.
    let key = KeyPair::generate()?;
    let own = CertificateParams::new(vec![address.ip().to_string()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .context("the server's certificate")?;
    let credentials =
        Credentials { authority: certificate.pem(), token: format!("token-{}", address.port()) };
    Ok((credentials, TlsAcceptor::from(Arc::new(config))))
}
