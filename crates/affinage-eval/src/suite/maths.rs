//! The built-in maths suite: small sums and one-line problems with whole-number answers, from seeded templates.
//!
//! Questions stay below twelve words, so that two from one template share too few 5-word shingles to count as
//! near-duplicates; no two have the same words.

use std::collections::BTreeSet;

use super::{Check, Prompt, checked_prompt};
use crate::rng::Rng;
use crate::text::words_only;

/// A question with its answer.
type Problem = (String, i64);

const TEMPLATES: &[fn(&mut Rng) -> Problem] = &[
    |rng| {
        let (a, b) = (rng.between(12, 89), rng.between(12, 89));
        (format!("What is {a} + {b}?"), a + b)
    },
    |rng| {
        let (a, b) = (rng.between(50, 99), rng.between(11, 49));
        (format!("Compute {a} - {b}."), a - b)
    },
    |rng| {
        let (a, b) = (rng.between(3, 12), rng.between(6, 19));
        (format!("What is {a} times {b}?"), a * b)
    },
    |rng| {
        let (quotient, divisor) = (rng.between(4, 25), rng.between(3, 9));
        (format!("Divide {} by {divisor}.", quotient * divisor), quotient)
    },
    |rng| {
        let (a, b, c) = (rng.between(2, 9), rng.between(2, 9), rng.between(10, 40));
        (format!("Work out {a} x {b} + {c}."), a * b + c)
    },
    |rng| {
        let (each, pens) = (rng.between(2, 9), rng.between(4, 19));
        (format!("A pen costs {each} euros. How much are {pens} pens?"), each * pens)
    },
    |rng| {
        let (speed, hours) = (rng.between(4, 12) * 10, rng.between(2, 6));
        (format!("At {speed} km/h, how many kilometres in {hours} hours?"), speed * hours)
    },
    |rng| {
        let (paid, price) = (50, rng.between(11, 48));
        (format!("You pay {price} with a {paid} note. How much change?"), paid - price)
    },
    |rng| {
        let (width, length) = (rng.between(3, 12), rng.between(13, 25));
        (format!("A field measures {width} m by {length} m. Its area?"), width * length)
    },
    |rng| {
        let (percent, whole) = (rng.between(1, 9) * 10, rng.between(2, 12) * 50);
        (format!("What is {percent}% of {whole}?"), percent * whole / 100)
    },
    |rng| {
        let x = rng.between(3, 15);
        let (factor, offset) = (rng.between(2, 6), rng.between(1, 20));
        (format!("Solve for x: {factor}x + {offset} = {}", factor * x + offset), x)
    },
    |rng| {
        let (start, step) = (rng.between(2, 20), rng.between(3, 9));
        let next = start + 4 * step;
        let shown: Vec<String> = (0..4).map(|i| (start + i * step).to_string()).collect();
        (format!("What number comes next: {}?", shown.join(", ")), next)
    },
    |rng| {
        let (weeks, days) = (rng.between(2, 12), rng.between(1, 6));
        (format!("How many days are {weeks} weeks and {days} days?"), 7 * weeks + days)
    },
    |rng| {
        let (a, b) = (rng.between(20, 60), rng.between(2, 19) * 2);
        (format!("The mean of {a} and {} is what number?", a + b), a + b / 2)
    },
];

/// `n` problems, the templates in turn, the same for the same seed. Panics if `n` is above 500, which the
/// templates could not fill with different words.
pub fn prompts(n: usize, seed: u64) -> Vec<Prompt> {
    assert!(n <= 500, "the templates do not hold that many different problems");
    let mut rng = Rng::for_purpose(seed, &["suite", "maths"]);
    let mut said = BTreeSet::new();
    let mut prompts = Vec::with_capacity(n);
    while prompts.len() < n {
        let (question, answer) = TEMPLATES[prompts.len() % TEMPLATES.len()](&mut rng);
        if said.insert(words_only(&question)) {
            prompts.push(checked_prompt("maths", question, answer.to_string(), Check::Number));
        }
    }
    prompts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::is_correct;

    #[test]
    fn the_reference_passes_its_own_check_and_a_wrong_number_does_not() {
        for prompt in prompts(100, 1) {
            let reference = prompt.reference.clone().expect("every problem has an answer");
            assert_eq!(
                is_correct(&prompt, &format!("So it is {reference}.")),
                Some(true),
                "{}",
                prompt.question()
            );
            let wrong = reference.parse::<i64>().expect("a whole number") + 1;
            assert_eq!(is_correct(&prompt, &wrong.to_string()), Some(false));
        }
    }

    #[test]
    fn questions_are_short() {
        for prompt in prompts(500, 1) {
            let words = crate::text::words(prompt.question()).len();
            assert!(words < 12, "{words} words: {}", prompt.question());
        }
    }

    #[test]
    fn problems_are_pinned() {
        let questions: Vec<String> = prompts(14, 1).iter().map(|p| p.question().to_owned()).collect();
        insta::assert_snapshot!(questions.join("\n"), @"
        What is 16 + 48?
        Compute 53 - 17.
        What is 4 times 14?
        Divide 105 by 5.
        Work out 4 x 3 + 21.
        A pen costs 6 euros. How much are 18 pens?
        At 110 km/h, how many kilometres in 5 hours?
        You pay 44 with a 50 note. How much change?
        A field measures 9 m by 17 m. Its area?
        What is 90% of 550?
        Solve for x: 2x + 11 = 39
        What number comes next: 4, 10, 16, 22?
        How many days are 7 weeks and 5 days?
        The mean of 40 and 52 is what number?
        ");
    }
}
