//! Who the gateway is to a directory: a DN with its password, or a client certificate with its key. What is
//! wrong with either is a mistake at its place.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use toml::Spanned;

use super::check::Check;
use super::{Identity, raw};
use crate::mapping::diagnostic::Code;
use crate::plan::Secret;

const HELP: &str = "either bind_dn and bind_password, or client_certificate and client_key";

// === impl Check ===

impl Check<'_> {
    /// The one way that is said.
    pub(super) fn identity(&mut self, ldap: &Spanned<raw::Ldap>) -> Option<Identity> {
        let raw = ldap.get_ref();
        match (&raw.bind_dn, &raw.bind_password, &raw.client_certificate, &raw.client_key) {
            (Some(dn), Some(password), None, None) => {
                let bind_password = self.password(password, "bind_password")?;
                Some(Identity::Password { bind_dn: dn.clone(), bind_password })
            }
            (None, None, Some(chain), Some(key)) => {
                if raw.plaintext {
                    self.mistake(
                        Code::Login,
                        chain,
                        "a client certificate needs TLS, which plaintext = true leaves out",
                    );
                }
                let (pem, secret) = (self.pem(chain)?, self.secret(key)?);
                if let Err((is_key, cause)) = fit(&pem, &secret) {
                    if is_key {
                        self.mistake(Code::ConfigFile, key, cause)
                    } else {
                        self.mistake(Code::ConfigFile, chain, cause)
                    }
                }
                Some(Identity::Certificate { chain: pem, key: secret })
            }
            _ => {
                self.mistake_with_help(
                    Code::Login,
                    ldap,
                    "a directory is to know the gateway in exactly one way",
                    HELP,
                );
                None
            }
        }
    }
}

/// The certificates in a PEM text.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// Whether the key is the certificate's. The error says whether it is the key's, and what is wrong.
fn fit(chain: &[u8], key: &Secret) -> Result<(), (bool, String)> {
    let certificates = certificates(chain);
    if certificates.is_empty() {
        return Err((false, "there is no PEM certificate in this file".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose())
        .map_err(|_| (true, "the client_key is no PEM private key".to_owned()))?;
    CertifiedKey::from_der(certificates, key, &aws_lc_rs::default_provider())
        .map(|_| ())
        .map_err(|cause| (true, format!("the client_key does not fit the client_certificate: {cause}")))
}
