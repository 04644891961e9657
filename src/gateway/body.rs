//! What is answered, as JSON. Resources with very many references are not made into one value: their text comes piece
//! by piece, each made when the one before is taken, from references that stand close together. All that can fail
//! for a reason outside of this process (the backend's reads) has happened before the first piece.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Target;
use crate::limits::LONG_ANSWERS;
use crate::plan::{Links, Native, Record};
use crate::scim::error::Error;
use crate::scim::page::with_resources;
use crate::scim::path::AttrPath;
use crate::scim::project::Projection;
use crate::scim::resource::Resource;

/// References in one piece.
const PIECE: usize = 500;

/// What is answered.
#[derive(Debug)]
pub enum Body {
    /// A value.
    Whole(Value),
    /// A text in pieces.
    Pieces(Box<Pieces>),
}

/// Places for answers that are given in pieces: what such a one is made of is in memory until its client has it all.
#[derive(Clone)]
pub struct LongAnswers(Arc<Semaphore>);

/// The pieces of a text, in their order.
pub struct Pieces {
    parts: std::vec::IntoIter<Part>,
    /// The references of which some pieces came already.
    current: Option<Box<Long>>,
    /// Counts what is held so at one time.
    _place: OwnedSemaphorePermit,
}

/// A part of a text.
pub(super) enum Part {
    Text(Vec<u8>),
    Long(Box<Long>),
}

/// An attribute with very many references, of one resource.
pub(super) struct Long {
    target: Arc<Target>,
    /// Which of the mapping's types.
    entity: Arc<str>,
    projection: Arc<Projection>,
    id: String,
    path: AttrPath,
    native: Native,
    links: Links,
    /// The next one.
    at: usize,
    /// Whether one was shown already.
    is_begun: bool,
}

/// A resource as it is shown, its very long attributes apart.
pub(super) struct Shown {
    pub resource: Resource,
    pub long: Vec<Long>,
}

impl Default for LongAnswers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LONG_ANSWERS)))
    }
}

// === impl Body ===

impl Body {
    /// The value, when it is one.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Pieces(_) => None,
        }
    }

    /// The value, put together where it comes in pieces; `None` when a piece is missing.
    pub fn whole(self) -> Option<Value> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Pieces(pieces) => {
                let octets: Vec<u8> = pieces.flatten().flatten().collect();
                serde_json::from_slice(&octets).ok()
            }
        }
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self::Whole(value)
    }
}

// === impl Shown ===

impl Shown {
    /// The resource, to stand alone in an answer.
    pub(super) fn body(self, target: &Target) -> Result<Body, Error> {
        if self.long.is_empty() {
            return Ok(Body::Whole(self.resource.into()));
        }
        let mut parts = Vec::new();
        self.parts(&mut parts)?;
        Pieces::of(parts, target)
    }

    /// A list: what it says of itself, and they behind it.
    pub(super) fn list(response: Value, all: Vec<Self>, target: &Target) -> Result<Body, Error> {
        if all.iter().all(|shown| shown.long.is_empty()) {
            return Ok(Body::Whole(with_resources(response, all.into_iter().map(|shown| shown.resource))));
        }
        let mut parts = vec![Part::Text(opened(&response)?)];
        parts.push(Part::Text(b",\"Resources\":[".to_vec()));
        for (at, shown) in all.into_iter().enumerate() {
            if at > 0 {
                parts.push(Part::Text(b",".to_vec()));
            }
            shown.parts(&mut parts)?;
        }
        parts.push(Part::Text(b"]}".to_vec()));
        Pieces::of(parts, target)
    }

    /// The resource's text, its very long attributes at the end, where they may stand as well as elsewhere.
    fn parts(self, parts: &mut Vec<Part>) -> Result<(), Error> {
        parts.push(Part::Text(opened(&self.resource)?));
        parts.extend(self.long.into_iter().map(|long| Part::Long(Box::new(long))));
        parts.push(Part::Text(b"}".to_vec()));
        Ok(())
    }
}

/// The text of an object that is not empty, without its end.
fn opened(object: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let text =
        serde_json::to_vec(object).ok().and_then(|mut text| (text.pop() == Some(b'}')).then_some(text));
    text.filter(|text| text.len() > 1).ok_or_else(|| Error::internal("A resource has no text."))
}

// === impl Pieces ===

impl Pieces {
    /// 503 where as many texts are held as may be.
    fn of(parts: Vec<Part>, target: &Target) -> Result<Body, Error> {
        let place = target.long_answers.0.clone().try_acquire_owned().map_err(|_| {
            Error::unavailable("As many clients as may be read very long resources now; try again.")
        })?;
        Ok(Body::Pieces(Box::new(Self { parts: parts.into_iter(), current: None, _place: place })))
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.current.as_mut().and_then(|long| long.piece()) {
                return Some(piece);
            }
            self.current = None;
            match self.parts.next()? {
                Part::Text(text) => return Some(Ok(text)),
                Part::Long(long) => self.current = Some(long),
            }
        }
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pieces")
    }
}

// === impl Long ===

impl Long {
    pub(super) fn new(
        target: &Arc<Target>,
        entity: &Arc<str>,
        projection: &Arc<Projection>,
        id: &str,
        (path, native, links): (AttrPath, Native, Links),
    ) -> Self {
        let (target, entity, projection) = (target.clone(), entity.clone(), projection.clone());
        Self { target, entity, projection, id: id.to_owned(), path, native, links, at: 0, is_begun: false }
    }

    /// The next piece; `None` when all are through. An attribute of nothing has no text at all.
    fn piece(&mut self) -> Option<Result<Vec<u8>, Error>> {
        while self.at < self.links.len() {
            let next = self.links.len().min(self.at + PIECE);
            let values =
                (self.at..next).filter_map(|at| self.links.get(at)).map(crate::plan::Value::Reference);
            let values = BTreeMap::from([(self.native.clone(), values.collect())]);
            self.at = next;
            let elements = match self.elements(Record { id: self.id.clone(), values, ..Record::default() }) {
                Ok(elements) => elements,
                Err(error) => return Some(Err(error)),
            };
            if !elements.is_empty() {
                return Some(self.text(&elements));
            }
        }
        let is_open = std::mem::replace(&mut self.is_begun, false);
        is_open.then(|| Ok(b"]".to_vec()))
    }

    /// The elements that these references are, with what was asked for of them.
    fn elements(&self, record: Record) -> Result<Vec<Value>, Error> {
        let mapping = &self.target.mapping;
        let of = mapping.resources().iter().find(|of| of.entity == self.entity);
        let of = of.ok_or_else(|| Error::internal("The mapping lost a resource type."))?;
        let mut resource = mapping.read(of, &record, &self.target.base_url)?;
        self.projection.apply(&mut resource, &of.resource_type);
        match resource.remove(&self.path.name) {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Ok(Vec::new()),
        }
    }

    fn text(&mut self, elements: &[Value]) -> Result<Vec<u8>, Error> {
        let unwritten = |_| Error::internal("A value has no text.");
        let mut text = match std::mem::replace(&mut self.is_begun, true) {
            true => b",".to_vec(),
            false => format!(",{}:[", Value::from(self.path.name.as_str())).into_bytes(),
        };
        for (at, element) in elements.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, element).map_err(unwritten)?;
        }
        Ok(text)
    }
}
