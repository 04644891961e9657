//! Whom the gateway believes: the TLS configuration of connections to a directory, made explicitly, so
//! that one bad system certificate cannot leave it without any.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::Identity;

/// Where the certification authority's certificates are.
#[derive(Clone, Debug)]
pub enum Authority {
    /// A PEM file.
    File(PathBuf),
    /// PEM text itself.
    Pem(Vec<u8>),
}

/// Where platforms keep their bundle: Debian, Fedora, SUSE, Alpine and BSD.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The configuration that trusts this authority, or the platform's own bundle when there is none, and shows
/// the gateway's certificate, when that is who it is. The error is for the person who configures.
pub(super) fn client(authority: Option<&Authority>, who: &Identity) -> Result<Arc<ClientConfig>, String> {
    let roots = match authority {
        Some(Authority::Pem(pem)) => roots(pem, "the given PEM text")?,
        Some(Authority::File(path)) => from_file(path)?,
        None => from_file(BUNDLES.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
            format!("no bundle of certification authorities at {}; say `ca`", BUNDLES.join(", "))
        })?)?,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let failed = |error| format!("TLS cannot be set up: {error}");
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(failed)?.with_root_certificates(roots);
    let config = match who {
        Identity::Password { .. } => builder.with_no_client_auth(),
        Identity::Certificate { chain, key } => {
            let chain = CertificateDer::pem_slice_iter(chain).filter_map(Result::ok).collect();
            let key = PrivateKeyDer::from_pem_slice(key.expose())
                .map_err(|_| "client_key is no PEM private key".to_owned())?;
            builder.with_client_auth_cert(chain, key).map_err(failed)?
        }
    };
    Ok(Arc::new(config))
}

fn from_file(path: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    roots(&pem, &path.display().to_string())
}

fn roots(pem: &[u8], source: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(format!("{source}: no certificate in it"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(authority: Option<&Authority>) -> Result<Arc<ClientConfig>, String> {
        let password = crate::plan::Secret::new("secret");
        super::client(authority, &Identity::Password { dn: String::new(), password })
    }

    #[test]
    fn an_authority_that_is_none_is_an_error_with_its_place() {
        let error = client(Some(&Authority::Pem(b"nonsense".to_vec()))).unwrap_err();
        assert!(error.contains("no certificate"), "{error}");
        let error = client(Some(&Authority::File("/nowhere/ca.pem".into()))).unwrap_err();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }

    #[test]
    fn a_pem_certificate_is_taken() {
        let certificate = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
        client(Some(&Authority::Pem(certificate.cert.pem().into_bytes()))).unwrap();
    }
}
