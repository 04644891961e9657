//! Whether a value that must be unique is taken already, for a new resource that is refused anyway: who sends a
//! userName that somebody has must hear of that (409), not of what else the body lacks.

use serde_json::Value;

use super::failure::Stop;
use super::job::Job;
use crate::backend::Intent;
use crate::plan::{Fields, Predicate, Range, Search};
use crate::scim::error::Error;
use crate::scim::filter::{Filter, Literal, Op};
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;
use crate::scim::schema::Uniqueness;

impl Job<'_> {
    /// The 409, when another resource has one of this one's unique values by the backend's own comparison.
    pub(super) async fn taken(&self, resource: &Resource) -> Result<Option<Error>, Stop> {
        if self.dry {
            return Ok(None);
        }
        let unique = self.of.resource_type.attributes().filter(|(urn, attribute)| {
            urn.is_none() && attribute.uniqueness != Uniqueness::None && !attribute.multi_valued
        });
        for (_, attribute) in unique {
            let Some(Value::String(text)) = resource.get(&attribute.name) else { continue };
            if self.is_taken(&attribute.name, text).await? {
                let detail = format!("Another {} has this {}.", self.of.resource_type.name, attribute.name);
                return Ok(Some(Error::uniqueness(detail)));
            }
        }
        Ok(None)
    }

    async fn is_taken(&self, attribute: &str, text: &str) -> Result<bool, Stop> {
        let (path, value) = (AttrPath::attribute(attribute), Literal::Text(text.to_owned()));
        let filter = Filter::Compare { path, op: Op::Eq, value, at: 0 };
        let predicate = self.target.mapping.push(self.of, &filter, &self.target.backend.profile()).predicate;
        if predicate == Predicate::All {
            return Ok(false); // a backend that cannot look it up says so when it is written
        }
        let (entity, fields, range) = (self.of.entity.clone(), Fields::default(), Range::first(1));
        let search = Search { entity, predicate, fields, range };
        let mut session = self.session(Intent::Read).await?;
        Ok(!session.search(&search).await?.records.is_empty())
    }
}
