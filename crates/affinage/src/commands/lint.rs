//! `affinage lint`: what is wrong in the library or in a dataset, with spans and fixes.

use affinage_dataset::lint::rules::RULES;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::library::Library;
use affinage_project::next::next;
use affinage_project::stages::freeze::next_step;
use affinage_project::stages::lint::{LIBRARY, fix, lint, pseudonyms};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ui::counted;
use crate::ui::results::lint as results;

/// Show what is wrong in the library or a dataset, with the exact place
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  affinage lint\n  affinage lint --rule L42\n  affinage lint --fix\n  affinage lint --pseudonyms --private-name 'Anna Berg'\n  affinage lint v1-1f2e9c --strict\n  affinage lint rows.jsonl --json"
)]
pub struct LintArgs {
    /// `library`, a dataset version, a folder, or a JSONL file with `messages`
    #[arg(value_name = "DATASET", default_value = "library")]
    pub target: String,
    /// Show the findings of this rule alone, as L42 (repeatable)
    #[arg(long, value_name = "RULE", value_parser = rule_id)]
    pub rule: Vec<String>,
    /// Exit with 1 if there is any error or warning
    #[arg(long)]
    pub strict: bool,
    /// Apply the safe fixes to the library; the imported words are kept too
    #[arg(long, conflicts_with = "unfix")]
    pub fix: bool,
    /// Show which personal data would become which made-up values; with `--fix`, replace it
    #[arg(long, conflicts_with = "unfix")]
    pub pseudonyms: bool,
    /// A name to find from now on (P03); remembered in the library (repeatable)
    #[arg(long, value_name = "NAME")]
    pub private_name: Vec<String>,
    /// Take back the newest run of fixes
    #[arg(long)]
    pub unfix: bool,
}

/// The id of a rule, in the table's own letters.
fn rule_id(text: &str) -> Result<String, String> {
    let found = RULES.iter().find(|rule| rule.id.eq_ignore_ascii_case(text));
    found.map(|rule| rule.id.to_owned()).ok_or_else(|| {
        let (first, last) = (RULES[0].id, RULES[RULES.len() - 1].id);
        format!("no rule is called so; they go from {first} to {last}, and `affinage lint` shows those that found something")
    })
}

pub fn run(ctx: &Context, args: LintArgs) -> anyhow::Result<()> {
    let is_library = args.target == LIBRARY;
    if (args.fix || args.unfix) && !is_library {
        return Err(anyhow!("`{}` is frozen, its texts are not changed", args.target)).hint(format!(
            "fix the library and freeze a new version: {}, then {}",
            next("lint").words("--fix"),
            next("dataset")
        ));
    }
    if is_library || args.pseudonyms || !args.private_name.is_empty() {
        ctx.require_project()?;
    }
    if !args.private_name.is_empty() {
        Library::open(&ctx.project)?.keep_names(&args.private_name)?;
    }
    if args.pseudonyms && !args.fix {
        let preview = pseudonyms::preview(ctx)?;
        return match ctx.json {
            true => ctx.ui.json(&preview),
            false => results::pseudonyms(&ctx.ui, &preview),
        };
    }
    if args.fix {
        fix::apply(ctx, args.pseudonyms)?;
    } else if args.unfix {
        fix::undo(ctx)?;
    }
    let linted = lint(ctx, &args.target, &args.rule)?;
    if ctx.json {
        ctx.ui.json(&linted.document())?;
    } else {
        let shows_all = !args.rule.is_empty();
        ctx.ui.data(&results::found(&ctx.ui, &linted, shows_all))?;
        results::say_limits(&ctx.ui, &linted, shows_all);
        let step = if is_library && linted.serious() > 0 { next_step(ctx)? } else { None };
        results::say_how_to_go_on(&ctx.ui, &linted, is_library.then_some(linted.left), step, shows_all);
    }
    let serious = linted.serious();
    if args.strict && serious > 0 {
        return Err(anyhow!(
            "{} in {}",
            counted(serious, "error or warning", "errors and warnings"),
            args.target
        ))
        .hint("without `--strict` findings do not fail");
    }
    Ok(())
}

/// How many findings each rule has in the library, without the places.
pub fn tally(ctx: &Context) -> anyhow::Result<()> {
    ctx.ui.data(&results::by_rule(&lint(ctx, LIBRARY, &[])?))
}
