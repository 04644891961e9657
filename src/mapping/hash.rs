//! Password hashing. Slow by design: callers keep it off the threads that serve other requests.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2, rand};

use crate::plan::Secret;

/// A hash and the salt that it was made with.
pub(super) struct Hashed {
    pub hash: Secret,
    pub salt: Secret,
}

/// Octets of a salt.
const SALT_BYTES: usize = 16;

/// PBKDF2 with HMAC-SHA-256 (RFC 8018 §5.2): 32 octets of hash over a fresh salt of 16.
pub(super) fn pbkdf2_sha256(password: &[u8], rounds: u32) -> Result<Hashed, &'static str> {
    let rounds = NonZeroU32::new(rounds).ok_or("no rounds")?;
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| "no random octets")?;
    let mut hash = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password, &mut hash);
    Ok(Hashed { hash: Secret::new(hash), salt: Secret::new(salt) })
}
