//! From a path to a target. Pure. What follows the target's own path is the gateway's.

use std::sync::Arc;

use crate::gateway::Target;

/// What a path leads to.
pub enum Route<'a> {
    /// Whether the process lives.
    Health,
    /// Whether it is ready, and its backends.
    Ready,
    /// A target, and what follows its path: empty, or beginning with a slash.
    Target(&'a Arc<Target>, &'a str),
    /// Nothing.
    Unknown,
}

/// Where a path leads. Of several targets the one with the longest path.
pub fn route<'a>(targets: &'a [Arc<Target>], path: &'a str) -> Route<'a> {
    match path {
        "/healthz" => return Route::Health,
        "/readyz" => return Route::Ready,
        _ => {}
    }
    targets
        .iter()
        .filter_map(|target| Some((target, below(&target.path, path)?)))
        .max_by_key(|(target, _)| target.path.len())
        .map_or(Route::Unknown, |(target, rest)| Route::Target(target, rest))
}

fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        assert_eq!(below("/a/v2", "/a/v2"), Some(""));
        assert_eq!(below("/a/v2", "/a/v2/Users"), Some("/Users"));
        assert_eq!(below("/a/v2", "/a/v2x"), None);
        assert_eq!(below("/a/v2", "/a"), None);
    }
}
