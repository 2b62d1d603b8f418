//! Sentences of the numbered checks of the method, and what to do about what they find: clauses without a full stop.

use crate::analyze::LEAK_FROM;
use crate::analyze::win_rate::ENOUGH;
use crate::judgment::MissingReason;
use crate::plain::counted;
use crate::plan::Plan;
use crate::text::p_value;

/// Where there is nothing to measure an overlap against.
pub const NO_DATA_SET: &str =
    "The plan names no data set, so overlap with the training texts was not measured.";

/// That a data set's overlap with prompts was never measured.
pub fn no_certificate(version: &str) -> String {
    format!("Data set {version} has no leak certificate.")
}

/// What to do about a data set without a certificate.
pub const FREEZE_AGAIN: &str = "freeze the data set again with `affinage dataset`";

/// How near a question comes to a training example: a share of five-word sequences.
pub fn overlap(version: &str, most: f64) -> String {
    format!(
        "The question nearest to a training example of {version} shares with it {:.0} % of the five-word sequences of question and \
         reference answer (limit {:.0} %).",
        100.0 * most,
        100.0 * LEAK_FROM
    )
}

/// What to do about a question that is too near a training example.
pub fn overlap_advice(plan: &Plan) -> String {
    format!(
        "a win there may be recitation; {} names the prompts, and one of each two can be rejected or edited at the desk \
         (`affinage review`, search) before the next freeze",
        plan.command("generate", "")
    )
}

/// Where no effect of position or label can be measured.
pub const NOT_IN_BOTH_ORDERS: &str = "No judge has judged a pair in both orders.";

/// Who compared: people are no judges.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub judges: usize,
    pub voters: usize,
}

impl Asked {
    /// `2 judges and 1 voter`
    fn in_words(self) -> String {
        let (judges, voters) =
            (counted(self.judges, "judge", "judges"), counted(self.voters, "voter", "voters"));
        match (self.judges, self.voters) {
            (_, 0) => judges,
            (0, _) => voters,
            _ => format!("{judges} and {voters}"),
        }
    }
}

/// That no effect is shown for any of them.
pub fn no_effect(asked: Asked) -> String {
    let any = if asked.judges + asked.voters == 1 { "" } else { "any of " };
    format!("No effect is shown for {any}{}.", asked.in_words())
}

/// What to do about an effect of position or label.
pub const EFFECT_ADVICE: &str = "both orders are judged and labels are balanced, so this costs power rather than truth; prefer judges \
     without it";

/// Where no judge has anything to do.
pub const NOT_PLANNED: &str = "No verdict of a judge was planned.";
/// Where judging has not begun.
pub const NOT_ASKED: &str = "No verdict was asked for yet.";

/// How many verdicts are missing; `share` is their part of those planned.
pub fn missing(missing: usize, planned: usize, share: f64) -> String {
    let are = if missing == 1 { "is" } else { "are" };
    format!(
        "{missing} of {} {are} missing ({:.1} %).",
        counted(planned, "verdict", "verdicts"),
        100.0 * share
    )
}

/// What to do about missing verdicts: most of them for this reason, in so many calls; `None`: most were not asked for.
pub fn missing_advice(plan: &Plan, most: Option<(MissingReason, usize)>) -> String {
    let Some((reason, calls)) = most else {
        return format!("run {} again: it asks only for what is missing", plan.command("judge", ""));
    };
    let remedy = match reason {
        MissingReason::Truncated => "raise `max-tokens` of the judge and judge under another `eval.name`",
        MissingReason::RequestCut => "raise the context length of the judge's server",
        MissingReason::OnlyThought => "turn the model's thinking, or its server's reasoning parser, off",
        MissingReason::ScoredOtherwise => "set the judge's `temperature = 0`, or judge without `logprobs`",
        MissingReason::ScoresOtherwise => {
            "take another judge: this one may name the worse answer as the winner"
        }
        MissingReason::NoAnswer => {
            "raise `eval.max-new-tokens`; `affinage eval` makes another evaluation beside this one, without the votes on it"
        }
        MissingReason::Refusal => "take another judge for these texts",
        _ => "take a judge that can follow the form, or set `logprobs = true` where its server offers them",
    };
    format!(
        "{} brought no verdict that counts ({}): {remedy}",
        counted(calls, "call", "calls"),
        reason.name()
    )
}

/// That adapters differ and that answers carry the hashes of the plan; `of_servers` answers have none.
pub fn hashes(adapters: usize, answers: usize, of_servers: usize) -> String {
    let further = match of_servers {
        0 => String::new(),
        n => format!(" {} of servers have no hash.", counted(n, "further answer", "further answers")),
    };
    format!(
        "{} under {}, each with its own hash; every one of {} carries the hash of the plan.{further}",
        counted(adapters, "adapter", "adapters"),
        counted(adapters, "name", "names"),
        counted(answers, "answer", "answers")
    )
}

/// Whether a judge's winner depends on the order, by the p of so many decisive calls.
pub fn order(judge: &str, p: f64, calls: u64) -> String {
    format!("`{judge}`: Fisher's {} over {calls} decisive calls.", p_value(p))
}

/// Where no judge has the calls for a test of order.
pub const FEW_DECISIVE: &str = "Too few decisive calls to test.";

/// What a winner that depends on the order means.
pub const ORDER_ADVICE: &str = "the winner moves with the order; the key was checked against the answers' own rows, so this is \
     the judge's position bias, not an inverted key";

/// Where nothing can have been cut.
pub const NO_ANSWERS: &str = "There are no answers.";

/// How many answers were cut at the token limit, and how many ended while thinking.
pub fn cut(cut: usize, lost: usize, answers: usize) -> String {
    let thinking = if lost > 0 { format!(" {lost} ended while thinking.") } else { String::new() };
    let were = if cut == 1 { "was" } else { "were" };
    format!("{cut} of {} {were} cut.{thinking}", counted(answers, "answer", "answers"))
}

/// `room` is twice the limit of today.
pub fn cut_advice(room: u32) -> String {
    format!(
        "`affinage --set eval.max-new-tokens={room} eval` makes another evaluation beside this one, in which they have \
         twice the room; votes on this one stay with it"
    )
}

/// Where no judge can be compared with a coin.
pub const FEW_TO_TEST: &str = "No judge has enough decisive pairs to test its consistency.";

/// What to do about a judge that is no better than a coin.
pub const COIN_ADVICE: &str =
    "use a stronger judge, or read the fit, voice and objective figures, which need none";

/// How many of those who compared are in the mean.
pub fn panel(panel: usize, asked: Asked) -> String {
    let are = if panel == 1 { "is" } else { "are" };
    format!("{panel} of {} {are} in the mean.", asked.in_words())
}

pub const NOBODY_COMPARED: &str = "Nobody has compared.";

pub const PANEL_ADVICE: &str = "add a judge of another family, or the votes of one more person";

/// How many prompts there are, what they count as, and how many answers each has.
pub fn clusters(prompts: usize, clusters: usize, samples: usize) -> String {
    format!(
        "{} in {}, {} per prompt and arm; intervals run over clusters.",
        counted(prompts, "prompt", "prompts"),
        counted(clusters, "independent cluster", "independent clusters"),
        counted(samples, "answer", "answers")
    )
}

/// That another model answered than was asked.
pub fn substituted(judge: &str, asked: &str, answered: &str) -> String {
    format!("`{judge}` was asked of {asked} and answered by {answered}.")
}

/// That several models answered.
pub fn several_models(judge: &str, models: &[String]) -> String {
    format!("`{judge}` was answered by {}.", models.join(" and "))
}

/// That the replies to these judges name no model.
pub fn silent_servers(judges: &[&str]) -> String {
    format!("The replies name no model, so it is not known which one answered: {}.", quoted(judges))
}

/// That the model of no judge changed.
pub const ONE_MODEL: &str = "Each judge was answered by one model throughout.";

/// What to do where another model answered, or several did.
pub const MODEL_ADVICE: &str =
    "name the model that answers as the judge's `model`, or ask its provider for a fixed version";

/// Where no category has a vote that counts.
pub const NO_CATEGORY: &str = "No category was judged.";

/// That each of so many judged categories has the prompts that a word needs.
pub fn categories_are_enough(categories: usize) -> String {
    match categories {
        1 => format!("The judged category has {ENOUGH} prompts or more."),
        n => format!("Each of {n} judged categories has {ENOUGH} prompts or more."),
    }
}

/// Categories with too few prompts for a word, with how many they have.
pub fn small_categories(small: &[(&str, usize)]) -> String {
    let each: Vec<String> = small.iter().map(|(category, n)| format!("{category} ({n})")).collect();
    format!("Below {ENOUGH} prompts, so without a word of their own: {}.", each.join(", "))
}

/// What to do about small categories.
pub const CATEGORY_ADVICE: &str = "add prompts where you want to know more";

/// Where earlier looks are not known.
pub const NO_HISTORY: &str = "The project keeps no history of looks.";

/// How many evaluations looked at prompts before, and whether run or data changed since.
pub fn looks(earlier: usize, is_adapted: bool) -> String {
    let sentence = match earlier {
        0 => "No earlier evaluation looked at these prompts.".to_owned(),
        n => format!(
            "{} looked at some of these prompts.",
            counted(n, "earlier evaluation", "earlier evaluations")
        ),
    };
    let adapted = if is_adapted { " Run or data changed since: adapted." } else { "" };
    format!("{sentence}{adapted}")
}

/// What to do where run or data changed after a look.
pub const ADAPTED_ADVICE: &str =
    "choices may have been fitted to these prompts; `affinage eval --final` opens the sealed reserve once";

/// Where the answers were not compared with the training texts.
pub const OVERLAP_NOT_MEASURED: &str = "Overlap of the answers with the training texts was not measured.";

/// How many answers of an arm repeat a training text.
pub fn recited(arm: &str, recited: usize, answers: usize) -> String {
    let repeat = if recited == 1 { "repeats" } else { "repeat" };
    format!("{recited} of {} of `{arm}` {repeat} a training text.", counted(answers, "answer", "answers"))
}

/// What to do about recited answers.
pub const RECITED_ADVICE: &str = "read the headline without them; train fewer epochs or on more texts";

/// What a check about judges says where only people voted, or nobody did.
pub const NO_JUDGE: &str = "No judge was asked.";
pub const ALL_PASSED: &str = "Every judge found the planted winners and held to its verdicts.";

/// Judges and voters that did not pass, by id.
#[derive(Clone, Debug, Default)]
pub struct NotPassed<'a> {
    pub without_exam: Vec<&'a str>,
    pub failed: Vec<&'a str>,
    /// Failed, and not asked to compare.
    pub unfit: Vec<&'a str>,
    /// People who missed the planted pairs.
    pub missed: Vec<&'a str>,
}

/// A sentence for each kind of those who did not pass.
pub fn not_passed(found: &NotPassed) -> String {
    let parts = [
        ("Without an exam", &found.without_exam),
        ("Failed and left out of the mean", &found.failed),
        ("Failed and not asked to compare", &found.unfit),
        ("Missed the planted pairs and left out of the mean", &found.missed),
    ];
    let said = parts.iter().filter(|(_, judges)| !judges.is_empty());
    said.map(|(what, judges)| format!("{what}: {}.", quoted(judges))).collect::<Vec<_>>().join(" ")
}

/// What to do about judges without a passed exam.
pub fn exam_advice(plan: &Plan) -> String {
    format!("{} shows whether a judge can judge before its votes count", plan.command("judge", "--qualify"))
}

fn quoted(judges: &[&str]) -> String {
    judges.iter().map(|judge| format!("`{judge}`")).collect::<Vec<_>>().join(", ")
}
