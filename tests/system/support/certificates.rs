//! A certification authority of the test's own, and what it signed: for a server on loopback, and for a client.
//! And a stranger, whom nobody knows.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// Writes `ca.pem`, and of each of these the certificate (`.pem`) and the key (`.key`) into the folder: `server`,
/// `expired-server`, `client` (whose subject is `cn=gantry`), `expired-client`, `stranger` (its own authority).
pub fn write(folder: &Path) {
    let params = authority();
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for name in ["server", "expired-server", "client", "expired-client"] {
        let mut params = if name.ends_with("server") { server() } else { client() };
        if name.starts_with("expired") {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        put(folder, name, &certificate.pem(), &key);
    }
    let key = KeyPair::generate().unwrap();
    put(folder, "stranger", &client().self_signed(&key).unwrap().pem(), &key);
}

fn put(folder: &Path, name: &str, certificate: &str, key: &KeyPair) {
    std::fs::write(folder.join(format!("{name}.pem")), certificate).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Another name than its certificates have: OpenSSL takes those with its issuer's name for self-signed.
    params.distinguished_name.push(DnType::CommonName, "The tests' authority");
    params
}

fn server() -> CertificateParams {
    CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn client() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "gantry");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
