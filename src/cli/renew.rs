//! A newer snapshot beside the one that is served. What did not change is kept: a target as it is, or its mapping, its
//! backend with pools and caches, its scans; so that a reload costs requests nothing, and backends no connections.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use time::OffsetDateTime;

use super::build;
use crate::backend::Intent;
use crate::capture::{Capture, Removed};
use crate::config::{self, Config, Script};
use crate::gateway::{Cursors, Snapshot, Target};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::mapping::diagnostic::Diagnostic;

/// Octets of a hash that are shown.
const HASH_BYTES: usize = 8;

/// What is served before it.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// What was configured.
    pub config: &'a Config,
    /// What came of it.
    pub snapshot: &'a Snapshot,
}

/// What all targets of a configuration share.
struct Shared {
    limits: Limits,
    public_url: String,
    cursors: Arc<Cursors>,
}

/// A target before, and what was configured of it.
type Old<'a> = (&'a config::Target, &'a Arc<Target>);

/// Everything that a configuration serves. `listening` is what locations begin with where the
/// configuration has no `public_url`. Answers the mistakes of all targets.
pub fn snapshot(
    config: &Config,
    listening: SocketAddr,
    before: Option<Before<'_>>,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let kept = before.and_then(|before| before.cursors(config));
    let cursors = kept.map_or_else(|| build::cursors(config), Ok)?;
    let shared = Shared { limits: config.limits, public_url: build::public_url(config, listening), cursors };
    let (mut targets, mut mistakes) = (Vec::new(), Vec::new());
    for settings in &config.targets {
        match shared.target(settings, before.and_then(|before| before.target(&settings.name))) {
            Ok(target) => targets.push(target),
            Err(found) => mistakes.extend(found),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let (hash, loaded) = (hash(config, &targets), OffsetDateTime::now_utc());
    Ok(Snapshot { targets, limits: config.limits, public_url: shared.public_url, loaded, hash })
}

/// The folders of mappings with what stands in them.
fn texts_of<'a>(config: &'a Config, snapshot: &'a Snapshot) -> impl Iterator<Item = (&'a Path, &'a str)> {
    config.targets.iter().zip(&snapshot.targets).filter_map(|(settings, target)| match &settings.mapping {
        Script::Folder(folder) => Some((folder.as_path(), target.mapping.text())),
        Script::Embedded(..) => None,
    })
}

// === impl Before ===

impl<'a> Before<'a> {
    fn target(&self, name: &str) -> Option<Old<'a>> {
        let mut all = self.config.targets.iter().zip(&self.snapshot.targets);
        all.find(|(settings, _)| settings.name == name)
    }

    /// The mappings of a newer snapshot whose texts are not served, by their folders.
    pub fn changed<'b>(&self, config: &'b Config, newer: &'b Snapshot) -> BTreeMap<&'b Path, &'b str> {
        let served: BTreeSet<_> = texts_of(self.config, self.snapshot).collect();
        texts_of(config, newer).filter(|mapping| !served.contains(mapping)).collect()
    }

    /// What sealed cursors, if it goes on: also under a key of this process alone, old cursors lead on.
    fn cursors(&self, config: &Config) -> Option<Arc<Cursors>> {
        let is_same = self.config.cursor_key == config.cursor_key;
        self.snapshot.targets.first().filter(|_| is_same).map(|target| Arc::clone(&target.cursors))
    }
}

// === impl Shared ===

impl Shared {
    fn target(
        &self,
        settings: &config::Target,
        old: Option<Old<'_>>,
    ) -> Result<Arc<Target>, Vec<Diagnostic>> {
        let (name, text) = build::script(&settings.mapping)?;
        let mapping = match old.filter(|old| is_same_mapping(*old, settings, &text)) {
            Some((_, target)) => Arc::clone(&target.mapping),
            None => Arc::new(build::parsed(settings, &name, &text)?),
        };
        let is_kept = |(_, target): &Old<'_>| Arc::ptr_eq(&target.mapping, &mapping);
        let connected = old.filter(|old| self.is_same_backend(*old, settings));
        let shared = match connected {
            Some(old) if is_kept(&old) => Ok(Some(Arc::clone(&old.1.backend))),
            Some((_, target)) => target.backend.with_model(Arc::clone(mapping.model())),
            None => Ok(None),
        };
        let backend = match shared.map_err(|cause| vec![build::wrong(settings, cause)])? {
            Some(backend) => backend,
            None => build::backend(settings, &mapping, self.limits, Intent::Write)?,
        };
        let kept = connected.filter(is_kept);
        let Shared { limits, public_url, cursors } = self;
        let mut target = build::assembled(settings, *limits, public_url, cursors, mapping, backend);
        target.capture = capture(settings, &target.mapping, old)?;
        if let Some((was, old)) = kept {
            if was == settings && is_same_site(old, &target) {
                return Ok(Arc::clone(old));
            }
            target.scans = old.scans.clone();
            target.long_answers = old.long_answers.clone();
        }
        Ok(Arc::new(target))
    }

    fn is_same_backend(&self, (was, target): Old<'_>, settings: &config::Target) -> bool {
        let bounds = |limits: &Limits| (limits.backend_deadline_ms, limits.scanned_rows);
        was.store == settings.store && bounds(&target.limits) == bounds(&self.limits)
    }
}

/// Where a target's requests are kept: by the same writer, as long as it is the same place.
fn capture(
    settings: &config::Target,
    mapping: &Mapping,
    old: Option<Old<'_>>,
) -> Result<Option<Arc<Capture>>, Vec<Diagnostic>> {
    let Some(config::Capture { dir, keep, without }) = &settings.capture else { return Ok(None) };
    let removed = Removed::new(mapping.secrets().iter().chain(without));
    let is_there = |capture: &config::Capture| capture.dir == *dir && capture.keep == *keep;
    let open = old
        .filter(|(was, _)| was.capture.as_ref().is_some_and(is_there))
        .and_then(|(_, target)| target.capture.as_ref());
    let capture = match open {
        Some(capture) => capture.without(removed),
        None => Capture::open(dir, *keep, removed).map_err(|cause| vec![build::wrong(settings, cause)])?,
    };
    Ok(Some(Arc::new(capture)))
}

fn is_same_mapping((was, target): Old<'_>, settings: &config::Target, text: &str) -> bool {
    was.mapping == settings.mapping
        && was.params == settings.params
        && discriminant(&was.store) == discriminant(&settings.store)
        && target.mapping.text() == text
}

/// Whether all that targets share is the same of two.
fn is_same_site(old: &Target, new: &Target) -> bool {
    old.limits == new.limits && old.base_url == new.base_url && Arc::ptr_eq(&old.cursors, &new.cursors)
}

/// Of the configuration's text and the mappings' only: whoever sees the hash could try out a secret.
fn hash(config: &Config, targets: &[Arc<Target>]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(&config.sha256.unwrap_or_default());
    for target in targets {
        let text = target.mapping.text();
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finish().as_ref().iter().take(HASH_BYTES).map(|octet| format!("{octet:02x}")).collect()
}
