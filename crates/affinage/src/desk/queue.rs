//! Which card comes next and why, and the way back.
//!
//! Until 50 decisions the order comes from what the person did in the chat and from lint; then a model of their decisions
//! orders the cards, and learns again after every ten. One card in twenty is an old one, to be decided on again
//! without seeing the first decision.

use std::collections::{HashMap, HashSet};

use affinage_dataset::preference::Preference;
use affinage_project::folder::library::{Access, Action, Mark};

use super::catalogue::{Catalogue, FEATURES};

/// Decisions before the model takes over.
const LEARN_FROM: usize = 50;
/// Decisions after which it learns again.
const LEARN_EVERY: usize = 10;
const RIDGE: f64 = 2.0;
/// Cards put in order at once.
const AHEAD: usize = 300;
/// One second look for so many decisions: 5 %.
const SECOND_LOOK_EVERY: usize = 20;

/// A card that was shown or promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub index: usize,
    pub second_look: bool,
}

#[derive(Default)]
pub struct Queue {
    trail: Vec<Shown>,
    on_trail: HashSet<usize>,
    order: Vec<usize>,
    /// Decisions and entries when the order was made.
    ordered_at: (usize, usize),
    model: Option<Preference>,
    /// Candidates decided on, oldest first, those of them that were seen one at a time, and those looked at twice.
    pub decided: Vec<String>,
    pub seen: HashSet<String>,
    looked_twice: HashSet<String>,
    /// The only cards that come up, while the person goes through a selection.
    only: Option<HashSet<usize>>,
}

impl Queue {
    /// A queue that goes on from earlier decisions, oldest first, those made on one card alone, and second looks.
    pub fn new(decided: Vec<String>, seen: HashSet<String>, looked_twice: HashSet<String>) -> Queue {
        Queue { decided, seen, looked_twice, ..Queue::default() }
    }

    /// The card to begin with: the place on the desk, else the first that nobody decided on.
    pub fn begin(
        &mut self,
        place: Option<usize>,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
    ) -> Option<Shown> {
        if self.trail.is_empty() {
            let earlier: Vec<usize> = self.decided.iter().filter_map(|id| catalogue.index(id)).collect();
            earlier.into_iter().filter(|index| Some(*index) != place).for_each(|index| self.push(index));
        }
        match place {
            Some(index) => {
                let place = self.place(index);
                self.trail.get(place).copied()
            }
            None => self.promise(catalogue, marks),
        }
    }

    /// The card after `index`: the one promised before, or the next that nobody decided on.
    pub fn after(
        &mut self,
        index: usize,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
    ) -> Option<Shown> {
        let place = self.place(index);
        match self.trail.get(place + 1) {
            Some(&promised) => Some(promised),
            None => self.promise(catalogue, marks),
        }
    }

    pub fn before(&mut self, index: usize) -> Option<Shown> {
        let place = self.place(index);
        place.checked_sub(1).map(|before| self.trail[before])
    }

    /// Why a card is where it is, in plain words; nothing where that would not help to decide.
    pub fn why(&self, index: usize, catalogue: &Catalogue) -> String {
        let features = &catalogue.entries[index].features;
        let Some(model) = &self.model else {
            let signs: Vec<&str> =
                [2, 5, 8].into_iter().filter(|&j| features[j] > 0.0).map(|j| FEATURES[j].0).collect();
            let signs = if signs.is_empty() { "next in line".to_owned() } else { signs.join(", ") };
            if self.decided.len() >= LEARN_FROM {
                return signs;
            }
            return format!("{signs}. The order adapts after {LEARN_FROM} decisions");
        };
        let mut parts: Vec<(usize, f64)> = model.contributions(features).into_iter().enumerate().collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        // The word tells the candidate's side of the average, whichever way the person leans.
        let words = |j: usize| match model.is_above_mean(j, features[j]) {
            true => FEATURES[j].0,
            false => FEATURES[j].1,
        };
        let strongest: Vec<(&str, f64)> =
            parts.iter().take(2).filter(|(_, c)| c.abs() > 0.05).map(|(j, c)| (words(*j), *c)).collect();
        chance_in_words(model.probability(features), &strongest)
    }

    /// Only these cards come up from here on (`None`: all again); gives the first of them that is open.
    pub fn keep_to(
        &mut self,
        only: Option<HashSet<usize>>,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
    ) -> Option<Shown> {
        self.only = only;
        // What was promised before is promised again.
        self.retain(|index| {
            marks.get(&catalogue.entries[index].id).is_some_and(|mark| mark.action.is_some())
        });
        self.promise(catalogue, marks)
    }

    /// Open cards that are left of the selection.
    pub fn left(&self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> usize {
        let open = |index: &&usize| {
            let action = marks.get(&catalogue.entries[**index].id).and_then(|mark| mark.action);
            catalogue.conversation(**index).access().is_left_to_decide(action)
        };
        self.only.iter().flatten().filter(open).count()
    }

    /// Takes cards off the way that are not to be shown there any more.
    pub fn retain(&mut self, stays: impl Fn(usize) -> bool) {
        self.trail.retain(|shown| stays(shown.index));
        self.on_trail.retain(|index| stays(*index));
        // Others may be open now.
        self.order.clear();
    }

    fn push(&mut self, index: usize) {
        self.on_trail.insert(index);
        self.trail.push(Shown { index, second_look: false });
    }

    fn place(&mut self, index: usize) -> usize {
        let known = self.trail.iter().rposition(|shown| shown.index == index);
        known.unwrap_or_else(|| {
            self.push(index);
            self.trail.len() - 1
        })
    }

    fn promise(&mut self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> Option<Shown> {
        let due = if self.only.is_none() { self.due_for_second_look(catalogue) } else { None };
        if let Some(index) = due {
            let shown = Shown { index, second_look: true };
            self.looked_twice.insert(catalogue.entries[index].id.clone());
            self.trail.push(shown);
            return Some(shown);
        }
        self.order(catalogue, marks);
        let next = match self.first_open(catalogue, marks) {
            Some(next) => next,
            None => {
                // The best ones are used up before it was time to learn.
                self.order.clear();
                self.order(catalogue, marks);
                self.first_open(catalogue, marks)?
            }
        };
        self.push(next);
        self.trail.last().copied()
    }

    fn first_open(&self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> Option<usize> {
        self.order.iter().copied().find(|&index| self.is_open(index, catalogue, marks))
    }

    fn is_open(&self, index: usize, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> bool {
        !self.on_trail.contains(&index)
            && self.only.as_ref().is_none_or(|only| only.contains(&index))
            && catalogue
                .conversation(index)
                .access()
                .is_left_to_decide(marks.get(&catalogue.entries[index].id).and_then(|mark| mark.action))
    }

    /// An old card, decided on long enough ago to be forgotten; each is looked at again once.
    fn due_for_second_look(&self, catalogue: &Catalogue) -> Option<usize> {
        // Who accepted many at once has not seen them: a first look cannot be a second one.
        let seen: Vec<&String> = self.decided.iter().filter(|id| self.seen.contains(*id)).collect();
        let due = seen.len() / SECOND_LOOK_EVERY;
        if self.looked_twice.len() >= due {
            return None;
        }
        let old = &seen[..seen.len() - SECOND_LOOK_EVERY / 2];
        let stride = 7; // Coprime to 20: the choice does not follow the rhythm of the queue.
        let start = self.looked_twice.len() * stride;
        let candidates = (0..old.len()).map(|i| old[(start + i * stride) % old.len()]);
        let is_shown = |index: &usize| catalogue.conversation(*index).access() != Access::Never;
        let fresh = candidates.filter(|id| !self.looked_twice.contains(*id));
        fresh.filter_map(|id| catalogue.index(id)).find(is_shown)
    }

    fn order(&mut self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) {
        let now = (self.decided.len(), catalogue.entries.len());
        // While the library is being read, a new order for every batch would cost more than it is worth.
        let grown = now.1 - self.ordered_at.1.min(now.1);
        let has_all = grown == 0 || (!catalogue.is_whole && grown < self.ordered_at.1 / 4);
        let is_fresh = has_all && now.0.abs_diff(self.ordered_at.0) < LEARN_EVERY;
        if is_fresh && !self.order.is_empty() {
            return;
        }
        self.ordered_at = now;
        self.model = if now.0 >= LEARN_FROM { self.learn(catalogue, marks) } else { None };
        let score = |index: usize| match &self.model {
            Some(model) => model.probability(&catalogue.entries[index].features),
            None => catalogue.entries[index].prior(),
        };
        let is_queued = |&index: &usize| {
            catalogue.conversation(index).access() == Access::Open
                && self.only.as_ref().is_none_or(|only| only.contains(&index))
        };
        let queued = (0..now.1).filter(is_queued);
        let mut scored: Vec<(usize, f64)> = queued.map(|index| (index, score(index))).collect();
        let best_first = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        // Of tens of thousands only the next ones have to stand in order: as many as are decided on, and some more.
        let wanted = AHEAD + self.on_trail.len() + marks.len();
        if scored.len() > wanted {
            scored.select_nth_unstable_by(wanted - 1, best_first);
            scored.truncate(wanted);
        }
        scored.retain(|(index, _)| self.is_open(*index, catalogue, marks));
        scored.sort_unstable_by(best_first);
        self.order = scored.into_iter().map(|(index, _)| index).collect();
    }

    fn learn(&self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> Option<Preference> {
        let mut rows = Vec::new();
        let mut accepted = Vec::new();
        for id in &self.decided {
            let action = marks.get(id).and_then(|mark| mark.action);
            if let (Some(index), Some(action)) = (catalogue.index(id), action) {
                rows.push(catalogue.entries[index].features.clone());
                accepted.push(action != Action::Reject);
            }
        }
        Preference::fit(&rows, &accepted, RIDGE)
    }
}

/// What is this certain in either direction needs no chance in figures.
const CERTAIN: f64 = 0.8;

/// "about a 55 % chance that you accept it, by your decisions so far; for it: a short answer". Empty where the person would
/// hardly decide otherwise. Reasons are told where they point to the likelier decision too: a chance of 70 % with a reason
/// against alone explains nothing.
fn chance_in_words(chance: f64, reasons: &[(&str, f64)]) -> String {
    if !(1.0 - CERTAIN..=CERTAIN).contains(&chance) {
        return String::new();
    }
    let of = |is_for: bool| -> Vec<&str> {
        reasons.iter().filter(|(_, weight)| (*weight > 0.0) == is_for).map(|(name, _)| *name).collect()
    };
    let mut words =
        format!("about a {:.0} % chance that you accept it, by your decisions so far", 100.0 * chance);
    if of(chance >= 0.5).is_empty() {
        return words;
    }
    for (side, names) in [("for it", of(true)), ("against it", of(false))] {
        if !names.is_empty() {
            words.push_str(&format!("; {side}: {}", names.join(", ")));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_is_told_where_it_helps_and_its_reasons_point_the_same_way() {
        let said = |chance: f64, reasons: &[(&str, f64)]| chance_in_words(chance, reasons);
        assert_eq!(said(0.99, &[("varied words", 0.4)]), "");
        assert_eq!(said(0.05, &[("lint found errors", -0.4)]), "");
        assert_eq!(
            said(0.55, &[("varied words", 0.4), ("a long answer", -0.2)]),
            "about a 55 % chance that you accept it, by your decisions so far; for it: varied words; against it: a long answer"
        );
        let alone = "about a 70 % chance that you accept it, by your decisions so far";
        assert_eq!(said(0.7, &[("a long answer", -0.2)]), alone);
    }
}
