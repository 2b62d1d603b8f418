//! How fast a server is asked: how many calls at once, and how many a minute. Pure; time comes in as an argument.

use std::time::Duration;

/// The number of calls in flight by additive increase and multiplicative decrease (AIMD): halved when the server says
/// that it is too much, one more after as many successes as there are calls in flight, never above the ceiling.
#[derive(Clone, Debug, PartialEq)]
pub struct Aimd {
    limit: f64,
    ceiling: usize,
    /// Since some origin; before it no second cut is made.
    next_cut: Duration,
    /// The fewest calls in flight that were allowed so far.
    lowest: usize,
}

/// Refusals of calls that were on their way together are one signal. The server's own Retry-After delays the call that
/// it answers and not this timer: else one long wait would freeze the limit.
const COOLDOWN: Duration = Duration::from_secs(1);

impl Aimd {
    pub fn new(ceiling: usize) -> Aimd {
        let ceiling = ceiling.max(1);
        Aimd { limit: ceiling as f64, ceiling, next_cut: Duration::ZERO, lowest: ceiling }
    }

    /// Calls that may be in flight now: at least one.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    pub fn lowest(&self) -> usize {
        self.lowest
    }

    pub fn succeeded(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.ceiling as f64);
    }

    /// The server is overloaded or limits us; `now` is the time since the same origin in every call.
    pub fn overloaded(&mut self, now: Duration) {
        if now >= self.next_cut {
            self.limit = (self.limit / 2.0).floor().max(1.0);
            self.next_cut = now + COOLDOWN;
            self.lowest = self.lowest.min(self.limit());
        }
    }
}

/// At most so many calls a minute, evenly spread.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    interval: Duration,
    next: Duration,
}

impl RateLimit {
    pub fn per_minute(calls: usize) -> RateLimit {
        RateLimit { interval: Duration::from_secs(60) / calls.max(1) as u32, next: Duration::ZERO }
    }

    /// Takes the next turn and says how long to wait for it.
    pub fn turn(&mut self, now: Duration) -> Duration {
        let at = self.next.max(now);
        self.next = at + self.interval;
        at - now
    }

    /// A stricter limit holds from now on.
    pub fn tighten(&mut self, calls_per_minute: usize) {
        self.interval = self.interval.max(RateLimit::per_minute(calls_per_minute).interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_flight_fall_by_half_once_and_rise_by_one() {
        let at = Duration::from_millis;
        let mut aimd = Aimd::new(16);
        (0..5).for_each(|_| aimd.overloaded(at(100)));
        assert_eq!(aimd.limit(), 8, "five refusals at once are one signal");
        aimd.overloaded(at(1200));
        assert_eq!(aimd.limit(), 4);
        (0..5).for_each(|_| aimd.succeeded());
        assert_eq!(aimd.limit(), 5, "four successes and a rounding are one more");
        (0..1000).for_each(|_| aimd.succeeded());
        assert_eq!(aimd.limit(), 16, "never above the ceiling");
        (2..20).for_each(|second| aimd.overloaded(Duration::from_secs(second)));
        assert_eq!((aimd.limit(), aimd.lowest()), (1, 1), "one call is always allowed");
    }

    #[test]
    fn turns_are_spread_over_the_minute() {
        let at = Duration::from_secs;
        let mut rate_limit = RateLimit::per_minute(30);
        assert_eq!([at(0), at(0), at(1)].map(|now| rate_limit.turn(now)), [at(0), at(2), at(3)]);
        assert_eq!(rate_limit.turn(at(60)), at(0), "what was not used is not saved up");
        rate_limit.tighten(10);
        assert_eq!([at(60), at(60)].map(|now| rate_limit.turn(now)), [at(2), at(8)]);
    }
}
