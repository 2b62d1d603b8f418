//! Seeded clean conversations: prose, lists, code, verse, tables and formulas, written without a look at the rules.
//!
//! Sentences are frames with words of one topic, so that an answer is about what was asked; the frames hold things a
//! careless rule would stumble over (a colon after a name, "human nature", fractions, thanks, the word "system").

use crate::seeded::Seeded;

#[derive(Debug, Clone, Default)]
pub struct Chat {
    pub id: String,
    pub title: String,
    pub turns: Vec<Turn>,
}

/// One prompt with all its answers; the conversation went on after the last of them.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    pub prompt: String,
    pub answers: Vec<Answer>,
    /// An earlier wording of the prompt, with the answer it got: a branch that was left.
    pub abandoned: Option<(String, String)>,
    pub has_image: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub text: String,
    pub truncated: bool,
    /// The user's thumb.
    pub liked: Option<bool>,
}

impl Answer {
    pub fn new(text: String) -> Answer {
        Answer { text, truncated: false, liked: None }
    }
}

/// Topic, then eight of its words.
const TOPICS: &[(&str, [&str; 8])] = &[
    ("bread", ["dough", "yeast", "oven", "crust", "flour", "crumb", "loaf", "baker"]),
    ("harbours", ["quay", "tide", "anchor", "pilot", "ferry", "crane", "lighthouse", "mooring"]),
    (
        "memory",
        ["recollection", "forgetting", "witness", "photograph", "childhood", "scent", "diary", "anecdote"],
    ),
    ("bees", ["hive", "nectar", "queen", "pollen", "swarm", "honeycomb", "drone", "keeper"]),
    ("grammar", ["verb", "clause", "comma", "tense", "noun", "dialect", "syntax", "sentence"]),
    ("gardens", ["hedge", "compost", "trellis", "seedling", "gravel", "pond", "orchard", "spade"]),
    ("bicycles", ["spoke", "saddle", "chain", "pedal", "hub", "tyre", "frame", "derailleur"]),
    ("maps", ["contour", "scale", "legend", "meridian", "border", "atlas", "survey", "compass"]),
    ("sleep", ["dream", "pillow", "insomnia", "dusk", "alarm", "blanket", "nightmare", "siesta"]),
    ("money", ["coin", "ledger", "debt", "interest", "purse", "wage", "bank", "rent"]),
    ("violins", ["bow", "bridge", "varnish", "luthier", "string", "scroll", "pegbox", "rosin"]),
    ("rivers", ["delta", "ford", "current", "sediment", "eddy", "bank", "weir", "spring"]),
    ("promises", ["oath", "word", "pledge", "excuse", "trust", "contract", "vow", "regret"]),
    ("clocks", ["pendulum", "dial", "escapement", "hour", "gear", "chime", "minute", "watchmaker"]),
    ("winter", ["frost", "chimney", "scarf", "icicle", "snowfall", "stove", "sledge", "thaw"]),
    ("letters", ["envelope", "stamp", "postman", "reply", "ink", "handwriting", "address", "parcel"]),
    ("courage", ["fear", "danger", "soldier", "cowardice", "rescue", "resolve", "risk", "silence"]),
    ("telescopes", ["lens", "mirror", "orbit", "nebula", "eyepiece", "observatory", "comet", "focus"]),
    ("tea", ["kettle", "leaf", "cup", "steam", "saucer", "blend", "infusion", "samovar"]),
    ("cities", ["square", "tram", "alley", "suburb", "market", "facade", "bridge", "crowd"]),
    ("databases", ["table", "index", "query", "schema", "row", "transaction", "backup", "column"]),
    ("forests", ["moss", "oak", "clearing", "fungus", "deer", "timber", "canopy", "ranger"]),
    ("glass", ["furnace", "pane", "sand", "bottle", "lead", "bubble", "window", "blower"]),
    ("chess", ["pawn", "bishop", "endgame", "opening", "sacrifice", "rook", "clock", "draw"]),
    ("grief", ["funeral", "absence", "consolation", "mourner", "ritual", "anniversary", "tear", "keepsake"]),
    ("trains", ["platform", "signal", "carriage", "timetable", "rail", "tunnel", "whistle", "conductor"]),
    ("soap", ["lye", "lather", "tallow", "basin", "perfume", "stain", "foam", "glycerine"]),
    (
        "translation",
        ["idiom", "glossary", "original", "nuance", "editor", "register", "draft", "interpreter"],
    ),
];

/// `{0}` to `{3}` are words of the topic, `{t}` the topic, `{n}` a number.
const PROMPTS: &[&str] = &[
    "Why does the {0} matter so much when people talk about {t}?",
    "How would you explain the {0} and the {1} to somebody who has never dealt with {t}?",
    "I have {n} notes on {t}, mostly about the {0}, the {1} and one on the {2}. How do I put them in order?",
    "Is there a real difference between a {0} and a {1}, or is it only a manner of speaking?",
    "My sister says that without the {0} there would be no {t} at all. Is she right?",
    "What should a beginner know about the {0} before spending money on {t}?",
    "Compare the {0} with the {1}. I am less interested in history than in what one feels.",
    "Where does the saying about the {0} and the {1} come from, and does anyone still use it?",
    "Could a machine ever judge a {0} as well as somebody who grew up with {t}?",
    "Please check this claim: a {0} lasts about {n} years if the {1} is cared for.",
    "In the system that my teacher uses, the {0} comes before the {1}. What speaks for that order?",
    "Give me an argument against the {0}. I have only ever heard people praise it in talk about {t}.",
    "Is it human nature to prefer the {0} to the {1}?",
    "Tell me about {t} as if the {0} were the hero and the {2} the villain.",
    "We spent {n} evenings on the {0} alone; what did we miss about the {1}?",
];

const SENTENCES: &[&str] = &[
    "Most people meet the {0} by way of the {1}, and that order is hard to undo.",
    "A {0} is never only a {0}; somebody has to look after it, and that somebody ages.",
    "What we call {t} is largely an agreement about the {2}.",
    "Ask {n} owners of a {1} and you will hear {n} different reasons.",
    "The {0} gives way first, the {3} last.",
    "Nobody thanks the {1}, although every {2} depends on it.",
    "I would begin with the {2}: it is cheap, it forgives mistakes, and it tells you what to do next.",
    "There is a small cruelty in the way a {3} waits.",
    "Human nature has little to do with it; habit has a great deal.",
    "Older books insist that the {0} must come before the {2}, newer ones merely prefer it.",
    "Note how the {1} changes once you have lost a {3}.",
    "About {n} in a hundred cases turn on the {0}, the rest on patience.",
    "Whether the {3} helps depends on the season, on the {1} and on who is watching.",
    "You can test this at home with a {2} and an afternoon.",
    "For a {0} the question is simple: does it hold?",
    "The second {1} is always easier than the first one, because the hand remembers.",
    "If the {3} fails, the {0} does not fail with it, which surprised everyone I asked.",
    "In that sense {t} and honesty have the same enemy, namely convenience.",
    "It may help to think of the {2} as a promise made to the {1}.",
    "An old rule has it: one {0}, one {1}, no exceptions.",
    "Some would call this sentimental, yet the {3} keeps its own accounts.",
    "Between the {0} and the {3} lies everything worth knowing about {t}.",
    "A friend of mine keeps a {2} on the kitchen table for exactly this purpose.",
    "That was true when a {1} cost a week of work; today it costs an hour of attention.",
    "Do not hurry the {3}, it will not be hurried.",
    "The user of a {0} rarely asks who made it, and the assistant of the maker rarely says.",
    "On paper the {2} looks superfluous, in practice you miss it by noon.",
    "My own {1} broke twice, both times for want of a decent {3}.",
    "Think of a {0} that nobody needs any more: it is still there, it is merely unemployed.",
    "The price of a {2} says more about us than about the {2}.",
    "Someone once told me the {1} was finished; the {1} had not been told.",
    "Then again, a {3} without a {0} is a sentence without a verb.",
    "Look closely at the edge of the {2}, where wear shows first.",
    "Every theory of {t} I know stumbles over the {1} sooner or later.",
    "To repair a {0} is to admit that you were fond of it.",
    "The right moment for the {3} comes earlier than one expects, usually on a Tuesday.",
    "We measure the {0} because it is easy and trust the {2} because it is not.",
    "Perhaps the {1} is what remains when all instructions have been forgotten.",
    "Two {2}s side by side begin to resemble each other, as couples do.",
    "Nothing in the rules forbids a {3} of wood, only taste does.",
];

pub struct Words {
    topic: &'static str,
    words: [&'static str; 4],
    number: usize,
}

impl Words {
    pub fn draw(seeded: &mut Seeded) -> Words {
        let (topic, words) = seeded.one_of(TOPICS);
        let mut words = *words;
        seeded.shuffle(&mut words);
        Words { topic, words: [words[0], words[1], words[2], words[3]], number: 3 + seeded.below(90) }
    }

    fn fill(&self, frame: &str) -> String {
        let mut text = frame.replace("{t}", self.topic).replace("{n}", &self.number.to_string());
        for (index, word) in self.words.iter().enumerate() {
            text = text.replace(&format!("{{{index}}}"), word);
        }
        // "A oven": the frames know no vowels.
        for vowel in ['a', 'e', 'i', 'o', 'u'] {
            text = text.replace(&format!(" a {vowel}"), &format!(" an {vowel}"));
            text = text.replace(&format!("A {vowel}"), &format!("An {vowel}"));
        }
        text
    }
}

pub fn prompt(seeded: &mut Seeded, words: &Words) -> String {
    let frame = *seeded.one_of(PROMPTS);
    words.fill(frame)
}

fn paragraph(seeded: &mut Seeded, words: &Words, sentences: usize) -> String {
    let mut frames: Vec<&str> = SENTENCES.to_vec();
    seeded.shuffle(&mut frames);
    frames[..sentences].iter().map(|frame| words.fill(frame)).collect::<Vec<_>>().join(" ")
}

/// Prose of two paragraphs, now and then with a block of another kind between them.
pub fn answer(seeded: &mut Seeded, words: &Words) -> String {
    let lead = 2 + seeded.below(3);
    let mut parts = vec![paragraph(seeded, words, lead)];
    let [a, b, c, d] = words.words;
    let n = words.number;
    match seeded.below(12) {
        0 => parts.push(format!(
            "1. Look at the {a}.\n2. Leave the {b} alone for {n} minutes.\n3. Write down what the {c} did"
        )),
        1 => parts.push(format!(
            "- the {a}, which you know\n- the {b}, which you will know soon\n- {n} grams of {d}"
        )),
        2 => parts
            .push(format!("```python\n{a} = [{n}, 2, 3]\nfor {b} in {a}:\n    print(\"User:\", {b})\n```")),
        3 => parts.push(format!(
            "The {a} was late,\nthe {b} was later,\nand in between stood {n} of us\nwith one {c}"
        )),
        4 => parts.push(format!("| part | count |\n|---|---|\n| {a} | {n} |\n| {b} | 2 |")),
        5 => parts.push(format!(
            "If $${b} = \\frac{{{n}}}{{2}}$$ holds, the {a} is half of it, 1 / 2 to be exact."
        )),
        6 => parts.push(format!("> \"A {a} is a {a},\" the old man said, \"until it meets a {b}.\"")),
        7 => parts.push(format!("## What the {a} wants\n\nPros: it is quiet.\n\nCons: the {b}.")),
        8 => parts.push(format!(
            "\"And the {a}?\" she asked.\n\n\"Thank you, it is well,\" he said, and put the {b} back."
        )),
        _ => {}
    }
    let tail = 2 + seeded.below(3);
    parts.push(paragraph(seeded, words, tail));
    parts.join("\n\n")
}

/// Clean conversations of one to three turns; a third has regenerations, a sixth an edited prompt.
pub fn chats(seeded: &mut Seeded, count: usize) -> Vec<Chat> {
    (0..count).map(|index| chat(seeded, index)).collect()
}

fn chat(seeded: &mut Seeded, index: usize) -> Chat {
    let count = 1 + seeded.below(3);
    let turns = (0..count)
        .map(|_| {
            let words = Words::draw(seeded);
            let answers = 1 + usize::from(seeded.below(3) == 0) + usize::from(seeded.below(9) == 0);
            let prompt = prompt(seeded, &words);
            let answers = (0..answers).map(|_| Answer::new(answer(seeded, &words))).collect();
            let abandoned = (seeded.below(6) == 0).then(|| {
                let words = Words::draw(seeded);
                (self::prompt(seeded, &words), answer(seeded, &words))
            });
            Turn { prompt, answers, abandoned, has_image: false }
        })
        .collect();
    Chat { id: format!("chat-{index:05}"), title: format!("Conversation {index}"), turns }
}
