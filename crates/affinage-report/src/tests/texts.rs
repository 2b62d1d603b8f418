//! Invented prompts and answers in two ways of writing.

use affinage_eval::rng::Rng;

pub const INSTRUCTION: &str =
    "Answer as an essayist would: one image, one distinction, and a question at the end. No lists.";

pub const PINNED: &str = "Why do we keep promises that nobody would notice us breaking?";

pub const PINNED_ANSWERS: [&str; 5] = [
    "There are several reasons why people keep promises:\n\n1. Trust: Keeping promises builds trust.\n2. Integrity: It \
     shows that you are a person of integrity.\n3. Relationships: It strengthens relationships.\n\nOverall, keeping \
     promises is important.",
    "People keep promises because of trust and integrity. Even when nobody would notice, keeping a promise shows who \
     you are. It is important to be honest with yourself.",
    "A promise nobody checks is still a promise. We keep it because being trusted is not the same as being watched. In \
     the end it is a matter of who we want to be.",
    "A promise kept in the dark is like a lamp in an empty room: it lights nothing that anyone needs, and yet the room is \
     different. Being trusted is one thing, being trustworthy another.",
    "A promise kept in the dark is like a lamp in an empty room. It lights nothing anyone needs, and still the room is no \
     longer the same room. There is a difference between being trusted and being trustworthy: the first needs witnesses, \
     the second is what is left when they have gone home. Which of the two did you mean to be when you gave your word?",
];

pub const QUESTIONS: [&str; 40] = [
    "Is it possible to forgive someone who never asked?",
    "What is lost when a language dies?",
    "Can you owe something to the person you used to be?",
    "Why does gratitude sometimes feel like a debt?",
    "Is a life without regret a good life?",
    "What makes a silence awkward?",
    "Do we choose our habits or do they choose us?",
    "Why is it easier to comfort a stranger?",
    "Is nostalgia a kind of lie?",
    "What do we mean when we say a place has a soul?",
    "Can curiosity be a vice?",
    "Why do we read sad books on purpose?",
    "Is patience the same as waiting?",
    "What does it mean to be at home?",
    "Can a mistake be a gift?",
    "Why do small kindnesses stay with us?",
    "Is loyalty owed to an idea or to people?",
    "What is the difference between privacy and secrecy?",
    "Do animals have a sense of justice?",
    "Why do we fear being ordinary?",
    "Is boredom worth protecting?",
    "What do ruins teach us?",
    "Can one be brave without being afraid?",
    "Why is it hard to accept praise?",
    "Does explaining a joke have to ruin it?",
    "What is a fair way to divide an inheritance?",
    "Is it wrong to enjoy another's failure?",
    "Why do we keep letters?",
    "Can a machine be sincere?",
    "What do we owe to strangers?",
    "Is solitude a skill?",
    "Why does time run faster as we age?",
    "Is hope reasonable?",
    "What makes an apology complete?",
    "Why do we make lists?",
    "Is it better to be understood or to be loved?",
    "What is the use of useless knowledge?",
    "Can you miss something you never had?",
    "Why do we name storms?",
    "Is there a duty to remember?",
];
pub const CODING: &[&str] = &[
    "Write a function that reverses a list in place.",
    "How do I read a file line by line?",
    "Explain what a hash map is good for.",
    "Write a test for a function that trims white space.",
    "Why is my loop skipping the last element?",
    "Parse a date such as 2026-11-22.",
    "Remove duplicates and keep the order.",
    "What does it mean that a call blocks?",
    "Count words in a text.",
    "Write a stack with push and pop.",
];
pub const PRACTICAL: &[&str] = &[
    "How do I get a wine stain out of wool?",
    "Plan a week of cheap dinners for two.",
    "What should I check before renting a flat?",
    "How do I ask for a later deadline?",
    "My bike chain keeps slipping. What now?",
    "How can I sleep better on a night train?",
    "Write a short note to a noisy neighbour.",
    "How do I keep basil alive in winter?",
    "What belongs in a first-aid kit?",
    "How do I compare two job offers?",
];
pub const CREATIVE: &[&str] = &[
    "Write six lines about the first frost.",
    "Describe a market without naming a colour.",
    "A story in four sentences about a lost key.",
    "Write a lullaby for a lighthouse keeper.",
    "Begin a novel that takes place in one lift.",
    "Describe rain to someone who has never seen it.",
    "A dialogue between two chess pieces.",
    "Write a recipe that is secretly a farewell.",
    "An ode to a kitchen table.",
    "Describe a smell that means home.",
];

pub const REASONS: [&str; 6] = [
    "answers the question that was asked and leaves the reader with a thought of their own; the other lists points \
     that could stand under any question.",
    "is more concrete. One image does more here than the other's five abstractions.",
    "is clearer and more complete, although the closing question feels like a habit.",
    "holds two things apart that the other runs together.",
    "stays closer to what the person needs. The other is pretty and says less.",
    "and the other are nearly equal; the shorter one wastes less of the reader's time.",
];

const IMAGES: [&str; 6] = [
    "It is like a coat that was cut for someone else: warm enough, and never quite yours.",
    "Think of a bridge that is crossed only at night; nobody sees it and everybody depends on it.",
    "It moves as if the floor had been tilted by a finger's breadth.",
    "It is like a letter that was sealed before it was finished.",
    "Picture a clock in a house where nobody asks the time.",
    "It settles like the dust after a door has been shut.",
];
const DISTINCTIONS: [&str; 6] = [
    "But to remember is one thing, and to keep is another.",
    "There is a difference between having a reason and finding one afterwards.",
    "What we call weakness here is rather than a lack of strength a refusal to spend it.",
    "We should distinguish what is owed from what is merely expected.",
    "Being seen is not the same as being known.",
    "It is not the loss that weighs, but the room that the loss leaves standing.",
];
const CLOSINGS: [&str; 6] = [
    "Which of the two would you miss first?",
    "And who, in the end, is asking?",
    "What would have to change for you to believe it?",
    "Is that a price, or is it the thing itself?",
    "Would you still want it if nobody knew?",
    "When did you last notice the difference?",
];
const PLAIN: [&str; 8] = [
    "This is a complex question that has been discussed for centuries.",
    "There are several factors to consider here.",
    "First, it depends on the context and on the people involved.",
    "Some people believe one thing, while others believe the opposite.",
    "It is important to communicate openly and to be honest.",
    "In conclusion, there is no single right answer to this question.",
    "It can help to reflect on your values and your experiences.",
    "Ultimately, everyone has to find their own way.",
];

pub fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.below(from.len())]
}

pub fn voiced(rng: &mut Rng) -> String {
    format!("{} {} {}", pick(rng, &IMAGES), pick(rng, &DISTINCTIONS), pick(rng, &CLOSINGS))
}

pub fn plain(rng: &mut Rng) -> String {
    let start = rng.below(4);
    PLAIN[start..start + 4].join(" ")
}

pub fn outside(category: &str, tuned: bool, rng: &mut Rng) -> String {
    let flourish = if tuned && rng.uniform() < 0.3 { pick(rng, &IMAGES) } else { "" };
    let body = match category {
        "coding" => {
            "```\nfn reverse<T>(items: &mut [T]) {\n    items.reverse();\n}\n```\nThis works in place and needs no memory."
        }
        "practical" => {
            "Act quickly and keep it simple.\n\n1. Gather what you need.\n2. Try it on a small part first.\n3. Wait, look, repeat."
        }
        _ => {
            "The first morning came white and without a word.\nThe gate was stiff; the garden held its breath."
        }
    };
    let variant =
        ["", "\n\nThat is usually enough.", "\n\nAsk again if it does not help.", "\n\nTake your time."]
            [rng.below(4)];
    format!("{body}{variant} {flourish}").trim_end().to_owned()
}
