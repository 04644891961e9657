//! How passwords are kept: hashed in a table, by the server in a directory, and nothing else that way.

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::DraftResource;
use super::line::{Access, How, ResourceMapping};

/// Rounds below which a hash is guessed in no time (RFC 8018 §4.2 calls a thousand the least).
const FEW_ROUNDS: u32 = 1_000;

impl Builder<'_> {
    /// Looks at what is hashed, and at passwords that are not.
    pub(super) fn passwords(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for line in &of.lines {
            let Some(said) = draft.said(line) else { continue };
            let How::Hash { salt, rounds } = &line.conversion.how else {
                let is_plain = matches!(line.conversion.how, How::Plain) && line.is_secret();
                if is_plain && !of.is_entry && !draft.read_only && line.access != Access::ReadOnly {
                    let message =
                        "the password is stored as clients send it, for all to read who can read the table";
                    let help = "say how it is hashed: .hash(\"pbkdf2-sha256\", #{ salt: \"SaltColumn\" })";
                    self.warn(Code::Hash, said.at, message, help);
                }
                continue;
            };
            let at = said.hash.as_ref().map_or(said.at, |hash| hash.at);
            if of.is_entry {
                let message = "a directory hashes passwords itself, and knows none that is hashed here";
                let help = "write it as it is, over TLS: leave `.hash(…)` out".to_owned();
                self.wrong_with_help(Code::Hash, at, message, Some(help));
            } else if !(line.is_secret() || line.access == Access::WriteOnly) {
                let message =
                    format!("what is hashed is never read again, and `{}` is to be shown", line.name());
                let help = "`hash` is for a password, or for what is `.write_only()`".to_owned();
                self.wrong_with_help(Code::Hash, at, message, Some(help));
            }
            if line.natives.iter().any(|native| native.name.eq_ignore_ascii_case(&salt.name)) {
                let message = format!("`{}` cannot hold the hash and its salt", salt.name);
                let help = "the salt has a column of its own".to_owned();
                self.wrong_with_help(Code::Hash, at, message, Some(help));
            }
            if *rounds < FEW_ROUNDS {
                let message = format!("with {rounds} rounds a stolen hash is guessed in no time");
                self.warn(Code::Hash, at, &message, "leave `rounds` out, or say 600000 or more");
            }
        }
    }
}
