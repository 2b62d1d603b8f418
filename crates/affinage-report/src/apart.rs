//! A finished page in its parts, for a server whose pages may have no style and no script inside.

/// The parts of a page of [`render`](crate::render), as `templates/page.html` puts them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart<'a> {
    /// Up to the policy that allows the style and the script inside.
    before_policy: &'a str,
    head: &'a str,
    pub style: &'a str,
    body: &'a str,
    pub script: &'a str,
    end: &'a str,
}

impl<'a> Apart<'a> {
    /// `None`: it is no page of this report.
    pub fn of(html: &'a str) -> Option<Self> {
        let (before_policy, rest) = html.split_once("<meta http-equiv=\"Content-Security-Policy\"")?;
        let (_, rest) = rest.split_once(">\n")?;
        let (head, rest) = rest.split_once("<style>")?;
        let (style, rest) = rest.split_once("</style>")?;
        let (body, rest) = rest.rsplit_once("<script>")?;
        let (script, end) = rest.split_once("</script>")?;
        Some(Self { before_policy, head, style, body, script, end })
    }

    /// The page without its policy, with this markup in place of the style and of the script.
    pub fn page(&self, style: &str, script: &str) -> String {
        [self.before_policy, self.head, style, self.body, script, self.end].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::story::Story;
    use crate::{SCRIPT, STYLE, render};

    #[test]
    fn a_page_is_taken_apart_and_loses_nothing_that_is_shown() {
        let page = render(&Story::new("").evidence()).html;
        let apart = Apart::of(&page).expect("a report");
        assert_eq!((apart.style, apart.script), (STYLE, SCRIPT));
        let inside =
            [format!("<style>{}</style>", apart.style), format!("<script>{}</script>", apart.script)];
        let whole = apart.page(&inside[0], &inside[1]);
        let policy = page.lines().find(|line| line.contains("Content-Security-Policy")).expect("a policy");
        assert_eq!(whole, page.replace(&format!("{policy}\n"), ""));
        let linked = apart.page("<link>", "<script src>");
        assert!(!linked.contains("<style>") && !linked.contains("<script>"), "nothing is inside");
        assert!(linked.contains("id=\"pair-data\""), "the data stays in the page");
        assert_eq!(Apart::of("<p>"), None);
    }
}
