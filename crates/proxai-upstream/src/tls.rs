//! What an upstream has to show before a key is sent to it.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

/// The operating system's trust store, through aws-lc-rs. ALPN is left to the connector.
///
/// Named explicitly because a process-wide default provider would be one more thing that a
/// program embedding this crate had to install first.
pub(crate) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth())
}
