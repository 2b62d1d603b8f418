//! Stop texts: nothing of them is shown, so what might be the beginning of one is held back.

/// Lets text through until one of the stop texts is complete.
pub struct StopFilter {
    stops: Vec<String>,
    held: String,
}

/// What can be shown now, and whether a stop text was completed.
#[derive(Debug, PartialEq)]
pub struct Passed {
    pub text: String,
    pub stopped: bool,
}

impl StopFilter {
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    pub fn push(&mut self, piece: &str) -> Passed {
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            return Passed { text: self.held[..at].to_owned(), stopped: true };
        }
        let keep = self.stops.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0);
        let text = self.held.drain(..self.held.len() - keep).collect();
        Passed { text, stopped: false }
    }

    /// What was held back for nothing.
    pub fn finish(self) -> String {
        self.held
    }
}

/// Bytes at the end of `text` that begin `stop`.
fn begun(text: &str, stop: &str) -> usize {
    let lens = stop.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
    lens.filter(|len| text.ends_with(&stop[..*len])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut filter = StopFilter::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut text = String::new();
        for piece in pieces {
            let passed = filter.push(piece);
            text.push_str(&passed.text);
            if passed.stopped {
                return (text, true);
            }
        }
        (text + &filter.finish(), false)
    }

    #[test]
    fn stop_texts_end_a_text_wherever_the_pieces_break() {
        assert_eq!(shown(&["\n\nQ:"], &["one\n", "\nQ", ": two"]), ("one".to_owned(), true));
        assert_eq!(shown(&["\n\nQ:"], &["one\n", "\nA: two\n\n"]), ("one\n\nA: two\n\n".to_owned(), false));
        assert_eq!(shown(&["é!", "xyz"], &["aé", "b xy"]), ("aéb xy".to_owned(), false));
        assert_eq!(shown(&["b", "ab"], &["xab"]), ("x".to_owned(), true));
        assert_eq!(shown(&[""], &["x"]), ("x".to_owned(), false));
    }
}
