//! Active Directory's accounts, told by the names of their attributes: how a password is written, and that who has
//! none cannot be enabled. Knows no mapping and no connection.

use crate::plan::{Secret, Value};

/// The attribute that a password is written to; it is never read ([MS-ADTS] §3.1.1.3.1.5.1).
pub(super) const PASSWORD: &str = "unicodePwd";
/// The attribute with what an account may do ([MS-ADTS] §2.2.16).
const CONTROL: &str = "userAccountControl";
/// Its bit that closes the account.
const DISABLED: i64 = 0x2;

/// Whether it is the attribute of passwords.
pub(super) fn is_password(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case(PASSWORD)
}

/// A password as it is written: in quotes, UTF-16, little-endian.
pub(super) fn password(secret: &Secret) -> Option<Secret> {
    let text = std::str::from_utf8(secret.expose()).ok()?;
    let units = "\"".encode_utf16().chain(text.encode_utf16()).chain("\"".encode_utf16());
    Some(Secret::new(units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()))
}

/// Disables a new account that comes without a password: enabled, the directory would refuse it, or let everybody in
/// who gives none.
pub(super) fn complete(attributes: &mut [(String, Vec<Value>)]) {
    if attributes.iter().any(|(name, _)| is_password(name)) {
        return;
    }
    let controls = attributes.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(CONTROL));
    for value in controls.flat_map(|(_, values)| values) {
        if let Some(number) = value.text().and_then(|text| text.parse::<i64>().ok()) {
            *value = Value::Text((number | DISABLED).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_quoted_utf_16() {
        let written = password(&Secret::text("a€😀")).unwrap();
        assert_eq!(written.expose(), b"\"\0a\0\xac\x20\x3d\xd8\x00\xde\"\0");
        assert!(password(&Secret::new([0xff])).is_none());
    }

    #[test]
    fn an_account_without_a_password_is_disabled() {
        let control = |number: &str| (CONTROL.to_owned(), vec![Value::from(number)]);
        let secret = || ("UnicodePwd".to_owned(), vec![Value::Secret(Secret::new("x"))]);
        let completed = |mut attributes: Vec<(String, Vec<Value>)>| {
            complete(&mut attributes);
            attributes
        };
        assert_eq!(completed(vec![control("512")]), [control("514")]);
        assert_eq!(completed(vec![control("66050")]), [control("66050")]);
        assert_eq!(completed(vec![control("512"), secret()]), [control("512"), secret()]);
    }
}
