//! A plan's steps as JSON values, for programs. Secrets are left out: `{ "secret": true }` stands in their place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use time::format_description::well_known::Rfc3339;

use super::{
    Action, AttributeChange, Expect, LdapOperation, ModifyKind, Param, Plan, Scope, Statement, Step, Value,
};

/// The plan: `{ "steps": [ … ] }`.
pub(super) fn render(plan: &Plan) -> Json {
    json!({ "steps": plan.steps.iter().map(step).collect::<Vec<_>>() })
}

fn step(step: &Step) -> Json {
    let mut shown = json!({ "about": step.about });
    match &step.action {
        Action::Ldap(one) => put(&mut shown, "ldap", Some(operation(one))),
        Action::Sql(one) => put(&mut shown, "sql", Some(statement(one))),
    }
    if let Expect::Rows(rows) = step.expect {
        put(&mut shown, "rows", Some(rows.into()));
    }
    put(&mut shown, "undo", step.undo.as_ref().map(operation));
    shown
}

fn put(object: &mut Json, name: &str, value: Option<Json>) {
    if let (Json::Object(object), Some(value)) = (object, value) {
        object.insert(name.to_owned(), value);
    }
}

fn operation(operation: &LdapOperation) -> Json {
    let (mut shown, assertion) = match operation {
        LdapOperation::Search { base, scope, filter, attributes, size_limit } => {
            let scope = match scope {
                Scope::Base => "base",
                Scope::Subtree => "sub",
            };
            let search = json!({
                "operation": "search", "base": base, "scope": scope, "filter": filter, "attributes": attributes,
                "sizeLimit": size_limit,
            });
            (search, None)
        }
        LdapOperation::Add { dn, attributes } => {
            let attributes: serde_json::Map<String, Json> =
                attributes.iter().map(|(name, held)| (name.clone(), values(held))).collect();
            (json!({ "operation": "add", "dn": dn, "attributes": attributes }), None)
        }
        LdapOperation::Modify { dn, changes, assertion } => {
            let changes: Vec<Json> = changes.iter().map(change).collect();
            (json!({ "operation": "modify", "dn": dn, "changes": changes }), assertion.as_ref())
        }
        LdapOperation::ModifyDn { dn, new_rdn, new_superior, assertion } => {
            let mut rename = json!({ "operation": "modifyDN", "dn": dn, "newRDN": new_rdn });
            put(&mut rename, "newSuperior", new_superior.clone().map(Json::from));
            (rename, assertion.as_ref())
        }
        LdapOperation::Delete { dn, assertion } => {
            (json!({ "operation": "delete", "dn": dn }), assertion.as_ref())
        }
    };
    put(&mut shown, "onlyIf", assertion.cloned().map(Json::from));
    shown
}

fn change(change: &AttributeChange) -> Json {
    let kind = match change.kind {
        ModifyKind::Add => "add",
        ModifyKind::Delete => "delete",
        ModifyKind::Replace => "replace",
    };
    json!({ "kind": kind, "attribute": change.attribute, "values": values(&change.values) })
}

fn statement(statement: &Statement) -> Json {
    let mut shown = json!({
        "text": statement.text,
        "params": statement.params.iter().map(param).collect::<Vec<_>>(),
    });
    let outputs: Vec<&str> = statement.outputs.iter().map(|output| &*output.name).collect();
    put(&mut shown, "returns", (!outputs.is_empty()).then(|| outputs.into()));
    put(&mut shown, "onlyAfterAChange", statement.after_change.then_some(true.into()));
    shown
}

fn param(param: &Param) -> Json {
    match param {
        Param::Null => Json::Null,
        Param::Value(one) => value(one),
        Param::Output(name) => json!({ "returned": &**name }),
    }
}

fn values(values: &[Value]) -> Json {
    values.iter().map(value).collect()
}

fn value(value: &Value) -> Json {
    match value {
        Value::Secret(_) => json!({ "secret": true }),
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Bool(truth) => json!(truth),
        Value::Bytes(octets) => json!({ "base64": STANDARD.encode(octets) }),
        Value::Timestamp(at) => at.format(&Rfc3339).unwrap_or_default().into(),
        Value::Today => json!({ "today": true }),
        Value::Text(_) | Value::Date(_) | Value::Reference(_) => value.text().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Origin, Output, Secret};

    #[test]
    fn steps_are_values_without_secrets() {
        let step = |action| Step { about: "it".to_owned(), action, expect: Expect::Rows(1), undo: None };
        let statement = Statement {
            text: "INSERT".to_owned(),
            params: vec![
                Param::Value(Value::Secret(Secret::text("hush"))),
                Param::Null,
                Param::Output("id".into()),
                Param::Value(Value::Bytes(vec![0xff])),
            ],
            outputs: vec![Output { name: "id".into(), origin: Origin::Next }],
            after_change: true,
        };
        let changes = vec![AttributeChange {
            kind: ModifyKind::Replace,
            attribute: "userPassword".to_owned(),
            values: vec![Value::Secret(Secret::text("hush"))],
        }];
        let modify =
            LdapOperation::Modify { dn: "uid=a".to_owned(), changes, assertion: Some("(a=b)".to_owned()) };
        let delete = LdapOperation::Delete { dn: "uid=a".to_owned(), assertion: None };
        let undone = Step { undo: Some(delete), expect: Expect::Done, ..step(Action::Ldap(modify)) };
        let plan = Plan { steps: vec![step(Action::Sql(statement)), undone], ..Plan::default() };
        let expected = json!({ "steps": [
            {
                "about": "it",
                "sql": {
                    "text": "INSERT",
                    "params": [{ "secret": true }, null, { "returned": "id" }, { "base64": "/w==" }],
                    "returns": ["id"],
                    "onlyAfterAChange": true,
                },
                "rows": 1,
            },
            {
                "about": "it",
                "ldap": {
                    "operation": "modify",
                    "dn": "uid=a",
                    "changes": [{ "kind": "replace", "attribute": "userPassword", "values": [{ "secret": true }] }],
                    "onlyIf": "(a=b)",
                },
                "undo": { "operation": "delete", "dn": "uid=a" },
            },
        ] });
        assert_eq!(plan.to_json(), expected);
    }
}
