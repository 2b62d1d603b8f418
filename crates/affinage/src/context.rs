//! What every command is given: the project, and the way to print.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use affinage_project::folder::config::Config;
use affinage_project::folder::project::Project;

use crate::ui::Ui;

/// The frame of one command. It is a [`Project`] to every stage; what a stage tells goes to `ui`.
pub struct Context {
    opened: Project,
    /// `--set` of the command line, in order.
    pub sets: Vec<String>,
    /// `--json`: standard output is to be one JSON document ([`Ui::json`]).
    pub json: bool,
    pub ui: Ui,
}

impl Deref for Context {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.opened
    }
}

impl Context {
    /// Errors: see [`Project::open`].
    pub fn open(project: &Path, sets: &[String], json: bool, ui: Ui) -> anyhow::Result<Self> {
        let opened = Project::open(project, sets, Arc::new(ui.clone()))?;
        Ok(Self { opened, sets: sets.to_vec(), json, ui })
    }

    /// The same project with its configuration read again: it may have been made or edited meanwhile.
    pub fn reopened(&self) -> anyhow::Result<Self> {
        Self::open(&self.project, &self.sets, self.json, self.ui.clone())
    }

    /// The same project for a command that runs as one stage of another one, see [`Ui::as_stage`].
    pub fn as_stage(&self) -> Self {
        Self { json: false, ..self.with_ui(self.ui.as_stage()) }
    }

    /// The same project under another configuration.
    pub fn with_config(&self, config: Config) -> Self {
        let opened = self.opened.with_config(config);
        Self { opened, sets: self.sets.clone(), json: self.json, ui: self.ui.clone() }
    }

    /// The same project, which tells another way to print.
    pub fn with_ui(&self, ui: Ui) -> Self {
        let opened = Project { ui: Arc::new(ui.clone()), ..self.opened.clone() };
        Self { opened, sets: self.sets.clone(), json: self.json, ui }
    }
}
