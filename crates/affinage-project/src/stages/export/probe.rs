//! Does the adapter recite? It is given the head of an answer it was trained on and continues greedily; what counts is the
//! longest run of words that stands in the rest of that answer. The base and held-out rows are the controls.

use affinage_dataset::example::DatasetRow;
use affinage_dataset::lint::{Subject, lint};
use affinage_dataset::message::Role;
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::{Request, Sampling};
use affinage_engine::lora::Adapter;
use serde::Serialize;

use super::Source;
use crate::stages::generation::generate;

/// Words of an answer that are given away.
const HEAD_WORDS: usize = 8;
const NEW_TOKENS: usize = 64;
/// Rows of each kind.
const ROWS: usize = 16;

/// `memorisation.json`.
#[derive(Debug, Serialize)]
pub struct Memorisation {
    pub v: u32,
    pub head_words: usize,
    pub new_tokens: usize,
    pub rows: Vec<Probed>,
    /// Longest run of words, by kind of row, of the tuned model and of its base.
    pub longest: Vec<Longest>,
}

#[derive(Debug, Serialize)]
pub struct Probed {
    pub example_id: String,
    pub kind: Kind,
    pub tuned_words: usize,
    pub base_words: usize,
    /// Words that were there to be recited.
    pub of_words: usize,
}

#[derive(Debug, Serialize)]
pub struct Longest {
    pub kind: Kind,
    pub rows: usize,
    pub tuned_words: usize,
    pub base_words: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Training rows in which lint sees secrets, personal data or other people's texts.
    Flagged,
    Trained,
    HeldOut,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Flagged => "training rows with lint findings",
            Kind::Trained => "other training rows",
            Kind::HeldOut => "held-out rows",
        }
    }
}

struct Probe<'a> {
    row: &'a DatasetRow,
    kind: Kind,
    request: Request,
    rest: Vec<String>,
}

/// `train` and `held_out` are rows of the data set; at most [`ROWS`] of each kind are asked, evenly spread.
pub fn probe(source: &Source, train: &[DatasetRow], held_out: &[DatasetRow]) -> anyhow::Result<Memorisation> {
    let is_flagged = |row: &&DatasetRow| {
        let subject = Subject::of_messages(&row.example_id, "", &row.messages);
        lint(&[subject]).iter().any(|finding| finding.rule.starts_with('P'))
    };
    let (flagged, plain): (Vec<&DatasetRow>, Vec<&DatasetRow>) = train.iter().partition(is_flagged);
    let held_out: Vec<&DatasetRow> = held_out.iter().collect();
    let mut probes = Vec::new();
    for (kind, rows) in [(Kind::Flagged, flagged), (Kind::Trained, plain), (Kind::HeldOut, held_out)] {
        let usable: Vec<Probe> = rows.into_iter().filter_map(|row| request(source, row, kind)).collect();
        let every = usable.len().div_ceil(ROWS).max(1);
        probes.extend(usable.into_iter().step_by(every));
    }
    let tuned = continued(source, Some(source.adapter), &probes)?;
    let base = continued(source, None, &probes)?;
    let mut rows = Vec::new();
    for ((probe, tuned), base) in probes.iter().zip(tuned).zip(base) {
        rows.push(Probed {
            example_id: probe.row.example_id.clone(),
            kind: probe.kind,
            tuned_words: longest_run(&probe.rest, &tuned),
            base_words: longest_run(&probe.rest, &base),
            of_words: probe.rest.len(),
        });
    }
    let of_kind = |kind: Kind| {
        let of: Vec<&Probed> = rows.iter().filter(|row| row.kind == kind).collect();
        let most = |words: fn(&Probed) -> usize| of.iter().map(|row| words(row)).max().unwrap_or(0);
        Longest {
            kind,
            rows: of.len(),
            tuned_words: most(|row| row.tuned_words),
            base_words: most(|row| row.base_words),
        }
    };
    let longest = [Kind::Flagged, Kind::Trained, Kind::HeldOut].map(of_kind).into();
    Ok(Memorisation { v: 1, head_words: HEAD_WORDS, new_tokens: NEW_TOKENS, rows, longest })
}

/// `None` where an answer has no words beyond its head, or the model no room.
fn request<'a>(source: &Source, row: &'a DatasetRow, kind: Kind) -> Option<Probe<'a>> {
    let (answer, asked) = row.messages.split_last()?;
    let words: Vec<&str> = answer.content.split_whitespace().collect();
    if answer.role != Role::Assistant || words.len() <= HEAD_WORDS {
        return None;
    }
    let model = source.model;
    let mut prompt = tokenize_prompt(&model.tokenizer, model.template().ok()?, asked).ok()?;
    prompt.extend(model.tokenizer.encode(&words[..HEAD_WORDS].join(" ")).ok()?);
    if prompt.len() + NEW_TOKENS > source.engine.max_positions() {
        return None;
    }
    let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };
    let request = Request { prompt, sampling, seed: 0, max_new_tokens: NEW_TOKENS };
    let rest = words[HEAD_WORDS..].iter().map(|word| (*word).to_owned()).collect();
    Some(Probe { row, kind, request, rest })
}

fn continued(
    source: &Source,
    adapter: Option<&Adapter>,
    probes: &[Probe],
) -> anyhow::Result<Vec<Vec<String>>> {
    let requests = probes.iter().map(|probe| (0, probe.request.clone())).collect();
    let mut texts = vec![Vec::new(); probes.len()];
    let progress = source.ui.late_progress("asking it to recite", probes.len() as u64, "answers");
    generate(source.engine, &[adapter], &source.model.end_tokens, requests, 16, |index, answer| {
        let text = source.model.tokenizer.decode(&answer.ids)?;
        texts[index] = text.split_whitespace().map(str::to_owned).collect();
        progress.advance(1);
        Ok(())
    })?;
    Ok(texts)
}

/// The longest run of words that stands in both.
fn longest_run(one: &[String], other: &[String]) -> usize {
    let mut ending = vec![0usize; other.len() + 1];
    let mut longest = 0;
    for word in one {
        for at in (0..other.len()).rev() {
            ending[at + 1] = if other[at] == *word { ending[at] + 1 } else { 0 };
            longest = longest.max(ending[at + 1]);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_run_is_counted_in_words() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let run = |a, b| longest_run(&words(a), &words(b));
        assert_eq!(
            run("the rind is washed with brine", "now the rind is dry and washed with brine again"),
            3
        );
        assert_eq!((run("a b c", "d e"), run("", "a"), run("a a a", "a a")), (0, 0, 2));
    }
}
