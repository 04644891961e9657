//! Who calls: bearer tokens (RFC 6750), compared by their hash in constant time. Knows no target but
//! the clients that it is given.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use std::sync::Arc;

use crate::gateway::Client;

/// The client whose token the request carries. A target without clients refuses everything.
///
/// All clients are looked at, also after one was found: how long it takes does not say which it was.
pub fn client<'a>(headers: &HeaderMap, clients: &'a [Arc<Client>]) -> Option<&'a Arc<Client>> {
    let presented = token_sha256(bearer(headers)?);
    let mut found = None;
    for client in clients {
        if verify_slices_are_equal(&presented, &client.token_sha256).is_ok() {
            found = Some(client);
        }
    }
    found
}

/// SHA-256 of a token.
pub fn token_sha256(token: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    hash
}

/// The token of the one `Authorization` header, whose scheme is `Bearer` in any case.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    let token = rest.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::profile::Profile;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    fn clients() -> Vec<Arc<Client>> {
        [("a", "alpha"), ("b", "beta")]
            .map(|(name, token)| {
                let token_sha256 = token_sha256(token.as_bytes());
                Arc::new(Client { name: name.into(), token_sha256, profile: Profile::rfc(), user: None })
            })
            .into()
    }

    fn who(values: &[&str]) -> Option<String> {
        client(&headers(values), &clients()).map(|client| client.name.clone())
    }

    #[test]
    fn a_token_says_who_calls() {
        assert_eq!(who(&["Bearer alpha"]).as_deref(), Some("a"));
        assert_eq!(who(&["bearer beta"]).as_deref(), Some("b"));
        assert_eq!(who(&["BEARER   beta "]).as_deref(), Some("b"));
    }

    #[test]
    fn anything_else_is_nobody() {
        let wrong: [&[&str]; 9] = [
            &[],
            &["Bearer"],
            &["Bearer "],
            &["Bearer gamma"],
            &["Bearer alph"],
            &["Bearer alphaa"],
            &["Basic alpha"],
            &["alpha"],
            &["Bearer alpha", "Bearer alpha"],
        ];
        for values in wrong {
            assert_eq!(who(values), None, "{values:?}");
        }
    }

    #[test]
    fn nobody_may_call_a_target_without_clients() {
        assert!(client(&headers(&["Bearer alpha"]), &[]).is_none());
    }

    #[test]
    fn the_hash_is_sha_256() {
        let hash = token_sha256(b"abc");
        assert_eq!((hash[0], hash[1], hash[31]), (0xba, 0x78, 0xad));
    }
}
