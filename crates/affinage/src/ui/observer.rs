//! What stages tell, on the terminal.

use std::time::Duration;

use affinage_project::observer::{Kind, Meter, Observer, Task};

use super::{Paint, Progress, Start, Ui};

impl Observer for Ui {
    fn message(&self, kind: Kind, text: &str) {
        match kind {
            Kind::Said => self.say(text),
            Kind::Detail => self.detail(text),
            Kind::Warning => self.warn(text),
            Kind::Hint => self.hint(text),
        }
    }

    fn begin(&self, Task { label, total, unit, is_short }: Task) -> Box<dyn Meter> {
        Box::new(Progress::start(self, label, total, unit, if is_short { Start::Late } else { Start::Now }))
    }

    fn dimmed(&self, text: &str) -> String {
        self.paint(Paint::Dim, text)
    }

    fn is_stage(&self) -> bool {
        Ui::is_stage(self)
    }
}

impl Meter for Progress {
    fn skip(&self, n: u64) {
        Progress::skip(self, n);
    }

    fn advance(&self, n: u64) {
        Progress::advance(self, n);
    }

    fn note(&self, text: String) {
        Progress::note(self, text);
    }

    fn tell(&self, per_second: f64, left: Duration) {
        Progress::tell(self, per_second, left);
    }

    fn finish(self: Box<Self>, text: &str) {
        Progress::finish(*self, text);
    }
}
