//! What is allowed in a `[target.sqlserver]`: where the server is, who the gateway is to it, and what of it is trusted.

use toml::Spanned;

use super::check::Check;
use super::{Login, SqlServer, Trust, raw};
use crate::mapping::diagnostic::Code;

const LOGINS: &str = "either user and password, or token, or kerberos = true";
const TOKENS: &str = "either { file = \"…\" } or { command = [\"program\", \"argument\"] }";

// === impl Check ===

impl Check<'_> {
    /// A SQL Server database.
    pub(super) fn sqlserver(
        &mut self,
        place: &Spanned<raw::SqlServer>,
        read_only: bool,
    ) -> Option<SqlServer> {
        let raw = place.get_ref();
        if raw.host.get_ref().is_empty() || raw.host.get_ref().contains(['/', ':', '\\', ',', ' ']) {
            let help = "for instance \"sql1.example.test\"; port and instance have keys of their own";
            self.mistake_with_help(Code::Address, &raw.host, "not a server's name or IPv4 address", help);
        }
        if let (Some(_), Some(instance)) = (raw.port, &raw.instance) {
            self.mistake(
                Code::Address,
                instance,
                "with a port there is nothing to ask the SQL Server Browser: leave instance out",
            );
        }
        let login = self.login(place);
        let trust = self.trust(raw);
        Some(SqlServer {
            host: raw.host.get_ref().clone(),
            port: raw.port,
            instance: raw.instance.as_ref().map(|instance| instance.get_ref().clone()),
            database: raw.database.clone(),
            login: login?,
            encrypt: raw.encrypt,
            trust: trust?,
            read_only,
        })
    }

    /// The one way that is said.
    fn login(&mut self, place: &Spanned<raw::SqlServer>) -> Option<Login> {
        let raw = place.get_ref();
        match (&raw.user, &raw.password, &raw.token, &raw.kerberos) {
            (Some(user), Some(password), None, None) => {
                let password = self.password(password, "password")?;
                Some(Login::Password { user: user.clone(), password })
            }
            (None, None, Some(token), None) => match (&token.get_ref().file, &token.get_ref().command) {
                (Some(file), None) => Some(Login::TokenFile(self.folder.join(file))),
                (None, Some(command)) if !command.is_empty() => Some(Login::TokenCommand(command.clone())),
                _ => {
                    self.mistake_with_help(
                        Code::Login,
                        token,
                        "a token comes from exactly one place",
                        TOKENS,
                    );
                    None
                }
            },
            (None, None, None, Some(kerberos)) if *kerberos.get_ref() => self.kerberos(kerberos),
            _ => {
                self.mistake_with_help(
                    Code::Login,
                    place,
                    "a database is to know the gateway in exactly one way",
                    LOGINS,
                );
                None
            }
        }
    }

    #[cfg(feature = "kerberos")]
    fn kerberos(&mut self, _place: &Spanned<bool>) -> Option<Login> {
        Some(Login::Kerberos)
    }

    #[cfg(not(feature = "kerberos"))]
    fn kerberos(&mut self, place: &Spanned<bool>) -> Option<Login> {
        let help = "build it with `cargo build --release --features kerberos`";
        self.mistake_with_help(Code::Login, place, "this gantry was built without Kerberos", help);
        None
    }

    fn trust(&mut self, raw: &raw::SqlServer) -> Option<Trust> {
        match (&raw.ca, &raw.trust_certificate) {
            (Some(_), Some(blind)) if *blind.get_ref() => {
                self.mistake(
                    Code::Login,
                    blind,
                    "trust_certificate = true trusts any certificate, so that ca says nothing",
                );
                None
            }
            (Some(ca), _) => self.authority(ca).map(|_| Trust::Authority(self.folder.join(ca.get_ref()))),
            (None, Some(blind)) if *blind.get_ref() => Some(Trust::Blind),
            (None, _) => Some(Trust::System),
        }
    }
}
