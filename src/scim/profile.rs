//! How one client's requests are read and answered where clients want different things: what contradicts the
//! RFC, or what it leaves open and clients disagree about. It never changes what is stored.

use super::patch;

/// A client's ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How PATCH operations are taken.
    pub patch: patch::Rules,
    /// What a PATCH that was done is answered with.
    pub patch_answer: PatchAnswer,
    /// What becomes of a member that does not exist.
    pub unknown_members: UnknownMembers,
}

/// What a PATCH that was done is answered with (RFC 7644 §3.5.2 leaves it open).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatchAnswer {
    /// 200 with the resource; 204 for membership changed by value, where the body would be the whole group.
    #[default]
    Fitting,
    /// Always 200 with the resource.
    Resource,
    /// 204, unless `attributes` asks for a body (where the RFC wants 200).
    NoContent,
}

/// What becomes of a member that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownMembers {
    /// 400 that names it.
    #[default]
    Refused,
    /// It is left out and logged; the answer is 200 with the true members. Okta does not send a push again that
    /// was answered 400, so that one unknown member would keep all others out.
    Skipped,
}

/// The profiles that have a name.
pub const NAMES: [&str; 3] = ["rfc", "entra", "okta"];

// === impl Profile ===

impl Profile {
    /// The profile with one of the [`NAMES`].
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "rfc" => Some(Self::rfc()),
            "entra" => Some(Self::entra()),
            "okta" => Some(Self::okta()),
            _ => None,
        }
    }

    /// The RFC to the letter, where it has one.
    pub fn rfc() -> Self {
        Self::default()
    }

    /// Entra ID: a replace whose filter matches nothing creates the element.
    pub fn entra() -> Self {
        Self { patch: patch::Rules { create_on_missing: true }, ..Self::default() }
    }

    /// Okta: an unknown member does not keep the others out.
    pub fn okta() -> Self {
        Self { unknown_members: UnknownMembers::Skipped, ..Self::default() }
    }
}
