//! Where the time of a pass goes, by kernel. Off unless asked for: then a lap costs one branch.

use std::time::Instant;

/// Seconds by name of the kernel, in the order in which they first came.
#[derive(Debug, Default)]
pub struct Profile {
    last: Option<Instant>,
    seconds: Vec<(&'static str, f64)>,
}

impl Profile {
    /// Begins to measure.
    pub fn start(&mut self) {
        self.last = Some(Instant::now());
    }

    /// Begins again after time that belongs to nobody.
    pub fn skip(&mut self) {
        if self.last.is_some() {
            self.last = Some(Instant::now());
        }
    }

    /// Gives the time since the last lap to `kernel`.
    #[inline]
    pub fn lap(&mut self, kernel: &'static str) {
        let Some(last) = self.last else { return };
        let now = Instant::now();
        let seconds = (now - last).as_secs_f64();
        self.last = Some(now);
        match self.seconds.iter_mut().find(|(name, _)| *name == kernel) {
            Some((_, total)) => *total += seconds,
            None => self.seconds.push((kernel, seconds)),
        }
    }

    /// Seconds of each kernel so far, the largest first.
    pub fn seconds(&self) -> Vec<(&'static str, f64)> {
        let mut all = self.seconds.clone();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}
