//! TLS at the listener: rustls with aws-lc-rs, TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// What accepts the connections to come; empty: they are in clear text. It may change at any time.
pub type Tls = ArcSwapOption<TlsAcceptor>;

/// An acceptor from PEM texts: the certificate chain with the server's own certificate first, its key,
/// and the authorities of which every client must show a certificate, if it must. The error says which
/// of them is wrong; it never repeats a key.
pub fn acceptor(cert: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Result<TlsAcceptor, String> {
    let chain = certificates(cert).map_err(|cause| format!("tls: cert: {cause}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| "tls: key: not a private key in PEM".to_owned())?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| format!("tls: {cause}"))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => builder.with_client_cert_verifier(verifier(authorities, provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|cause| format!("tls: {cause}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|cause| cause.to_string())?;
    if certificates.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(certificates) }
}

fn verifier(
    authorities: &[u8],
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let wrong = |cause: String| format!("tls: client_ca: {cause}");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities).map_err(wrong)? {
        roots.add(certificate).map_err(|cause| wrong(cause.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
        .map_err(|cause| wrong(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(cert: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> String {
        acceptor(cert, key, client_ca).err().unwrap()
    }

    #[test]
    fn what_is_wrong_is_named() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let (cert, key) = (cert.as_bytes(), key.as_bytes());

        assert!(acceptor(cert, key, None).is_ok());
        assert!(acceptor(cert, key, Some(cert)).is_ok());
        assert!(refused(b"", key, None).starts_with("tls: cert: "));
        assert!(refused(cert, cert, None).starts_with("tls: key: "));
        assert!(refused(cert, other.as_bytes(), None).starts_with("tls: "));
        assert!(refused(cert, key, Some(b"x")).starts_with("tls: client_ca: "));
    }
}
