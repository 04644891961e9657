//! `gantry explain`: what a filter becomes. What the backend is asked, word for word; what is checked again here, and
//! why; whether indexes serve it; and, when it is tried, how many are looked at and how many match.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Exit, build, print};
use crate::backend::{Finding, Intent};
use crate::config;
use crate::gateway::{Explained, Request, Target, Tried};
use crate::mapping::{MAPPING_FILE, Term};
use crate::scim::error::Error;
use crate::scim::method::Method;
use crate::scim::version::Conditions;

#[derive(Args)]
pub struct Explain {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// The target's name in the configuration
    #[arg(long)]
    target: String,
    /// The endpoint whose resources are listed
    #[arg(long = "type", value_name = "ENDPOINT", default_value = "Users")]
    endpoint: String,
    /// The attribute that orders the list
    #[arg(long, value_name = "ATTRIBUTE")]
    sort: Option<String>,
    /// The greatest first
    #[arg(long, requires = "sort")]
    descending: bool,
    /// Try it too, and say how many are looked at and how many match
    #[arg(long)]
    run: bool,
    /// The filter, as SCIM has it: userName sw "a" and active eq true
    filter: String,
}

// === impl Explain ===

impl Explain {
    pub async fn run(self) -> Result<(), Exit> {
        let config = config::load(&self.config)?;
        let settings = build::settings(&config, &self.target)?;
        let (public_url, cursors) = (build::public_url(&config, config.listen), build::cursors(&config)?);
        let target = build::target(settings, config.limits, &public_url, &cursors, Intent::Read)?;
        let target = Arc::new(target);
        let Some(client) = target.clients.first().cloned() else {
            return Err(Exit::failure("the target has no client"));
        };
        let request = self.request();
        let explained = target.explain(&request).map_err(refused)?;
        let asked = target.plan(request.clone(), &client).await.map_err(refused)?;
        print(&format!(
            "asked of the backend ({}):\n{}",
            target.backend.profile().kind,
            indented(&asked.render())
        ))?;
        print(&verdicts(&target, &explained))?;
        print(&indexes(&target.filter_indexes(&request, &explained).await.map_err(refused)?))?;
        if self.run {
            print(&tried(target.try_filter(request, &client).await.map_err(refused)?))?;
        }
        Ok(())
    }

    /// The list that the filter is asked of.
    fn request(&self) -> Request {
        let mut query = vec![("filter".to_owned(), self.filter.clone())];
        if let Some(sort) = &self.sort {
            let order = if self.descending { "descending" } else { "ascending" };
            query.push(("sortBy".to_owned(), sort.clone()));
            query.push(("sortOrder".to_owned(), order.to_owned()));
        }
        let path = vec![self.endpoint.trim_matches('/').to_owned()];
        Request { method: Method::Get, path, query, conditions: Conditions::default(), body: None }
    }
}

fn verdicts(target: &Target, explained: &Explained) -> String {
    let terms: Vec<String> = explained.terms.iter().map(|term| shown(target, term)).collect();
    let whole = match explained.is_rechecked {
        true => "what the backend finds is read and checked again here",
        false => "the backend filters exactly; nothing is checked again",
    };
    let order = explained.is_sorted_there.map(|there| match there {
        true => "\norder: the backend's",
        false => "\norder: sorted here, after all that match are read",
    });
    format!("terms:\n{}\nfilter: {whole}{}", terms.join("\n"), order.unwrap_or_default())
}

/// A term, with its line in the mapping.
fn shown(target: &Target, term: &Term) -> String {
    let Term { text, is_negated, line, verdict } = term;
    let text = if *is_negated { format!("not ({text})") } else { text.clone() };
    let place = line.map(|line| {
        let excerpt = target.mapping.text().lines().nth(line.saturating_sub(1)).unwrap_or_default();
        format!("\n    --> {MAPPING_FILE}:{line}: {}", excerpt.trim())
    });
    format!("  {text}\n    {verdict}{}", place.unwrap_or_default())
}

fn indexes(findings: &[Finding]) -> String {
    let shown = |Finding { weight, text }: &Finding| format!("\n  {weight:<6}{text}");
    match findings.is_empty() {
        true => "indexes: nothing but ids is compared".to_owned(),
        false => format!("indexes:{}", findings.iter().map(shown).collect::<String>()),
    }
}

fn tried(tried: Tried) -> String {
    let Tried { seen, more, matched } = tried;
    let seen = if more { format!("more than {seen}") } else { seen.to_string() };
    match matched {
        Some(matched) => format!("tried: the backend finds {seen}, of which {matched} match"),
        None => format!("tried: the backend finds {seen}, more than may be looked at; narrow the filter"),
    }
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// What a client would have been answered.
fn refused(error: Error) -> Exit {
    Exit::failure(format!("{:#}", error.to_json()))
}
