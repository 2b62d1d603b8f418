//! The sealed reserve of a data set: prompts that nobody has seen, opened once by `affinage eval --final`.

use affinage_dataset::example::DatasetRow;
use affinage_eval::registry::reserve_opened_by;
use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::datasets::{DatasetVersion, RESERVE};
use crate::folder::project::Project;
use crate::folder::registry;
use crate::next::next;

/// The rows of the reserve, for the evaluation that `eval.name` names.
///
/// Errors: the version has none; its bytes are not those that were sealed; another evaluation opened it.
pub fn open(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<Vec<DatasetRow>> {
    let path = version.path.join(RESERVE);
    let sealed = version.manifest.files.get(RESERVE).filter(|_| path.is_file());
    let Some(sealed) = sealed else {
        return Err(anyhow!("{} has no sealed reserve", version.name)).hint(format!(
            "{} seals one from 90 held-out prompts on; add examples and freeze again",
            next("dataset")
        ));
    };
    let found = affinage_eval::id::sha256_hex(&fs_err::read(&path)?);
    if found != sealed.sha256 {
        return Err(anyhow!("{}: its SHA-256 is not the one that was sealed", ctx.shown(&path)))
            .hint("a reserve that was changed proves nothing; restore it, or freeze another version");
    }
    let registry = registry::read(ctx)?;
    let name = &ctx.config.eval.name;
    match reserve_opened_by(&registry, &version.name) {
        Some(by) if by != name => Err(anyhow!("the reserve of {} was opened by evals/{by}", version.name))
            .hint("it opens once: what it said stands. New data with a new reserve make another final evaluation"),
        Some(_) => version.rows("reserve", &ctx.ui),
        None => {
            registry::reserve_opened(ctx, name, &version.name, &found)?;
            version.rows("reserve", &ctx.ui)
        }
    }
}
