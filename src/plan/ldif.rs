//! Rendering of LDAP steps as LDIF (RFC 2849). What LDIF cannot say (searches, assertions, inverses,
//! secrets) stands in comments; a comment is always one line, whatever a value holds.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Action, AttributeChange, LdapOperation, ModifyKind, Plan, Scope, Step, Value};

/// The plan as LDIF: change records for `ldapmodify`, adds for `ldapadd` too.
pub(super) fn render(plan: &Plan) -> String {
    let mut ldif = "version: 1\n".to_owned();
    for step in &plan.steps {
        if let Action::Ldap(operation) = &step.action {
            ldif.push('\n');
            render_step(&mut ldif, step, operation);
        }
    }
    ldif
}

/// The entries that the plan adds, as a directory would give them: LDIF content records.
pub(super) fn entries(plan: &Plan) -> String {
    let mut ldif = String::new();
    for step in &plan.steps {
        if let Action::Ldap(LdapOperation::Add { dn, attributes }) = &step.action {
            text(&mut ldif, "dn", dn.as_bytes());
            for (name, values) in attributes {
                values.iter().for_each(|value| line(&mut ldif, name, value));
            }
            ldif.push('\n');
        }
    }
    ldif
}

fn render_step(ldif: &mut String, step: &Step, operation: &LdapOperation) {
    comment(ldif, &step.about);
    if let Some(assertion) = assertion(operation) {
        comment(ldif, &format!("only if {assertion}"));
    }
    record(ldif, operation);
    if let Some(undo) = &step.undo {
        let mut inverse = String::new();
        record(&mut inverse, undo);
        comment(ldif, "undone by:");
        inverse.lines().for_each(|line| comment(ldif, line));
    }
}

fn record(ldif: &mut String, operation: &LdapOperation) {
    match operation {
        LdapOperation::Search { base, scope, filter, attributes, size_limit } => {
            let scope = match scope {
                Scope::Base => "base",
                Scope::Subtree => "sub",
            };
            let (base, filter, attributes) = (quoted(base), quoted(filter), attributes.join(" "));
            comment(
                ldif,
                &format!("search: ldapsearch -b {base} -s {scope} -z {size_limit} {filter} {attributes}"),
            );
        }
        LdapOperation::Add { dn, attributes } => {
            head(ldif, dn, "add");
            for (name, values) in attributes {
                values.iter().for_each(|value| line(ldif, name, value));
            }
        }
        LdapOperation::Modify { dn, changes, .. } => modify(ldif, dn, changes),
        LdapOperation::ModifyDn { dn, new_rdn, new_superior, .. } => {
            head(ldif, dn, "modrdn");
            text(ldif, "newrdn", new_rdn.as_bytes());
            ldif.push_str("deleteoldrdn: 1\n");
            if let Some(parent) = new_superior {
                text(ldif, "newsuperior", parent.as_bytes());
            }
        }
        LdapOperation::Delete { dn, .. } => head(ldif, dn, "delete"),
    }
}

/// A change with a secret is a comment as a whole: without its values it would mean "all values go".
/// When nothing else is left, so is the record.
fn modify(ldif: &mut String, dn: &str, changes: &[AttributeChange]) {
    let secret =
        |change: &&AttributeChange| change.values.iter().any(|value| matches!(value, Value::Secret(_)));
    let (hidden, shown): (Vec<_>, Vec<_>) = changes.iter().partition(secret);
    for change in &hidden {
        comment(ldif, &format!("{}: {}: (secret, left out)", kind(change.kind), change.attribute));
    }
    if shown.is_empty() {
        comment(ldif, &format!("nothing else changes in {dn}"));
        return;
    }
    head(ldif, dn, "modify");
    for change in shown {
        let _ = writeln!(ldif, "{}: {}", kind(change.kind), change.attribute);
        change.values.iter().for_each(|value| line(ldif, &change.attribute, value));
        ldif.push_str("-\n");
    }
}

fn head(ldif: &mut String, dn: &str, changetype: &str) {
    text(ldif, "dn", dn.as_bytes());
    let _ = writeln!(ldif, "changetype: {changetype}");
}

fn line(ldif: &mut String, name: &str, value: &Value) {
    match value {
        Value::Secret(_) => comment(ldif, &format!("{name}: (secret, left out)")),
        Value::Bytes(octets) => text(ldif, name, octets),
        // Only instants have no text; the LDAP backend writes them as text before they come here.
        other => text(ldif, name, other.text().unwrap_or_default().as_bytes()),
    }
}

/// `name: value`, or base64 where RFC 2849's SAFE-STRING does not allow it, with a comment for people.
fn text(ldif: &mut String, name: &str, octets: &[u8]) {
    match std::str::from_utf8(octets) {
        Ok(plain) if is_safe(octets) => _ = writeln!(ldif, "{name}: {plain}"),
        readable => {
            readable.iter().for_each(|plain| comment(ldif, &format!("{name}: {plain}")));
            let _ = writeln!(ldif, "{name}:: {}", STANDARD.encode(octets));
        }
    }
}

fn is_safe(octets: &[u8]) -> bool {
    let first = octets.first().is_none_or(|octet| !matches!(octet, b' ' | b':' | b'<'));
    first && octets.last() != Some(&b' ') && octets.iter().all(|octet| (0x20..0x7f).contains(octet))
}

fn comment(ldif: &mut String, text: &str) {
    let printable: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let _ = writeln!(ldif, "# {printable}");
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn kind(kind: ModifyKind) -> &'static str {
    match kind {
        ModifyKind::Add => "add",
        ModifyKind::Delete => "delete",
        ModifyKind::Replace => "replace",
    }
}

fn assertion(operation: &LdapOperation) -> Option<&str> {
    match operation {
        LdapOperation::Modify { assertion, .. }
        | LdapOperation::ModifyDn { assertion, .. }
        | LdapOperation::Delete { assertion, .. } => assertion.as_deref(),
        LdapOperation::Add { .. } | LdapOperation::Search { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Expect, Secret};

    fn plan(steps: Vec<(&str, LdapOperation, Option<LdapOperation>)>) -> String {
        let step = |(about, operation, undo): (&str, _, _)| Step {
            about: about.to_owned(),
            action: Action::Ldap(operation),
            expect: Expect::Done,
            undo,
        };
        Plan { steps: steps.into_iter().map(step).collect(), ..Plan::default() }.render()
    }

    fn change(kind: ModifyKind, attribute: &str, values: Vec<Value>) -> AttributeChange {
        AttributeChange { kind, attribute: attribute.to_owned(), values }
    }

    #[test]
    fn an_add_is_printed_with_base64_where_needed_and_without_secrets() {
        let text = |text: &str| vec![Value::from(text)];
        let attributes = vec![
            ("objectClass".to_owned(), text("inetOrgPerson")),
            (
                "cn".to_owned(),
                vec![Value::from("Ann"), Value::from("Ä"), Value::from(" x"), Value::from("a\nb")],
            ),
            ("jpegPhoto".to_owned(), vec![Value::Bytes(vec![0xff, 0xd8])]),
            ("userPassword".to_owned(), vec![Value::Secret(Secret::new("hunter2"))]),
        ];
        let add = LdapOperation::Add { dn: "cn=Ä,dc=x".to_owned(), attributes };
        let expected = "version: 1\n\n# the new User entry\n# dn: cn=Ä,dc=x\ndn:: Y2499YQsZGM9eA==\n\
            changetype: add\nobjectClass: inetOrgPerson\ncn: Ann\n# cn: Ä\ncn:: w4Q=\n# cn:  x\ncn:: IHg=\n\
            # cn: a\u{fffd}b\ncn:: YQpi\njpegPhoto:: /9g=\n# userPassword: (secret, left out)\n";
        let expected = expected.replace("Y2499YQsZGM9eA==", &STANDARD.encode("cn=Ä,dc=x"));
        assert_eq!(plan(vec![("the new User entry", add, None)]), expected);
    }

    #[test]
    fn a_rename_and_a_modify_are_printed_with_assertion_and_inverse() {
        let rename = |dn: &str, rdn: &str| LdapOperation::ModifyDn {
            dn: dn.to_owned(),
            new_rdn: rdn.to_owned(),
            new_superior: None,
            assertion: Some("(entryCSN=1)".to_owned()),
        };
        let changes = vec![
            change(ModifyKind::Delete, "sn", vec![Value::from("a")]),
            change(ModifyKind::Add, "sn", vec![Value::from("b")]),
            change(ModifyKind::Replace, "userPassword", vec![Value::Secret(Secret::new("hunter2"))]),
        ];
        let modify = LdapOperation::Modify { dn: "uid=n,dc=x".to_owned(), changes, assertion: None };
        let printed = plan(vec![
            ("the name", rename("uid=o,dc=x", "uid=n"), Some(rename("uid=n,dc=x", "uid=o"))),
            ("the values", modify, None),
            ("the end", LdapOperation::Delete { dn: "uid=n,dc=x".to_owned(), assertion: None }, None),
        ]);
        let expected = "version: 1\n\n\
            # the name\n# only if (entryCSN=1)\ndn: uid=o,dc=x\nchangetype: modrdn\nnewrdn: uid=n\n\
            deleteoldrdn: 1\n# undone by:\n# dn: uid=n,dc=x\n# changetype: modrdn\n# newrdn: uid=o\n\
            # deleteoldrdn: 1\n\n\
            # the values\n# replace: userPassword: (secret, left out)\ndn: uid=n,dc=x\nchangetype: modify\n\
            delete: sn\nsn: a\n-\nadd: sn\nsn: b\n-\n\n\
            # the end\ndn: uid=n,dc=x\nchangetype: delete\n";
        assert_eq!(printed, expected);
    }

    #[test]
    fn a_change_of_a_secret_alone_is_no_record() {
        let changes =
            vec![change(ModifyKind::Replace, "userPassword", vec![Value::Secret(Secret::new("x"))])];
        let modify = LdapOperation::Modify { dn: "uid=n".to_owned(), changes, assertion: None };
        let printed = plan(vec![("the password", modify, None)]);
        assert!(printed.lines().skip(2).all(|line| line.starts_with("# ")), "{printed}");
        assert!(printed.contains("userPassword: (secret, left out)"), "{printed}");
    }

    #[test]
    fn a_search_is_a_comment_of_one_line_that_a_shell_takes() {
        let search = LdapOperation::Search {
            base: "ou=o'x\n,dc=x".to_owned(),
            scope: Scope::Subtree,
            filter: "(uid=a)".to_owned(),
            attributes: vec!["entryUUID".to_owned(), "uid".to_owned()],
            size_limit: 3,
        };
        let expected =
            "# search: ldapsearch -b 'ou=o'\\''x\u{fffd},dc=x' -s sub -z 3 '(uid=a)' entryUUID uid";
        assert_eq!(plan(vec![("people", search, None)]).lines().last(), Some(expected));
    }
}
