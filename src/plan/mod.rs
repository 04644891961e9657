//! What mapping and backend share, and nothing else: native names and values, where a resource lives
//! ([`Model`]), what is asked of a backend ([`Operation`]), and what will be done to it ([`Plan`]).
//!
//! A `Plan` is a value before it is done; the dry run, the audit log and the execution are views of it.
//! This module does no I/O and knows neither SCIM nor scripts. Secrets never leave it readable:
//! [`Secret`] has no `Display`, its `Debug` is blank, and the renderings leave it out with a comment.

mod json;
mod key;
mod ldif;
mod links;
mod model;
mod operation;
mod part_row;
mod predicate;
mod profile;
mod raised;
mod render;
mod sequence;
mod sql;
mod step;
mod value;

pub use key::{Key, id_of};
pub use links::Links;
pub use model::{
    Child, Composed, Copied, Counter, DeleteRule, Disable, Disabled, Entity, Entries, Held, Initial, Lookup,
    Model, Move, Native, Nobody, OnDelete, OnMissing, Part, Piece, Row, SideDocument, StandIn, Store, Table,
};
pub use operation::{
    Change, Changes, Create, Delete, Facts, Fields, Found, HookStep, Operation, Range, Record, RowChanges,
    Said, Search, Touched, Update,
};
pub use part_row::{Dated, PartRow};
pub use predicate::{Case, Order, Predicate, Test};
pub use profile::{Folding, Instants, Precision, Profile};
pub use raised::Raised;
pub use sequence::{By, Mark, Sequence, Sort};
pub use step::{
    Action, AttributeChange, Expect, LdapOperation, ModifyKind, Origin, Output, Param, Plan, Scope,
    Statement, Step,
};
pub use value::{Reference, Secret, Value};
