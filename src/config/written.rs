//! The text of a configuration with one target, for who begins: what `gantry init` was told. [`super::load`] reads it.

use std::fmt::Write as _;
use std::path::PathBuf;

/// Where the backend of the one target is, and who the gateway is to it. Secrets stand in files.
#[derive(Debug)]
pub enum Backend {
    /// A SQLite database: its file.
    Sqlite(PathBuf),
    /// A SQL Server database.
    SqlServer {
        /// The server's name or IPv4 address.
        host: String,
        /// Its port, unless it is the usual one.
        port: Option<u16>,
        /// The named instance.
        instance: Option<String>,
        /// The database.
        database: String,
        /// A login of SQL Server's own.
        user: String,
        /// The file with its password.
        password_file: PathBuf,
        /// The file with the authorities that are trusted.
        ca: Option<PathBuf>,
        /// Whether any certificate is.
        trust_certificate: bool,
    },
    /// A directory.
    Ldap {
        /// `ldaps://` or `ldap://`, in order of preference.
        urls: Vec<String>,
        /// The file with the authorities that are trusted.
        ca: Option<PathBuf>,
        /// Who binds.
        bind_dn: String,
        /// The file with the password.
        bind_password_file: PathBuf,
    },
}

/// The configuration: a target with this name, whose mapping is in the folder `mapping` beside it, and one client, whose token
/// is in the file `token_file`.
pub fn text(target: &str, token_file: &str, backend: &Backend) -> String {
    let mut text = format!(
        "# Every key stands in README.md. Paths are relative to this file.\n\
         listen = \"127.0.0.1:8080\"\n\n[[target]]\nname = {}\nmapping = \"mapping\"\n\n{}\n\
         [[target.client]]\nname = \"first\"\ntoken = {{ file = {} }}\n",
        quoted(target),
        lines(backend),
        quoted(token_file)
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn lines(backend: &Backend) -> String {
    let path = |path: &PathBuf| quoted(&path.display().to_string());
    let mut text = String::new();
    let mut line = |key: &str, value: String| _ = writeln!(text, "{key} = {value}");
    match backend {
        Backend::Sqlite(file) => {
            line("file", path(file));
            format!("[target.sqlite]\n{text}")
        }
        Backend::SqlServer { host, port, instance, database, user, password_file, ca, trust_certificate } => {
            line("host", quoted(host));
            port.iter().for_each(|port| line("port", port.to_string()));
            instance.iter().for_each(|instance| line("instance", quoted(instance)));
            line("database", quoted(database));
            line("user", quoted(user));
            line("password", format!("{{ file = {} }}", path(password_file)));
            ca.iter().for_each(|ca| line("ca", path(ca)));
            if *trust_certificate {
                line("trust_certificate", "true".to_owned());
            }
            format!("[target.sqlserver]\n{text}")
        }
        Backend::Ldap { urls, ca, bind_dn, bind_password_file } => {
            let urls: Vec<String> = urls.iter().map(|url| quoted(url)).collect();
            line("urls", format!("[{}]", urls.join(", ")));
            ca.iter().for_each(|ca| line("ca", path(ca)));
            line("bind_dn", quoted(bind_dn));
            line("bind_password", format!("{{ file = {} }}", path(bind_password_file)));
            format!("[target.ldap]\n{text}")
        }
    }
}

/// A text as TOML's basic string.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            c if c.is_control() => _ = write!(written, "\\u{:04x}", u32::from(c)),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::files::Files;

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was(text in any::<String>()) {
            let read: toml::Table = toml::from_str(&format!("x = {}", quoted(&text))).unwrap();
            prop_assert_eq!(read["x"].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn what_is_written_is_a_configuration() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["token", "password"] {
            std::fs::write(folder.path().join(name), "s3cret").unwrap();
        }
        let password = folder.path().join("password");
        for backend in [
            Backend::Sqlite("odd \"name\".db".into()),
            Backend::SqlServer {
                host: "sql1".into(),
                port: Some(14_330),
                instance: None,
                database: "h]r".into(),
                user: "gw".into(),
                password_file: password.clone(),
                ca: None,
                trust_certificate: true,
            },
            Backend::Ldap {
                urls: vec!["ldaps://a".into(), "ldaps://b:1636".into()],
                ca: None,
                bind_dn: "cn=g\\,w,dc=x".into(),
                bind_password_file: password,
            },
        ] {
            let text = text("crm", "token", &backend);
            let config =
                super::super::parse("gantry.toml", &text, folder.path(), &mut Files::default()).unwrap();
            assert_eq!(
                (config.targets.len(), config.targets[0].path.as_str()),
                (1, "/crm/scim/v2"),
                "{text}"
            );
        }
    }
}
