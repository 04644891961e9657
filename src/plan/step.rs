//! The Plan: what will be done to a backend, step by step. LDAP operations in order, or parameterised
//! SQL statements in one transaction; never both.

use std::sync::Arc;

use super::Value;

/// What will be done, in order. Reads are plans too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Of which values the id of the new resource is made, one for each column of its key ([`super::id_of`]); none where
    /// a step tells the id by itself.
    pub id: Vec<Param>,
    /// SQL: what hidden row has a value that must be unique, should the database refuse one as taken.
    pub hidden: Option<String>,
}

// === impl Plan ===

impl Plan {
    /// Whether all that it does is to delete rows, and before them what leads to them.
    pub fn only_deletes_rows(&self) -> bool {
        let is_sql = |step: &Step, begin: &str, part: &str| match &step.action {
            Action::Sql(sql) => sql.text.starts_with(begin) && sql.text.contains(part),
            Action::Ldap(_) => false,
        };
        let deletes = |step: &Step| is_sql(step, "DELETE", "");
        let empties = |step: &Step| is_sql(step, "UPDATE", " = NULL WHERE ");
        self.steps.last().is_some_and(deletes) && self.steps.iter().all(|step| deletes(step) || empties(step))
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Why it is done, in a few words, for the rendering: `the user's row`.
    pub about: String,
    /// What is done.
    pub action: Action,
    /// What must be true of its outcome; else the plan ends there with a conflict.
    pub expect: Expect,
    /// What undoes it when a later step fails. LDAP only: SQL has its transaction.
    pub undo: Option<LdapOperation>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// One LDAP operation.
    Ldap(LdapOperation),
    /// One SQL statement.
    Sql(Statement),
}

/// What a step's outcome must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Success.
    Done,
    /// Exactly so many rows touched; none means that the resource is gone.
    Rows(usize),
    /// Success; else somebody else took the number that the plan gives away, and the next one is free.
    Free,
}

/// One LDAP operation (RFC 4511); its fields are the protocol's own.
#[allow(missing_docs)] // each variant's comment says what its fields are
#[derive(Clone, Debug, PartialEq)]
pub enum LdapOperation {
    /// Search; `filter` is RFC 4515 text, made by the backend's typed builder, every value escaped.
    Search { base: String, scope: Scope, filter: String, attributes: Vec<String>, size_limit: usize },
    /// Add.
    Add { dn: String, attributes: Vec<(String, Vec<Value>)> },
    /// Modify; `assertion` is a filter sent as a critical control (RFC 4528).
    Modify { dn: String, changes: Vec<AttributeChange>, assertion: Option<String> },
    /// Modify DN, deleting the old RDN's value; below the same parent when `new_superior` is `None`.
    ModifyDn { dn: String, new_rdn: String, new_superior: Option<String>, assertion: Option<String> },
    /// Delete.
    Delete { dn: String, assertion: Option<String> },
}

/// How far an LDAP search reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base entry only.
    Base,
    /// The base and all below it.
    Subtree,
}

/// One line of an LDAP modify. Values are final: DNs in place of references.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeChange {
    /// What is done with the values.
    pub kind: ModifyKind,
    /// The attribute.
    pub attribute: String,
    /// The values; empty with `Delete` or `Replace`: all values go.
    pub values: Vec<Value>,
}

/// The kinds of change in an LDAP modify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModifyKind {
    /// Values come.
    Add,
    /// Values go.
    Delete,
    /// These values and no others.
    Replace,
}

/// One parameterised SQL statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The text; `?1`, `?2`… stand for the parameters (`@P1`… in T-SQL). No client value is ever in it.
    pub text: String,
    /// The parameters, in order.
    pub params: Vec<Param>,
    /// What later steps use of what it gives: a generated key, what a procedure says.
    pub outputs: Vec<Output>,
    /// Whether it is run only when a statement before it touched a row: the stamp of a change that may be none.
    pub after_change: bool,
}

/// A value that a statement gives to later steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The name that they know it by.
    pub name: Arc<str>,
    /// Where it stands.
    pub origin: Origin,
}

/// Where a value stands that a statement gives. What stands in a row promises that there is exactly one.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The row's next column.
    Next,
    /// The row's column of this name, in the first result set that has all columns so named: a procedure may give more
    /// than one.
    Column(String),
    /// T-SQL: this variable, which the statement declares.
    Variable(String),
}

// === impl Output ===

impl Output {
    /// Whether it stands in a row that the statement returns.
    pub fn is_in_row(&self) -> bool {
        !matches!(self.origin, Origin::Variable(_))
    }
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// A value.
    Value(Value),
    /// NULL.
    Null,
    /// What the earlier step with this output name returned.
    Output(Arc<str>),
}
