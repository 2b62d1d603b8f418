//! Where evaluation prompts come from: the built-in suites, the user's files, and held-out examples.

use std::collections::HashSet;

use affinage_dataset::dedup::{Asked, together};
use affinage_dataset::example::{DatasetRow, LineageRow};
use affinage_dataset::lint::asks_nothing;
use affinage_dataset::message::Role;
use affinage_eval::human_votes;
use affinage_eval::plain::counted;
use affinage_eval::suite::{
    Domain, Prompt, Split, SuiteDefaults, factual, maths, parse_suite, prompt_from_example,
};
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::folder::config::{self, Config};
use crate::folder::datasets::DatasetVersion;
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::nearest::read_text;
use crate::observer::Observer;

/// The name of the suite of held-out prompts.
pub const IN_DOMAIN: &str = "in-domain";

/// Prompts of each checkable suite.
const CHECKABLE: usize = 100;

/// Prompts of each built-in suite that are asked where no number is configured: as many as a word about them needs.
pub const BUILT_IN_PROMPTS: usize = affinage_eval::analyze::ENOUGH;

const WRITTEN: [(&str, &str); 3] = [
    ("coding", include_str!("../../../../assets/suites/coding.jsonl")),
    ("practical", include_str!("../../../../assets/suites/practical.jsonl")),
    ("creative", include_str!("../../../../assets/suites/creative.jsonl")),
];

/// What pairs of answers to these prompts are too few for, and what to do; `None` where there are enough.
pub fn too_few(config: &Config, prompts: &[Prompt]) -> Option<String> {
    let pairs = to_compare(prompts);
    let few = human_votes::too_few(pairs)?;
    let more = match config.eval.prompts_per_suite {
        Some(asked) if asked < BUILT_IN_PROMPTS => format!(
            "`eval.prompts-per-suite` is {asked}: without it {BUILT_IN_PROMPTS} of each built-in suite and all held-out \
             examples are asked"
        ),
        _ => "freeze more examples, or name more of `eval.suites`".to_owned(),
    };
    let at_most = counted(pairs, "pair", "pairs");
    let why = match prompts.len() - pairs {
        0 => "one for each prompt".to_owned(),
        checked => format!(
            "one for each prompt but {checked} with a known answer, which {} checked without a comparison",
            if checked == 1 { "is" } else { "are" }
        ),
    };
    Some(format!("these prompts give at most {at_most} of answers to compare ({why}): {few}; {more}"))
}

/// How many of the prompts somebody has to compare.
pub fn to_compare(prompts: &[Prompt]) -> usize {
    prompts.iter().filter(|prompt| prompt.check.is_none()).count()
}

/// Names of the built-in suites.
pub fn built_in_names() -> Vec<&'static str> {
    WRITTEN.iter().map(|(name, _)| *name).chain(["maths", "factual"]).collect()
}

/// A built-in suite, or `None` if there is no such one.
pub fn built_in(name: &str, seed: u64) -> anyhow::Result<Option<Vec<Prompt>>> {
    Ok(match name {
        "maths" => Some(maths::prompts(CHECKABLE, seed)),
        "factual" => Some(factual::prompts(CHECKABLE, seed)),
        _ => match WRITTEN.iter().find(|(written, _)| *written == name) {
            Some((_, jsonl)) => Some(parse_suite(jsonl, &defaults(name, name, Domain::Out))?),
            None => None,
        },
    })
}

/// The prompts of `[[suite]]` file `suite`.
pub fn from_file(ctx: &Project, suite: &config::Suite) -> anyhow::Result<Vec<Prompt>> {
    let jsonl =
        read_text(&ctx.project.join(&suite.file)).with_context(|| format!("[[suite]] {}", suite.name))?;
    parse_suite(&jsonl, &defaults(&suite.name, &suite.category, suite.domain))
        .with_context(|| format!("{}", suite.file.display()))
}

/// The test examples of a version as prompts.
pub fn test_prompts(version: &DatasetVersion, ui: &dyn Observer) -> anyhow::Result<Vec<Prompt>> {
    held_out(version, &version.rows("test", ui)?, Split::Report, ui)
}

/// Held-out examples of a version as prompts, clustered by what is not independent ([`together`]). Those that ask nothing are not among
/// them: no answer to them is better than another.
pub fn held_out(
    version: &DatasetVersion,
    rows: &[DatasetRow],
    split: Split,
    ui: &dyn Observer,
) -> anyhow::Result<Vec<Prompt>> {
    let lineage: Vec<LineageRow> = jsonl::read(&version.path.join("lineage.jsonl"), ui)?;
    let drafted = lineage.iter().filter(|row| row.provenance.prompt_drafted);
    let drafted: HashSet<&str> = drafted.map(|row| row.example_id.as_str()).collect();
    let asks = |row: &&DatasetRow| {
        let mut turns = row.messages.iter().filter(|message| message.role != Role::System);
        let prompt = turns.next().map_or("", |message| message.content.as_str());
        // What was said before is asked about.
        let has_turns_before = turns.count() > 1;
        has_turns_before || !asks_nothing(prompt, drafted.contains(row.example_id.as_str()))
    };
    let together = together(&rows.iter().map(asked).collect::<Vec<_>>());
    let prompt = |(row, group): (&DatasetRow, &usize)| {
        prompt_from_example(&row.example_id, rows[*group].whole_text(), split, &row.messages)
    };
    Ok(rows.iter().zip(&together).filter(|(row, _)| asks(row)).filter_map(prompt).collect())
}

/// An example as [`together`] looks at it.
pub fn asked(row: &DatasetRow) -> Asked<'_> {
    let mut turns = row.messages.iter().rev().filter(|message| message.role != Role::System);
    let mut words = || turns.next().map_or("", |message| message.content.as_str());
    let (answer, prompt) = (words(), words());
    let stands_alone = turns.next().is_none();
    Asked { whole_text: row.whole_text(), prompt: Some(prompt).filter(|_| stands_alone), answer }
}

/// All prompts that `config` may ever ask, whatever seed and limit: training must not hold them.
pub fn all_out_of_domain(ctx: &Project) -> anyhow::Result<Vec<Prompt>> {
    // Numbers are folded where overlap is measured, so every maths template is covered whatever the seed draws.
    const EVERY_TEMPLATE: usize = 500;
    const EVERY_FACT: usize = 110;
    let mut prompts = maths::prompts(EVERY_TEMPLATE, 0);
    prompts.extend(factual::prompts(EVERY_FACT, 0));
    for (name, jsonl) in WRITTEN {
        prompts.extend(parse_suite(jsonl, &defaults(name, name, Domain::Out))?);
    }
    for suite in &ctx.config.suites {
        prompts.extend(from_file(ctx, suite)?);
    }
    Ok(prompts)
}

/// The prompts of the suites that `config.eval.suites` names and of every `[[suite]]`.
///
/// `held_out` are the in-domain ones. A limit keeps the first prompts of a seeded order, so that all arms and all runs
/// meet the same ones.
pub fn chosen(ctx: &Project, config: &Config, held_out: Vec<Prompt>) -> anyhow::Result<Vec<Prompt>> {
    let seed = config.generate.seed;
    let mut prompts = Vec::new();
    for name in &config.eval.suites {
        let (suite, most) = if name == IN_DOMAIN {
            (held_out.clone(), None)
        } else {
            let suite = built_in(name, seed)?
                .ok_or_else(|| anyhow!("eval.suites: no built-in suite `{name}`"))
                .hint(format!(
                    "there are {IN_DOMAIN}, {}; a file of your own goes into a [[suite]]",
                    built_in_names().join(", ")
                ))?;
            (suite, Some(BUILT_IN_PROMPTS))
        };
        prompts.extend(limited(suite, config.eval.prompts_per_suite.or(most), seed));
    }
    for suite in &config.suites {
        prompts.extend(limited(from_file(ctx, suite)?, config.eval.prompts_per_suite, seed));
    }
    Ok(prompts)
}

/// At most `limit` prompts, chosen by a seeded hash of their ids, in their own order.
pub fn limited(prompts: Vec<Prompt>, limit: Option<usize>, seed: u64) -> Vec<Prompt> {
    let Some(limit) = limit.filter(|limit| *limit < prompts.len()) else { return prompts };
    let rank = |prompt: &Prompt| affinage_eval::id::row_id("pick", &[&seed.to_string(), &prompt.prompt_id]);
    let mut ranks: Vec<String> = prompts.iter().map(rank).collect();
    ranks.sort_unstable();
    let border = ranks[limit].clone();
    prompts.into_iter().filter(|prompt| rank(prompt) < border).collect()
}

/// Where a prompt comes from, for people who vote; `is_author` says whether the reader wrote the training texts, and `by_person`
/// whether a person wrote the answer that the data set holds. Who wrote the prompt itself is not said: in chats of which the
/// person's side is learnt it was the assistant, before notes it is the program.
pub fn origin(prompt: &Prompt, is_author: bool, by_person: bool) -> String {
    match prompt.domain {
        Domain::In if prompt.category == IN_DOMAIN => match (by_person, is_author) {
            (false, _) => "The prompt is from the data set and was kept out of the training".to_owned(),
            (true, is_author) => format!(
                "In the data set {} own words answer this prompt; the prompt and that answer were kept out of the training",
                if is_author { "your" } else { "the author's" }
            ),
        },
        Domain::Out if built_in_names().contains(&prompt.category.as_str()) => {
            format!("The prompt is a built-in one ({}), from nobody's texts", prompt.category)
        }
        Domain::In | Domain::Out => {
            format!("The prompt is from the project's own file ({})", prompt.category)
        }
    }
}

fn defaults(name: &str, category: &str, domain: Domain) -> SuiteDefaults {
    SuiteDefaults { name: name.to_owned(), category: category.to_owned(), domain, split: Split::Report }
}

#[cfg(test)]
mod tests {
    use affinage_dataset::message::{Message, Role};
    use affinage_eval::suite::prompt_from_example;

    use super::*;

    #[test]
    fn a_prompt_is_called_answered_in_own_words_only_where_a_person_wrote_the_answer() {
        let message = |role, text: &str| Message { role, content: text.to_owned() };
        let messages = [message(Role::User, "Why?"), message(Role::Assistant, "Because of the kiln.")];
        let prompt = prompt_from_example("e", "c", Split::Report, &messages).expect("a prompt");
        let own = ["your own", "the author's own"].map(|whose| {
            format!("In the data set {whose} words answer this prompt; the prompt and that answer were kept out of the training")
        });
        assert_eq!([true, false].map(|is_author| origin(&prompt, is_author, true)), own);
        for is_author in [true, false] {
            assert!(!origin(&prompt, is_author, false).contains("own"));
        }
    }
}
