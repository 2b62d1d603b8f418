//! How few prompts, verdicts or voters a headline hangs on, in sentences.

use crate::analysis::{Left, Part, PartFragility, VerdictWord};
use crate::judgment::called;
use crate::plain::counted;
use crate::text::enumerated;

/// The parts whose words the headline says; where none is, what keeps the whole from a word.
pub fn sentence(parts: &[PartFragility], margin: f64) -> String {
    let mut said: Vec<&PartFragility> =
        parts.iter().filter(|part| part.word != VerdictWord::NotShown && part.part != Part::All).collect();
    if said.is_empty() {
        said = parts.iter().filter(|part| part.part == Part::All).collect();
    }
    said.into_iter().map(|one| part(one, margin)).collect::<Vec<String>>().join(" ")
}

/// What decides the word, one sentence for each kind of removal that says something.
pub fn part(part: &PartFragility, margin: f64) -> String {
    let place = match part.part {
        Part::InDomain => " in its domain",
        Part::OutOfDomain => " outside it",
        Part::All => "",
    };
    let name = |word: VerdictWord| format!("\"{}\"", word.words_within(margin));
    let called_it = format!("{}{place}", name(part.word));
    let is_on_a_side = matches!(part.word, VerdictWord::Better | VerdictWord::Worse);
    let mut sentences: Vec<String> = Vec::new();
    for removal in &part.removals {
        let of_kind = |n: usize| match removal.left_out {
            Left::Prompts => counted(n, "prompt", "prompts"),
            Left::Verdicts => counted(n, "verdict", "verdicts"),
            Left::Judges => counted(n, "judge", "judges"),
            Left::Annotators => counted(n, "person", "people"),
        };
        let of = of_kind(removal.of);
        match (removal.left_out, removal.turn, removal.becomes) {
            (Left::Prompts, Some(k), Some(becomes)) => {
                let decide = if k == 1 { "decides" } else { "decide" };
                let about = if removal.is_least { "" } else { "At most " };
                let them = if k == 1 { "it" } else { "them" };
                let to_half = part.prompts_to_half.filter(|_| is_on_a_side).map_or(String::new(), |half| {
                    format!("; the win rate leaves its side of one half without {half}")
                });
                sentences.push(format!(
                    "{about}{k} of {of} {decide} {called_it}: without {them} it is {}{to_half}.",
                    name(becomes)
                ));
            }
            (Left::Prompts, ..) => {
                let no = match removal.is_least {
                    true => format!("No {} of {of} turn", removal.searched),
                    false => format!("No set of up to {} of {of} was found that turns", removal.searched),
                };
                sentences.push(format!("{no} {called_it}."));
            }
            // Of one judge, verdicts are prompts.
            (Left::Verdicts, Some(k), _) if !is_told_by_prompts(part, k) => {
                let about = if removal.is_least { "" } else { "at most " };
                sentences.push(format!("Of {of}, {about}{k} decide it."));
            }
            (Left::Verdicts, ..) => {}
            (_, Some(k), Some(becomes)) => {
                let who: Vec<String> = removal.ids.iter().map(|id| called(id)).collect();
                let hang = if k == 1 { "hangs on one of".to_owned() } else { format!("hangs on {k} of") };
                sentences.push(format!(
                    "It {hang} {of}: without {} it is {}.",
                    enumerated(&who),
                    name(becomes)
                ));
            }
            (_, _, _) if removal.searched == 0 => {}
            (..) if removal.searched == 1 => sentences.push(format!("No one of {of} decides it alone.")),
            (..) => sentences.push(format!("No {} of {of} decide it.", removal.searched)),
        }
    }
    sentences.join(" ")
}

/// Of one judge, verdicts are prompts.
fn is_told_by_prompts(part: &PartFragility, verdicts: usize) -> bool {
    let voters = |left_out| part.removals.iter().find(|r| r.left_out == left_out).map_or(0, |r| r.of);
    let prompts = part.removals.iter().find(|removal| removal.left_out == Left::Prompts);
    voters(Left::Judges) + voters(Left::Annotators) < 2
        && prompts.is_some_and(|removal| removal.turn == Some(verdicts))
}
