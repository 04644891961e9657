//! What makes a cursor opaque to clients and safe to take back from them: it is sealed (encrypted and
//! authenticated) under a key that all replicas share, together with the list that it belongs to.
//!
//! Sealed and not merely signed, because a cursor holds what resources are sorted by (a name, an address) and
//! goes into URLs, which are logged on their way.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::limits::CURSOR_CHARS;
use crate::plan::Secret;
use crate::scim::cursor::{Cursor, invalid};
use crate::scim::error::Error;

/// An AES-256 key.
const KEY_BYTES: usize = 32;

/// What seals and opens cursors.
pub struct Cursors {
    key: RandomizedNonceKey,
}

// === impl Cursors ===

impl Cursors {
    /// Cursors that every process with the same secret takes; without one, only this process does.
    pub fn new(secret: Option<&Secret>) -> Result<Self, String> {
        let mut random = [0; KEY_BYTES];
        let secret = match secret {
            Some(secret) => secret.expose(),
            None => {
                rand::fill(&mut random).map_err(|_| "no random bytes for cursors".to_owned())?;
                &random
            }
        };
        let key = derived(secret).and_then(|key| RandomizedNonceKey::new(&AES_256_GCM_SIV, &key));
        key.map(|key| Self { key }).map_err(|_| "no key for cursors can be made".to_owned())
    }

    /// The cursor as a client gets it: base64url, so unreserved characters only (RFC 9865 §2).
    pub fn seal(&self, list: &str, cursor: &Cursor) -> Result<String, Error> {
        let mut octets = cursor.encode();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(list), &mut octets)
            .map_err(|_| Error::internal("A cursor could not be made."))?;
        Ok(BASE64.encode([nonce.as_ref().as_slice(), &octets].concat()))
    }

    /// The cursor that a client sent back; 400 `invalidCursor` when it is not one of this list.
    pub fn open(&self, list: &str, text: &str) -> Result<Cursor, Error> {
        self.opened(list, text).and_then(|octets| Cursor::decode(&octets)).ok_or_else(invalid)
    }

    fn opened(&self, list: &str, text: &str) -> Option<Vec<u8>> {
        if text.len() > CURSOR_CHARS {
            return None;
        }
        let mut sealed = BASE64.decode(text).ok()?;
        let (nonce, octets) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(list), octets).ok().map(|octets| octets.to_vec())
    }
}

fn derived(secret: &[u8]) -> Result<[u8; KEY_BYTES], Unspecified> {
    let mut key = [0; KEY_BYTES];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"gantry").extract(secret);
    extracted.expand(&[b"cursors"], hkdf::HKDF_SHA256)?.fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::scim::cursor::Mark;
    use crate::scim::error::ScimType;
    use crate::scim::sort::Key;

    fn cursors(secret: &str) -> Cursors {
        Cursors::new(Some(&Secret::text(secret))).unwrap()
    }

    fn cursor() -> Cursor {
        let key = Some(Key::Text("ada@example.test".repeat(16)));
        let mark = Some(Mark { key, kind: "User".to_owned(), id: "42".to_owned() });
        let made = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        Cursor { mark, backward: false, count: 3, made }
    }

    #[test]
    fn a_cursor_is_good_for_its_list_with_the_same_secret_and_nowhere_else() {
        let sealed = cursors("a secret").seal("list", &cursor()).unwrap();
        assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{sealed}");
        assert_eq!(cursors("a secret").open("list", &sealed), Ok(cursor()));
        for opened in
            [cursors("a secret").open("another", &sealed), cursors("b secret").open("list", &sealed)]
        {
            assert_eq!(opened.unwrap_err().scim_type, Some(ScimType::InvalidCursor));
        }
        assert_ne!(Cursors::new(None).unwrap().open("list", &sealed), Ok(cursor()));
    }

    #[test]
    fn no_octet_of_a_cursor_can_be_changed_and_none_shows_what_it_holds() {
        let cursors = cursors("a secret");
        let sealed = BASE64.decode(cursors.seal("list", &cursor()).unwrap()).unwrap();
        assert!(!sealed.windows(3).any(|octets| octets == b"ada"));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(cursors.open("list", &BASE64.encode(changed)).is_err(), "{at}");
        }
        for text in ["", "x", "*", &"A".repeat(CURSOR_CHARS + 1), &BASE64.encode(&sealed[..NONCE_LEN])] {
            assert!(cursors.open("list", text).is_err());
        }
    }
}
