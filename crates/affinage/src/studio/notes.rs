//! What stages tell a page: kept until it is fetched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affinage_project::observer::{Kind, Meter, Observer, Silent, Task};

/// Messages that a person should read, in order; clones share them. How far work is, is not kept.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// What was kept since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Notes {
    fn message(&self, kind: Kind, text: &str) {
        if kind != Kind::Detail {
            self.lock().push(text.to_owned());
        }
    }

    fn begin(&self, _: Task) -> Box<dyn Meter> {
        Box::new(Silent)
    }
}
