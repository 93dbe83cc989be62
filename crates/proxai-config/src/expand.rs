//! `${VAR}`, `${VAR:-default}` and `$$` in the strings of the file (K2).
//!
//! Only the file is expanded: the shell has already done so with flags, and the value of a
//! variable is taken as it is, or a key with a dollar sign could not be written down anywhere.
//!
//! Surprise: an upstream model may refer to captures of its route's pattern as `${name}`, the same
//! spelling. There, a name that the pattern captures is left alone, and so is `$$`: the template
//! reads it later. A dollar sign before anything else but `{` and `$` is itself.

use figment::value::Value;
use proxai_router::{MatchKind, Pattern};

use crate::layers::Layers;
use crate::place::KeyPath;
use crate::problem::Problem;
use crate::sources::Sources;

/// Expands every string of the tree that came from the file.
pub(crate) fn expand(layers: &mut Layers, sources: &dyn Sources) -> Vec<Problem> {
    let mut tree = layers.tree.clone();
    let mut walk = Walk {
        layers,
        sources,
        path: Vec::new(),
        pattern: None,
        problems: Vec::new(),
    };
    walk.value(&mut tree);
    let problems = walk.problems;
    layers.tree = tree;
    problems
}

struct Walk<'a> {
    layers: &'a Layers,
    sources: &'a dyn Sources,
    path: KeyPath,
    /// The pattern of the route that is being walked.
    pattern: Option<Pattern>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(tag, text) if text.contains('$') && self.layers.is_from_file(*tag) => {
                if let Some(expanded) = self.text(text) {
                    *text = expanded;
                }
            }
            Value::Dict(_, dict) => {
                let outer = self.is_route().then(|| self.pattern.take());
                if outer.is_some() {
                    self.pattern = pattern_of(dict);
                }
                for (key, value) in dict {
                    self.path.push(key.clone());
                    self.value(value);
                    self.path.pop();
                }
                if let Some(outer) = outer {
                    self.pattern = outer;
                }
            }
            Value::Array(_, array) => {
                for (index, value) in array.iter_mut().enumerate() {
                    self.path.push(index.to_string());
                    self.value(value);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    /// Whether the current table is an entry of `[[routing.routes]]` or `[[model_routes]]`.
    fn is_route(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        matches!(
            path.as_slice(),
            ["routing", "routes", _] | ["model_routes", _]
        )
    }

    /// Whether the current key is an upstream model, which is a template over captures.
    fn is_template(&self) -> bool {
        self.pattern.is_some()
            && self
                .path
                .last()
                .is_some_and(|key| key == "upstream_model" || key == "model")
    }

    fn text(&mut self, text: &str) -> Option<String> {
        let template = self.is_template();
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut failed = false;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                out.push_str(if template { "$$" } else { "$" });
                rest = tail;
                continue;
            }
            let Some(braced) = after.strip_prefix('{') else {
                out.push('$');
                rest = after;
                continue;
            };
            let Some((inside, tail)) = braced.split_once('}') else {
                self.report(
                    "`${` without `}`".to_owned(),
                    "write `$$` for a dollar sign",
                );
                return None;
            };
            rest = tail;
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            let captured = self.pattern.as_ref().is_some_and(|pattern| {
                template && default.is_none() && pattern.group(name).is_some()
            });
            if captured {
                out.extend(["${", name, "}"]);
                continue;
            }
            match self.lookup(name, default) {
                Ok(value) if template => out.push_str(&value.replace('$', "$$")),
                Ok(value) => out.push_str(&value),
                Err((message, hint)) => {
                    self.report(message, &hint);
                    failed = true;
                }
            }
        }
        out.push_str(rest);
        (!failed).then_some(out)
    }

    /// As in a shell, `:-` also stands in for a variable that is set to nothing.
    fn lookup(&self, name: &str, default: Option<&str>) -> Result<String, (String, String)> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let starts_right = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !starts_right || !name.bytes().all(plain) {
            return Err((
                format!("`${{{name}}}` is not the name of a variable"),
                "use letters, digits and `_`, or `$$` for a dollar sign".to_owned(),
            ));
        }
        match (self.sources.var(name), default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err((
                format!("environment variable `{name}` is not set"),
                format!("set it, or write `${{{name}:-}}` if it may be missing"),
            )),
        }
    }

    fn report(&mut self, message: String, hint: &str) {
        let mut problem = self.layers.problem(&self.path, message);
        problem.hint = Some(hint.to_owned());
        self.problems.push(problem);
    }
}

fn pattern_of(route: &figment::value::Dict) -> Option<Pattern> {
    let text = |key: &str| route.get(key).and_then(Value::as_str);
    let pattern = text("model_pattern").or_else(|| text("pattern"))?;
    let kind = text("match_kind").map_or(Ok(MatchKind::Auto), str::parse);
    Pattern::new(kind.ok()?, pattern).ok()
}
