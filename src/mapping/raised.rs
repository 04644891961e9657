//! `on_error`: what the numbers mean that a database's own procedures and triggers raise.

use std::collections::BTreeMap;

use super::build::Builder;
use super::diagnostic::{Code, Severity};
use super::draft::{Draft, DraftRaised};
use super::suggest;
use crate::plan::Raised;

/// The kinds of SCIM error that a refused write may be (RFC 7644 table 9); the others are about requests.
const KINDS: [&str; 4] = ["uniqueness", "invalidValue", "mutability", "noTarget"];
/// Numbers below are SQL Server's own (RAISERROR, THROW): what they mean is known.
const OWN: u32 = 50_000;

impl Builder<'_> {
    /// What `on_error(…)` says, by number.
    pub(super) fn raised(&mut self, draft: &Draft) -> BTreeMap<u32, Raised> {
        let mut raised = BTreeMap::new();
        for said in &draft.raised {
            self.check_kind(said);
            let number = i32::try_from(said.number).ok().and_then(|number| u32::try_from(number).ok());
            let Some(number) = number.filter(|number| *number >= OWN) else {
                let message = format!(
                    "{} is no number that a procedure raises: they begin at {OWN}, below are the server's own",
                    said.number
                );
                self.wrong(Code::RaisedNumber, said.at, message);
                continue;
            };
            let kind = said.scim_type.as_str().into();
            let detail = said.detail.as_deref().map(Into::into);
            if raised.insert(number, Raised { scim_type: kind, detail }).is_some() {
                self.wrong(Code::SaidTwice, said.at, format!("the error {number} stands here a second time"));
            }
            let message = format!(
                "SQLite's errors have no numbers: what RAISE(ABORT, …) refuses there is 400 `invalidValue`, and \
                 `on_error({number}, …)` never comes"
            );
            self.beyond_sqlite(said.at, Severity::Warning, message);
        }
        if let Some(first) = draft.raised.first()
            && draft.resources.iter().all(|resource| resource.table.is_none())
        {
            self.wrong(
                Code::OtherBackend,
                first.at,
                "`on_error` is for a database; a directory's errors are known",
            );
        }
        raised
    }

    fn check_kind(&mut self, said: &DraftRaised) {
        if !KINDS.contains(&said.scim_type.as_str()) {
            let message = format!("`on_error` knows {}, not {:?}", KINDS.join(", "), said.scim_type);
            let help = suggest::closest(&said.scim_type, KINDS.into_iter());
            self.wrong_with_help(Code::UnknownWord, said.at, message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mapping;
    use super::super::diagnostic::Diagnostic;

    const TABLE: &str =
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"N\");\n";

    fn load(text: &str) -> Result<Mapping, String> {
        Mapping::parse("mapping.rhai", text, &Default::default()).map_err(|mistakes| said(&mistakes))
    }

    fn said(diagnostics: &[Diagnostic]) -> String {
        diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn numbers_mean_what_the_mapping_says() {
        let text = format!(
            "{TABLE}on_error(50001, \"uniqueness\");\non_error(50002, \"mutability\", \"Who left stays away.\");"
        );
        let raised = load(&text).unwrap().model().raised.clone();
        let all: Vec<_> = raised
            .iter()
            .map(|(number, raised)| (*number, &*raised.scim_type, raised.detail.as_deref()))
            .collect();
        assert_eq!(all, [(50001, "uniqueness", None), (50002, "mutability", Some("Who left stays away."))]);
        // In front of SQLite it is no mistake, but never comes.
        let mapping = load(&text).unwrap();
        assert!(mapping.warnings().is_empty());
        let warned = said(mapping.for_sqlite().map_err(|_| ()).unwrap().warnings());
        for part in
            ["warning[G042]: SQLite's errors have no numbers", "`on_error(50001, …)`", "--> mapping.rhai:3:1"]
        {
            assert!(warned.contains(part), "{part}: {warned}");
        }
    }

    #[test]
    fn what_no_database_raises_is_refused_with_its_place() {
        for (line, says) in [
            ("on_error(50001, \"uniquenes\");", "did you mean `uniqueness`?"),
            ("on_error(50001, \"invalidFilter\");", "knows uniqueness, invalidValue, mutability, noTarget"),
            ("on_error(547, \"uniqueness\");", "they begin at 50000"),
            ("on_error(5000000000, \"uniqueness\");", "is no number that a procedure raises"),
            (
                "on_error(50001, \"uniqueness\"); on_error(50001, \"noTarget\");",
                "the error 50001 stands here a second time",
            ),
        ] {
            let said = load(&format!("{TABLE}{line}")).err().unwrap_or_else(|| panic!("{line} loads"));
            assert!(said.contains(says) && said.contains("--> mapping.rhai:3:"), "{line}\n{said}");
        }
        let entries = "resource(\"User\").base(\"ou=x\").classes([\"c\"]).rdn(\"uid\", \"{userName}\").on_delete(\"delete\");\n\
                       attr(\"userName\", \"uid\");\non_error(50001, \"uniqueness\");";
        assert!(load(entries).err().unwrap().contains("`on_error` is for a database"));
    }
}
