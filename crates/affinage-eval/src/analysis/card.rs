//! The answer card: the three questions that a reader asks first, each with one word and the figures behind it.

use serde::{Deserialize, Serialize};

/// The first screen of the report and what a terminal prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerCard {
    /// In the order in which they are asked; each question once.
    pub rows: Vec<CardRow>,
    /// What a reader must know before believing the rows, most serious first. Nothing that a row says already.
    pub watch_out: Vec<String>,
}

impl AnswerCard {
    pub fn row(&self, question: CardQuestion) -> Option<&CardRow> {
        self.rows.iter().find(|row| row.question == question)
    }
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardRow {
    pub question: CardQuestion,
    pub word: CardWord,
    /// The word as it is read: "Better in its domain", "Cannot tell yet".
    pub answer: String,
    /// The figures behind the word, or why there is none: a clause without a full stop.
    pub evidence: String,
    /// What the author's own blind votes say about the question, a sentence for each author. They decide no word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardQuestion {
    Voice,
    Better,
    Forgotten,
}

impl CardQuestion {
    pub fn words(self) -> &'static str {
        match self {
            CardQuestion::Voice => "Did it learn the voice?",
            CardQuestion::Better => "Is it better?",
            CardQuestion::Forgotten => "Did it forget anything?",
        }
    }
}

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardWord {
    Yes,
    No,
    Better,
    Worse,
    /// Better in one part of the prompts, worse in another.
    Mixed,
    /// A difference larger than the margin is excluded.
    NoDifference,
    CannotTell,
}
