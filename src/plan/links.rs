//! Very many references, close together: a group's members take a tenth of what as many values would.

use std::sync::Arc;

use super::Reference;

/// References of one native, in one order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// The resource types that they lead to.
    resources: Vec<Arc<str>>,
    ids: String,
    /// Where each id ends, and at which place of `resources` its type is.
    ends: Vec<(usize, u16)>,
}

// === impl Links ===

impl Links {
    /// Adds one. A type beyond the 65,535th, which no mapping has, is left out.
    pub fn push(&mut self, resource: &Arc<str>, id: &str) {
        let place = self.resources.iter().position(|known| known == resource).unwrap_or_else(|| {
            self.resources.push(resource.clone());
            self.resources.len() - 1
        });
        if let Ok(place) = u16::try_from(place) {
            self.ids.push_str(id);
            self.ends.push((self.ids.len(), place));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one at this place, from 0.
    pub fn get(&self, at: usize) -> Option<Reference> {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(end, _)| *end);
        let (end, place) = self.ends.get(at)?;
        let resource = self.resources.get(usize::from(*place))?;
        Some(Reference { resource: Some(resource.to_string()), id: self.ids.get(begin..*end)?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_its_order() {
        let (user, group) = (Arc::from("User"), Arc::from("Group"));
        let mut links = Links::default();
        assert!(links.is_empty() && links.get(0).is_none());
        for (resource, id) in [(&user, "a"), (&group, "bé"), (&user, ""), (&user, "c")] {
            links.push(resource, id);
        }
        let all: Vec<_> = (0..links.len()).filter_map(|at| links.get(at)).collect();
        let all: Vec<_> = all.iter().map(|to| (to.resource.as_deref().unwrap(), to.id.as_str())).collect();
        assert_eq!(all, [("User", "a"), ("Group", "bé"), ("User", ""), ("User", "c")]);
        assert!(links.get(4).is_none());
    }
}
