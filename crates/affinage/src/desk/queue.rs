//! Which card comes next, and the way back.

use std::collections::HashMap;

use super::catalogue::Catalogue;
use crate::library::Decision;

/// The cards that were shown or promised, in their order; the next one is found when it is asked for.
#[derive(Default)]
pub struct Queue {
    trail: Vec<usize>,
}

impl Queue {
    /// The first card nobody decided on.
    pub fn first(&mut self, catalogue: &Catalogue, decisions: &HashMap<String, Decision>) -> Option<usize> {
        let first = self.undecided(catalogue, decisions)?;
        self.trail.push(first);
        Some(first)
    }

    /// The card after `index`: the one promised before, or the next that nobody decided on.
    pub fn after(
        &mut self,
        index: usize,
        catalogue: &Catalogue,
        decisions: &HashMap<String, Decision>,
    ) -> Option<usize> {
        let place = self.place(index);
        if let Some(&promised) = self.trail.get(place + 1) {
            return Some(promised);
        }
        let next = self.undecided(catalogue, decisions)?;
        self.trail.push(next);
        Some(next)
    }

    /// The card before `index` on the trail.
    pub fn before(&mut self, index: usize) -> Option<usize> {
        let place = self.place(index);
        place.checked_sub(1).map(|before| self.trail[before])
    }

    fn place(&mut self, index: usize) -> usize {
        let known = self.trail.iter().rposition(|&shown| shown == index);
        known.unwrap_or_else(|| {
            self.trail.push(index);
            self.trail.len() - 1
        })
    }

    fn undecided(&self, catalogue: &Catalogue, decisions: &HashMap<String, Decision>) -> Option<usize> {
        let is_open = |index: &usize| {
            !decisions.contains_key(&catalogue.entries[*index].id) && !self.trail.contains(index)
        };
        (0..catalogue.entries.len()).find(is_open)
    }
}
