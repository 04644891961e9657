//! A plan as text for people, LDIF or SQL, and as JSON for programs.

use super::{Action, Plan};

impl Plan {
    /// The plan as LDIF or as SQL with its parameters, secrets left out with a comment. LDIF change
    /// records are accepted by `ldapmodify` and `ldapadd`; SQL by `sqlite3` once parameters are filled in.
    pub fn render(&self) -> String {
        match self.steps.first().map(|step| &step.action) {
            Some(Action::Ldap(_)) => super::ldif::render(self),
            Some(Action::Sql(_)) => super::sql::render(self),
            None => "# nothing to do\n".to_owned(),
        }
    }

    /// The entries that the plan adds to a directory, as LDIF without secrets; empty where it adds none.
    pub fn entries(&self) -> String {
        super::ldif::entries(self)
    }

    /// The plan's steps as JSON, secrets left out.
    pub fn to_json(&self) -> serde_json::Value {
        super::json::render(self)
    }
}
