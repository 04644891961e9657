//! A certification authority of the test's own, and what it signed: for a server on loopback, and for a client.
//! And a stranger, whom nobody knows.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// What a server on loopback is called.
const OURS: &[&str] = &["localhost", "127.0.0.1"];

/// Writes `ca.pem`, and of each of these the certificate (`.pem`) and the key (`.key`) into the folder: `server`,
/// `elsewhere` (a server of another name), `expired-server`, `client` (whose subject is `cn=gantry`),
/// `expired-client`, `stranger` and `strange-server` (their own authorities).
pub fn write(folder: &Path) {
    let params = authority();
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for name in ["server", "elsewhere", "expired-server", "client", "expired-client"] {
        let mut params = match name {
            "server" | "expired-server" => server(OURS),
            "elsewhere" => server(&["elsewhere.test"]),
            _ => client(),
        };
        if name.starts_with("expired") {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        put(folder, name, &certificate.pem(), &key);
    }
    for (name, params) in [("stranger", client()), ("strange-server", server(OURS))] {
        let key = KeyPair::generate().unwrap();
        put(folder, name, &params.self_signed(&key).unwrap().pem(), &key);
    }
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

fn server(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn client() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "gantry");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
