//! What the bodies of a script's functions say, in all branches: what they call, on what, with what, and which
//! properties they read. Facts of the text alone; what of it is a mistake others say.

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Position, Stmt};

use super::script;
use super::statements::{self, Scan};

/// What stands in the place of an argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Variable(String),
    Text(String),
    /// A text that is put together when the function runs.
    Joined,
    /// An array of so many items.
    Items(usize),
    /// A map with these keys.
    Keys(Vec<String>),
    Other,
}

/// `name(…)`, or `on.name(…)`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub at: Position,
    pub name: String,
    pub is_method: bool,
    /// The variable that the method is called on.
    pub on: Option<String>,
    pub given: Vec<Given>,
}

/// `of.name`, or `of["name"]`.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub at: Position,
    pub of: String,
    pub name: String,
    /// `of.name = …`
    pub is_set: bool,
}

/// One function.
#[derive(Debug)]
pub(super) struct Body {
    pub name: String,
    pub params: Vec<String>,
    /// Where it stands, in bytes.
    pub start: usize,
    pub calls: Vec<Call>,
    pub properties: Vec<Property>,
    /// Variables that it declares or sets anew: what they hold is not known.
    pub declared: Vec<String>,
    /// An assignment in place of what it gives.
    pub assigned_last: Option<Position>,
}

/// All functions of a script, in the text's order.
pub(super) fn of(text: &str, scan: &Scan<'_>, ast: &AST) -> Vec<Body> {
    let mut bodies: Vec<(Body, usize)> = Vec::new();
    for function in ast.iter_functions() {
        let Some(place) = scan.function(function.name) else { continue };
        let body = Body {
            name: function.name.to_owned(),
            params: function.params.iter().map(|param| (*param).to_owned()).collect(),
            start: place.start,
            calls: Vec::new(),
            properties: Vec::new(),
            declared: scan.closure_parameters(place.clone()),
            assigned_last: None,
        };
        bodies.push((body, place.end));
    }
    bodies.sort_by_key(|(body, _)| body.start);
    let starts = Starts::of(text);
    ast.walk(&mut |path: &[ASTNode]| {
        let Some(node) = path.last() else { return true };
        let Some(at) = starts.byte(text, node.position()) else { return true };
        let index = bodies.partition_point(|(body, _)| body.start <= at);
        if let Some((body, end)) = index.checked_sub(1).and_then(|index| bodies.get_mut(index))
            && at < *end
        {
            body.note(path);
        }
        true
    });
    bodies.into_iter().map(|(body, _)| body).collect()
}

/// Where the lines of a text begin.
struct Starts(Vec<usize>);

// === impl Starts ===

impl Starts {
    fn of(text: &str) -> Self {
        let behind = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(behind).collect())
    }

    fn byte(&self, text: &str, position: Position) -> Option<usize> {
        let (line, column) = script::place(position);
        let start = *self.0.get(line.checked_sub(1)?)?;
        Some(start + statements::offset(text.get(start..)?, 1, column.max(1)))
    }
}

// === impl Body ===

impl Body {
    fn note(&mut self, path: &[ASTNode]) {
        if let [ASTNode::Stmt(statement)] = path {
            self.assigned_last = match statement {
                Stmt::Assignment(_) => Some(statement.position()),
                _ => None,
            };
        }
        match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at))) => {
                self.call(call, *at, None);
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => self.call(call, *at, Some(receiver(path))),
            Some(ASTNode::Expr(Expr::Property(property, at))) => self.property(path, &property.2, *at),
            Some(ASTNode::Expr(Expr::StringConstant(name, at))) if is_index(path) => {
                self.property(path, name, *at);
            }
            Some(ASTNode::Stmt(Stmt::Var(said, ..))) => self.declared.push(said.0.name.to_string()),
            Some(ASTNode::Stmt(Stmt::For(said, _))) => {
                self.declared.push(said.0.name.to_string());
                self.declared.extend(said.1.iter().map(|counter| counter.name.to_string()));
            }
            Some(ASTNode::Stmt(Stmt::Assignment(said))) => self.declared.extend(variable(&said.1.lhs)),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, receiver: Option<Option<String>>) {
        let is_name = call.name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if call.op_token.is_some() || !is_name || call.name.contains('$') || !call.namespace.is_empty() {
            return;
        }
        let given = call.args.iter().map(given).collect();
        let (name, is_method) = (call.name.to_string(), receiver.is_some());
        self.calls.push(Call { at, name, is_method, on: receiver.flatten(), given });
    }

    fn property(&mut self, path: &[ASTNode], name: &str, at: Position) {
        let Some(of) = receiver(path) else { return };
        let is_set = match path {
            [.., ASTNode::Stmt(Stmt::Assignment(said)), ASTNode::Expr(holder), _] => {
                std::ptr::eq(&said.1.lhs, *holder)
            }
            _ => false,
        };
        self.properties.push(Property { at, of, name: name.to_owned(), is_set });
    }
}

/// What the last part of a path is a property, a method or an index of: the `x.y` of `y`, and of `z` in `x.y.z` the one
/// where it is `y`'s.
fn holder<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let mut parts = path.iter().rev();
    let Some(ASTNode::Expr(last)) = parts.next() else { return None };
    let mut part: &Expr = last;
    loop {
        let Some(ASTNode::Expr(holder)) = parts.next() else { return None };
        let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = holder else { return None };
        if std::ptr::eq(&pair.rhs, part) {
            return Some(holder);
        }
        part = holder;
    }
}

/// The variable that the last part of a path is a property or a method of: `x` of `x.y`, and of `x.y.z` where it is
/// `y`.
fn receiver(path: &[ASTNode]) -> Option<String> {
    match holder(path)? {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => variable(&pair.lhs),
        _ => None,
    }
}

/// Whether the last part of a path stands in the brackets of `x["y"]`.
fn is_index(path: &[ASTNode]) -> bool {
    matches!(holder(path), Some(Expr::Index(..)))
}

fn variable(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Variable(said, ..) => Some(said.1.to_string()),
        _ => None,
    }
}

fn given(expression: &Expr) -> Given {
    match expression {
        Expr::Variable(said, ..) => Given::Variable(said.1.to_string()),
        Expr::StringConstant(text, _) => Given::Text(text.to_string()),
        Expr::InterpolatedString(..) => Given::Joined,
        Expr::FnCall(call, _) if call.name == "+" => Given::Joined,
        Expr::Array(items, _) => Given::Items(items.len()),
        Expr::Map(map, _) => Given::Keys(map.0.iter().map(|(key, _)| key.name.to_string()).collect()),
        Expr::DynamicConstant(value, _) => constant(value),
        _ => Given::Other,
    }
}

fn constant(value: &Dynamic) -> Given {
    if let Some(items) = value.read_lock::<rhai::Array>() {
        return Given::Items(items.len());
    }
    match value.read_lock::<rhai::Map>() {
        Some(map) => Given::Keys(map.keys().map(ToString::to_string).collect()),
        None => Given::Other,
    }
}
