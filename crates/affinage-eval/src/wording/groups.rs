//! What each group of findings asks and how to read the answer, for a newcomer.

/// Of a group of [`crate::findings::GROUPS`].
///
/// Panics: there is no such group.
pub fn plain(id: &str) -> &'static str {
    match id {
        "forgetting" => {
            "Right answers on checked prompts come first: they need no judge. Preference per category comes second, and at 30 prompts \
             it rarely shows anything."
        }
        "readers" => {
            "Readers differ in what they value. Their weights were fixed in the plan before any answer was seen."
        }
        "values" => {
            "How far a feature of an answer moves a judge's vote when all others are equal: log odds for one standard \
             deviation. Seven features are looked at, so one interval in twenty misses zero by chance."
        }
        "disagreement" => {
            "Judges that differ by more than they differ from themselves value different things. The test deals the verdicts of \
             each pair among the judges at random and asks how often that divides them as much. Topics are made by the words \
             of the prompts alone, before any vote is looked at."
        }
        "panel" => {
            "The headline without each judge, and how often a judge gives the same verdict when asked the same again: judges \
             that agree with each other as often as with themselves differ by noise alone."
        }
        "variance" => {
            "A win rate is uncertain because prompts, answers, judges and single verdicts differ. Collect more of whatever \
             varies most."
        }
        "strengths" => {
            "Log odds of winning a decided prompt against the base. The bars hold for all arms at once: in 95 of 100 repetitions the \
             whole curve lies inside them. An early checkpoint is not what a shorter training would give."
        }
        "recitation" => {
            "A win in the domain can come from saying training texts again. Each judged answer is compared with every training text, word \
             for word."
        }
        "people" => {
            "Agreement among judges is not validity. Votes of people correct the judges' win rate for what the judges get wrong."
        }
        "planned" => {
            "A figure that was planned once and looked at once means what it says. Each extra look makes a lucky finding more likely."
        }
        _ => panic!("`{id}` is no group of findings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::GROUPS;

    #[test]
    fn every_group_is_explained_in_words_of_its_own() {
        let mut texts = GROUPS.map(|(id, _)| plain(id));
        assert!(texts.iter().all(|text| text.ends_with('.')), "{texts:?}");
        texts.sort_unstable();
        assert!(texts.windows(2).all(|two| two[0] != two[1]), "{texts:?}");
    }
}
