//! TLS of the programs that call https URLs: rustls with `ring`, which needs a C compiler to build and nothing to run.
//!
//! Every client must begin with [`client_builder`]. reqwest's own choice of cryptography needs cmake, and its choice of
//! certificates fails where the machine has no certificate store, also for http URLs.

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A builder of HTTP clients that speak https as well.
pub fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_backend_preconfigured(client_config())
}

/// Trusts the authorities that Mozilla's programs trust, and those of the machine's certificate store, which may hold a
/// company's own. `SSL_CERT_FILE` and `SSL_CERT_DIR` name another store.
fn client_config() -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without a store, or with a damaged certificate in it, still has the other ones.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_built_on_every_machine() {
        assert!(client_builder().build().is_ok());
        assert!(!webpki_roots::TLS_SERVER_ROOTS.is_empty());
    }
}
