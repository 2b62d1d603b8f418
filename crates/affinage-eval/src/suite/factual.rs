//! The built-in factual suite: one-line questions over small tables of undisputed facts, with the accepted short
//! answers.

use super::{Check, Prompt, checked_prompt};
use crate::rng::Rng;

const CAPITALS: &[(&str, &str)] = &[
    ("France", "Paris"),
    ("Spain", "Madrid"),
    ("Portugal", "Lisbon"),
    ("Italy", "Rome"),
    ("Greece", "Athens"),
    ("Austria", "Vienna"),
    ("Poland", "Warsaw"),
    ("Hungary", "Budapest"),
    ("Norway", "Oslo"),
    ("Sweden", "Stockholm"),
    ("Finland", "Helsinki"),
    ("Denmark", "Copenhagen"),
    ("Ireland", "Dublin"),
    ("Iceland", "Reykjavik"),
    ("Romania", "Bucharest"),
    ("Bulgaria", "Sofia"),
    ("Croatia", "Zagreb"),
    ("Japan", "Tokyo"),
    ("China", "Beijing"),
    ("India", "New Delhi"),
    ("Thailand", "Bangkok"),
    ("Vietnam", "Hanoi"),
    ("South Korea", "Seoul"),
    ("Nepal", "Kathmandu"),
    ("Iran", "Tehran"),
    ("Iraq", "Baghdad"),
    ("Egypt", "Cairo"),
    ("Kenya", "Nairobi"),
    ("Ethiopia", "Addis Ababa"),
    ("Morocco", "Rabat"),
    ("Canada", "Ottawa"),
    ("Cuba", "Havana"),
    ("Peru", "Lima"),
    ("Chile", "Santiago"),
    ("Argentina", "Buenos Aires"),
    ("Australia", "Canberra"),
    ("New Zealand", "Wellington"),
];

const ELEMENTS: &[(&str, &str)] = &[
    ("Na", "sodium"),
    ("K", "potassium"),
    ("Fe", "iron"),
    ("Au", "gold"),
    ("Ag", "silver"),
    ("Pb", "lead"),
    ("Cu", "copper"),
    ("Zn", "zinc"),
    ("Ca", "calcium"),
    ("Mg", "magnesium"),
    ("He", "helium"),
    ("Ne", "neon"),
    ("Sn", "tin"),
    ("Hg", "mercury"),
    ("Cl", "chlorine"),
    ("Si", "silicon"),
    ("Li", "lithium"),
    ("Ni", "nickel"),
    ("W", "tungsten"),
];

const PLANETS: &[&str] = &["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"];

const MONTHS: &[(&str, &str, &str)] = &[
    ("January", "31", "thirty-one"),
    ("March", "31", "thirty-one"),
    ("April", "30", "thirty"),
    ("May", "31", "thirty-one"),
    ("June", "30", "thirty"),
    ("July", "31", "thirty-one"),
    ("August", "31", "thirty-one"),
    ("September", "30", "thirty"),
    ("October", "31", "thirty-one"),
    ("November", "30", "thirty"),
    ("December", "31", "thirty-one"),
];

const AUTHORS: &[(&str, &str)] = &[
    ("Hamlet", "Shakespeare"),
    ("Don Quixote", "Cervantes"),
    ("War and Peace", "Tolstoy"),
    ("Crime and Punishment", "Dostoevsky"),
    ("Pride and Prejudice", "Austen"),
    ("Moby-Dick", "Melville"),
    ("Oliver Twist", "Dickens"),
    ("Frankenstein", "Shelley"),
    ("The Divine Comedy", "Dante"),
    ("The Metamorphosis", "Kafka"),
    ("Faust", "Goethe"),
    ("Les Misérables", "Hugo"),
    ("Jane Eyre", "Brontë"),
    ("Dracula", "Stoker"),
];

const CURRENCIES: &[(&str, &str)] = &[
    ("Japan", "yen"),
    ("India", "rupee"),
    ("Poland", "zloty"),
    ("Switzerland", "franc"),
    ("Mexico", "peso"),
    ("Brazil", "real"),
    ("Thailand", "baht"),
    ("Sweden", "krona"),
    ("Vietnam", "dong"),
];

const COUNTS: &[(&str, &str, &str)] = &[
    ("How many legs has a spider?", "8", "eight"),
    ("How many legs has an insect?", "6", "six"),
    ("How many sides has a hexagon?", "6", "six"),
    ("How many sides has an octagon?", "8", "eight"),
    ("How many sides has a pentagon?", "5", "five"),
    ("How many minutes are in an hour?", "60", "sixty"),
    ("How many hours are in a day?", "24", "twenty-four"),
    ("How many players has a football team on the pitch?", "11", "eleven"),
    ("How many strings has a violin?", "4", "four"),
    ("How many squares are on a chessboard?", "64", "sixty-four"),
    ("How many letters are in the English alphabet?", "26", "twenty-six"),
    ("How many degrees has a right angle?", "90", "ninety"),
    ("How many weeks are in a year, in whole weeks?", "52", "fifty-two"),
    ("How many zeros has one million?", "6", "six"),
];

const OTHERS: &[(&str, &[&str])] = &[
    ("What is the largest ocean on Earth?", &["Pacific"]),
    ("What is the longest river in South America?", &["Amazon"]),
    ("What is the highest mountain above sea level?", &["Everest", "Mount Everest"]),
    ("Which gas do plants take in for photosynthesis?", &["carbon dioxide", "CO2"]),
    ("What do bees make from nectar?", &["honey"]),
    ("Which metal is liquid at room temperature?", &["mercury"]),
    ("On which continent is the Sahara?", &["Africa"]),
    ("What is frozen water called?", &["ice"]),
    ("Which language is spoken in Brazil?", &["Portuguese"]),
    ("Which star is nearest to the Earth?", &["the Sun", "Sun"]),
];

/// Every question of the tables, in table order.
fn all() -> Vec<Prompt> {
    let mut facts: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |question: String, accepted: &[&str]| {
        facts.push((question, accepted.iter().map(|short| (*short).to_owned()).collect()));
    };
    CAPITALS.iter().for_each(|(land, city)| add(format!("What is the capital of {land}?"), &[city]));
    ELEMENTS
        .iter()
        .for_each(|(symbol, name)| add(format!("Which element has the symbol {symbol}?"), &[name]));
    let ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
    for (ordinal, planet) in ordinals.iter().zip(PLANETS) {
        add(format!("Which planet is {ordinal} from the Sun?"), &[planet]);
    }
    MONTHS
        .iter()
        .for_each(|(month, digits, word)| add(format!("How many days has {month}?"), &[digits, word]));
    AUTHORS.iter().for_each(|(work, author)| add(format!("Who wrote {work}?"), &[author]));
    for (land, money) in CURRENCIES {
        add(format!("What is the currency of {land} called?"), &[money, &format!("{money}s")]);
    }
    COUNTS.iter().for_each(|(question, digits, word)| add((*question).to_owned(), &[digits, word]));
    OTHERS.iter().for_each(|(question, accepted)| add((*question).to_owned(), accepted));
    let prompt = |(question, accepted): (String, Vec<String>)| {
        checked_prompt("factual", question, accepted[0].clone(), Check::Short { accepted })
    };
    facts.into_iter().map(prompt).collect()
}

/// `n` of the questions in seeded order. Panics if `n` is above the number of facts (over 110).
pub fn prompts(n: usize, seed: u64) -> Vec<Prompt> {
    let mut prompts = all();
    assert!(n <= prompts.len(), "the tables hold {} facts", prompts.len());
    Rng::for_purpose(seed, &["suite", "factual"]).shuffle(&mut prompts);
    prompts.truncate(n);
    prompts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::is_correct;
    use crate::suite::repeated_prompts;

    #[test]
    fn a_full_sentence_passes_and_the_next_fact_does_not() {
        let prompts = all();
        assert!(prompts.len() >= 110, "{}", prompts.len());
        assert!(repeated_prompts(&prompts).is_empty());
        for prompt in &prompts {
            let reference = prompt.reference.as_deref().expect("every fact has an answer");
            let right = format!("It is **{reference}**, as far as I know.\nAnything else?");
            assert_eq!(is_correct(prompt, &right), Some(true), "{}", prompt.question());
            assert_eq!(is_correct(prompt, "I do not know."), Some(false), "{}", prompt.question());
        }
    }
}
