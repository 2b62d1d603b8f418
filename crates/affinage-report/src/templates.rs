//! The templates of the page. Every text that they print is escaped; only charts and finished parts are markup.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

use super::html::esc;

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every template.
        pub const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../templates/", $name)))),*];
    };
}

templates![
    "breakdown.html",
    "checkpoints.html",
    "checks.html",
    "claims.html",
    "data.html",
    "dose.html",
    "evaluations.html",
    "findings.html",
    "likelihood.html",
    "head.html",
    "judges.html",
    "map.html",
    "methods.html",
    "missing.html",
    "objective.html",
    "page.html",
    "pairs.html",
    "panels.html",
    "provenance.html",
    "failure_rates.html",
    "runs.html",
    "section.html",
    "ui.html",
    "style_markers.html",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, _, value| match value.as_str() {
        Some(markup) if value.is_safe() => Ok(out.write_str(markup)?),
        Some(text) => Ok(out.write_str(&esc(text))?),
        None if value.is_number() => Ok(out.write_str(&value.to_string())?),
        // Nothing, a list or a view in place of a text is a template that does not fit its view.
        None => Err(ErrorKind::BadSerialization.into()),
    });
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("templates parse: a test draws every part");
    }
    environment
});

/// Finished markup: a chart, a drawn part, or a text of this crate. Templates print it as it is.
#[derive(Clone, Debug)]
pub struct Markup(pub String);

impl Serialize for Markup {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::from_safe_string(self.0.clone()).serialize(serializer)
    }
}

/// The template `name` filled with `view`. A template that does not fit its view is a fault of this program.
pub fn draw(name: &str, view: &impl Serialize) -> Markup {
    let template = ENVIRONMENT.get_template(name).expect("templates are named in this crate alone");
    match template.render(Serde(view)) {
        Ok(html) => Markup(html),
        Err(error) => panic!("{name}: {error:#}"),
    }
}
