//! `gantry init`: from a real database or directory to a configuration and a draft of its mapping, which can be served as they
//! are. It reads there, and writes to nothing but a folder of its own.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf, absolute};

use clap::{Args, Subcommand};

use super::demo::{quoted, random_token};
use super::{Exit, build, doctor, print};
use crate::backend::{Intent, Weight};
use crate::config::written::{self, Backend};
use crate::config::{self, Config};

const CONFIGURATION: &str = "gantry.toml";
const MAPPING: &str = "mapping/mapping.rhai";
const TOKEN: &str = "client-token";

#[derive(Args)]
pub struct Init {
    #[command(subcommand)]
    of: Of,
}

#[derive(Subcommand)]
enum Of {
    /// A SQLite database
    Sqlite {
        /// Its file
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        out: Out,
    },
    /// A SQL Server database, on premises or in Azure
    Sqlserver {
        /// The server's name or IPv4 address
        #[arg(long)]
        host: String,
        /// Its port [default: 1433]
        #[arg(long, conflicts_with = "instance")]
        port: Option<u16>,
        /// The named instance
        #[arg(long)]
        instance: Option<String>,
        /// The database
        #[arg(long)]
        database: String,
        /// A login of SQL Server's own; for other ways to log in edit the configuration, and copy a ready mapping
        #[arg(long)]
        user: String,
        /// The file with its password
        #[arg(long)]
        password_file: PathBuf,
        /// The PEM file with the authority that signed the server's certificate [default: the system's]
        #[arg(long, conflicts_with = "trust_certificate")]
        ca: Option<PathBuf>,
        /// Trust any certificate
        #[arg(long)]
        trust_certificate: bool,
        #[command(flatten)]
        out: Out,
    },
    /// A directory: OpenLDAP, 389 Directory Server, Active Directory or another
    Ldap {
        /// ldaps://HOST, or ldap://HOST with StartTLS; more than one in order of preference
        #[arg(long, required = true)]
        url: Vec<String>,
        /// The PEM file with the authority that signed its certificate [default: the system's]
        #[arg(long)]
        ca: Option<PathBuf>,
        /// Who the gateway binds as
        #[arg(long)]
        bind_dn: String,
        /// The file with the password
        #[arg(long)]
        bind_password_file: PathBuf,
        #[command(flatten)]
        out: Out,
    },
}

#[derive(Args)]
struct Out {
    /// The folder to write to, made if it does not exist; what is in it stays
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Folders and files that were made, in that order; they go again unless they are kept.
struct Made(Vec<PathBuf>);

// === impl Init ===

impl Init {
    pub async fn run(self) -> Result<(), Exit> {
        let (name, backend, Out { out }) = self.of.backend()?;
        let mut made = Made::begin(&out)?;
        made.secret(&out.join(TOKEN), &random_token()?)?;
        let file = out.join(CONFIGURATION);
        made.file(&file, &written::text(&name, TOKEN, &backend))?;
        let config = config::load(&file)?;
        let Some(settings) = config.targets.first() else { return Err(Exit::failure("no target")) };
        let draft = build::drafted(settings, config.limits).await.map_err(Exit::failure)?;
        made.file(&out.join(MAPPING), &draft)?;
        made.keep();
        print(&format!(
            "written: {}",
            [CONFIGURATION, MAPPING, TOKEN].map(|name| out.join(name).display().to_string()).join(", ")
        ))?;
        let decisions = draft.lines().filter(|line| line.contains("decide: ")).count();
        checked(&config, settings).await?;
        print(&next(&out, settings, &config, decisions))
    }
}

/// Whether the draft can be served: the mapping by itself, and in front of what it is of.
async fn checked(config: &Config, settings: &config::Target) -> Result<(), Exit> {
    let public_url = build::public_url(config, config.listen);
    let target = build::target(settings, config.limits, &public_url, &build::cursors(config)?, Intent::Read)?;
    target.mapping.warnings().iter().try_for_each(|warning| print(&warning.to_string()))?;
    let findings = doctor::examine(&target, false).await;
    for finding in &findings {
        print(&format!("  {:<6}{}", finding.weight, finding.text))?;
    }
    match findings.iter().filter(|finding| finding.weight == Weight::Wrong).count() {
        0 => Ok(()),
        wrong => Err(Exit::failure(format!(
            "the draft is not ready: what is WRONG above ({wrong}) is to be put right in {MAPPING}, or there"
        ))),
    }
}

/// What to do now, as commands to paste.
fn next(out: &Path, settings: &config::Target, config: &Config, decisions: usize) -> String {
    let word = |path: PathBuf| quoted(&path.display().to_string());
    let (file, token) = (word(out.join(CONFIGURATION)), word(out.join(TOKEN)));
    let url = quoted(&format!("{}{}/Users?count=3", build::public_url(config, config.listen), settings.path));
    let places = match decisions {
        0 => String::new(),
        1 => "One place of the mapping says `decide:`: read it before others write here.\n".to_owned(),
        many => format!("{many} places of the mapping say `decide:`: read them before others write here.\n"),
    };
    format!(
        "{places}Ready. To look at it, to serve it, and to ask it from another terminal:\n\n\
         gantry check --live --config {file}\n\ngantry serve --config {file}\n\n\
         curl -s -H \"Authorization: Bearer $(cat {token})\" {url}"
    )
}

// === impl Of ===

impl Of {
    /// What the target is called, what stands behind it, and where to write.
    fn backend(self) -> Result<(String, Backend, Out), Exit> {
        Ok(match self {
            Self::Sqlite { file, out } => {
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                (plain(&name), Backend::Sqlite(whole(&file)?), out)
            }
            Self::Sqlserver {
                host,
                port,
                instance,
                database,
                user,
                password_file,
                ca,
                trust_certificate,
                out,
            } => {
                let name = plain(&database);
                let (password_file, ca) = (whole(&password_file)?, ca.as_deref().map(whole).transpose()?);
                let backend = Backend::SqlServer {
                    host,
                    port,
                    instance,
                    database,
                    user,
                    password_file,
                    ca,
                    trust_certificate,
                };
                (name, backend, out)
            }
            Self::Ldap { url, ca, bind_dn, bind_password_file, out } => {
                let ca = ca.as_deref().map(whole).transpose()?;
                let bind_password_file = whole(&bind_password_file)?;
                ("directory".to_owned(), Backend::Ldap { urls: url, ca, bind_dn, bind_password_file }, out)
            }
        })
    }
}

/// A path that means the same wherever the configuration is.
fn whole(path: &Path) -> Result<PathBuf, Exit> {
    absolute(path).map_err(|cause| Exit::usage(format!("{}: {cause}", path.display())))
}

/// A name as a target's.
fn plain(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(fit).take(64).collect();
    match name.trim_matches('-') {
        "" => "target".to_owned(),
        name => name.to_owned(),
    }
}

// === impl Made ===

impl Made {
    /// In a folder where none of what is to be written is yet.
    fn begin(out: &Path) -> Result<Self, Exit> {
        let mapping = out.join(MAPPING);
        let folder = mapping.parent().unwrap_or(out);
        let new = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let mut made: Vec<PathBuf> = new.map(Path::to_owned).collect();
        made.reverse();
        std::fs::create_dir_all(folder)
            .map_err(|cause| Exit::failure(format!("{}: {cause}", out.display())))?;
        let there =
            [CONFIGURATION, MAPPING, TOKEN].map(|name| out.join(name)).into_iter().find(|path| path.exists());
        match there {
            Some(path) => Err(Exit::usage(format!(
                "{} is there already, and stays as it is: choose another --out",
                path.display()
            ))),
            None => Ok(Self(made)),
        }
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<(), Exit> {
        self.write(path, text, OpenOptions::new().write(true).create_new(true))
    }

    /// One that its owner alone may read.
    fn secret(&mut self, path: &Path, text: &str) -> Result<(), Exit> {
        self.write(path, text, OpenOptions::new().write(true).create_new(true).mode(0o600))
    }

    fn write(&mut self, path: &Path, text: &str, options: &OpenOptions) -> Result<(), Exit> {
        let told = |cause| Exit::failure(format!("{}: {cause}", path.display()));
        let mut file: File = options.open(path).map_err(told)?;
        self.0.push(path.to_owned());
        file.write_all(text.as_bytes()).map_err(told)
    }

    fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            let removed = if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
            if let Err(cause) = removed {
                tracing::warn!(%cause, path = %path.display(), "a file of the draft that failed stays");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_plain_name() {
        for (name, expected) in
            [("CRM", "crm"), ("my data (old)", "my-data--old"), ("ü", "target"), ("", "target")]
        {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn what_was_made_goes_unless_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let mut made = Made::begin(&out).unwrap();
        made.file(&out.join(CONFIGURATION), "x").unwrap();
        drop(made);
        assert!(!out.exists() && folder.path().exists());
        let mut made = Made::begin(&out).unwrap();
        made.secret(&out.join(TOKEN), "x").unwrap();
        made.keep();
        drop(made);
        assert!(out.join(TOKEN).exists());
        assert_eq!(Made::begin(&out).err().map(|exit| exit.code), Some(2));
    }
}
