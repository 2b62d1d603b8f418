//! What stands between `---` lines (YAML) or `+++` lines (TOML), or in an object of JSON, at the head of a text, as fields with
//! their values.
//!
//! Read by lines: half of what people write there is no valid YAML, and the fields beside a broken one still say something.
//! Lines that are no field are kept as they are ([`FrontMatter::unread`]), so that what hides a text is found in them too.

use serde_json::Value;

/// The front matter of a text with its fences, and the rest. What only stands between two rules is no front matter. One that
/// is never closed ends at the first empty line.
pub(in crate::import) fn split(text: &str) -> (&str, &str) {
    let begin = text.len() - text.trim_start().len();
    if let Some(len) = json_at_head(&text[begin..]) {
        return text.split_at(begin + len);
    }
    let begin = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let mut lines = text[begin..].split_inclusive('\n');
    let Some(opening) = lines.next() else { return ("", text) };
    let fence = opening.trim_end();
    if !["---", "+++"].contains(&fence) {
        return ("", text);
    }
    let inside = begin + opening.len();
    let (mut end, mut empty) = (inside, None);
    for line in lines {
        let bare = line.trim_end();
        let from = end;
        end += line.len();
        if bare == fence || (fence == "---" && bare == "...") {
            let front = FrontMatter::of(&text[begin..from]);
            // A line that is no field, and a paragraph of its own: the rule stands in the text below.
            if front.is_likely() && (front.unread.is_empty() || empty.is_none()) {
                return text.split_at(end);
            }
            break;
        }
        if bare.is_empty() && from > inside {
            empty.get_or_insert(from);
        }
    }
    let end = empty.unwrap_or(end);
    let unclosed = FrontMatter::of(&text[begin..end]);
    match unclosed.known > 0 && unclosed.is_likely() {
        true => text.split_at(end),
        false => ("", text),
    }
}

/// The length of an object of JSON at the beginning of a text, if words stand below it.
pub(in crate::import) fn json_at_head(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let object = text.starts_with('{').then(|| values.next()?.ok())??;
    let len = values.byte_offset();
    let rest = &text[len..];
    let line = rest.split('\n').next().unwrap_or_default();
    let is_text = line.trim().is_empty()
        && rest.trim_start().starts_with(|c| !matches!(c, '{' | '[' | ',' | ']' | '}'));
    // A list of objects is a list of messages, or of records.
    let is_list = |value: &Value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
    let is_front =
        object.as_object().is_some_and(|fields| !fields.is_empty() && !fields.values().any(is_list));
    (is_text && is_front).then_some(len)
}

/// Fields that note programs and site generators write, at the top.
#[rustfmt::skip]
const KNOWN: [&str; 56] = [
    "title", "titel", "titre", "título", "titolo", "subtitle", "date", "datum", "created", "created_at", "creation date", "updated", "modified",
    "lastmod", "tags", "tag", "aliases", "alias", "author", "authors", "by", "byline", "draft", "publish", "published", "public", "private",
    "privat", "category", "categories", "keywords", "description", "summary", "layout", "type", "status", "class", "cssclass", "cssclasses",
    "id", "uid", "uuid", "slug", "permalink", "source", "url", "lang", "language", "visibility", "access", "dg-publish", "dg-home",
    "confidential", "classification", "sensitivity", "weight",
];
/// A line of this many words that is no field is a sentence.
const SENTENCE_WORDS: usize = 6;

/// The fields of a front matter by their paths in lower case, `author.name`; each item of a list is a value.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    fields: Vec<(String, String)>,
    /// Lines that are no field, and no part of one.
    pub(super) unread: Vec<String>,
    /// Fields at the top by what they look like: of a known name, of another, or a sentence with a colon in it.
    known: usize,
    others: usize,
    sentences: usize,
    begins_otherwise: bool,
}

impl FrontMatter {
    pub(super) fn of(text: &str) -> FrontMatter {
        let mut front = FrontMatter::default();
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if let Some(Ok(object)) = text
            .starts_with('{')
            .then(|| serde_json::Deserializer::from_str(text).into_iter().next())
            .flatten()
        {
            front.read_json("", &object);
        } else if text.starts_with("+++") {
            front.read_toml(text);
        } else {
            front.read_yaml(text);
        }
        front
    }

    /// Whether it reads as fields, and not as text between two rules.
    fn is_likely(&self) -> bool {
        let fields = self.known + self.others;
        let is_sentence = |line: &String| {
            line.ends_with(['.', '!', '?', '…']) || line.split_whitespace().count() >= SENTENCE_WORDS
        };
        !self.begins_otherwise
            && fields > self.sentences
            && fields >= self.unread.len()
            && !self.unread.iter().any(is_sentence)
    }

    /// Counts a field at the top by what it looks like.
    fn weigh(&mut self, key: &str, value: &str) {
        let words = value.split_whitespace().count();
        let ends_sentence = value.ends_with(['.', '!', '?', '…']) && words >= 4;
        let begins_upper = key.starts_with(char::is_uppercase);
        let has_space = key.contains(' ');
        let is_sentence = key.starts_with(|c: char| c.is_ascii_digit())
            || (begins_upper && has_space && (words >= SENTENCE_WORDS || ends_sentence))
            || ((begins_upper || has_space) && (words >= 2 * SENTENCE_WORDS || ends_sentence));
        match (KNOWN.contains(&key.to_lowercase().as_str()), is_sentence) {
            (true, false) => self.known += 1,
            // A description is a sentence.
            (true, true) => {}
            (false, false) => self.others += 1,
            (false, true) => self.sentences += 1,
        }
    }

    fn leave_unread(&mut self, line: &str) {
        self.begins_otherwise |= self.fields.is_empty() && self.known + self.others + self.sentences == 0;
        self.unread.push(line.to_owned());
    }

    fn read_json(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(key, value)| self.read_json(&below(path, &key.to_lowercase()), value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.read_json(path, item)),
            Value::Null => {}
            Value::String(words) => self.fields.push((path.to_owned(), words.trim().to_owned())),
            other => self.fields.push((path.to_owned(), other.to_string())),
        }
    }

    /// Values of the fields of these names, or of their `name` where they are groups of fields.
    pub(super) fn values<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let is = |path: &str| names.contains(&path.strip_suffix(".name").unwrap_or(path));
        self.fields.iter().filter(move |(path, _)| is(path)).map(|(_, value)| value.as_str())
    }

    /// All fields, however deep they stand.
    pub(super) fn paths_and_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(path, value)| (path.as_str(), value.as_str()))
    }

    fn read_toml(&mut self, text: &str) {
        let mut table = String::new();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "+++");
        while let Some(line) = lines.next() {
            if let Some((key, value)) = key_and_value(line, '=') {
                self.others += 1;
                let value = match ["\"\"\"", "'''"].into_iter().find(|quotes| value.starts_with(quotes)) {
                    Some(quotes) => over_lines(value, quotes, &mut lines),
                    None => whole(value, &mut lines),
                };
                self.known += usize::from(KNOWN.contains(&key.to_lowercase().as_str()));
                self.add(&below(&table, &key.to_lowercase()), &value);
            } else if line.starts_with('[') {
                self.others += 1;
                table = without_comment(line).trim_matches(['[', ']', ' ']).to_lowercase();
            } else if !line.starts_with('#') {
                self.leave_unread(line);
            }
        }
    }

    fn read_yaml(&mut self, text: &str) {
        // The keys above a line, with their indents.
        let mut above: Vec<(usize, String)> = Vec::new();
        // The indent of a key whose value is the lines below it (`|` or `>`).
        let mut block: Option<usize> = None;
        // The key before has no value yet: it may stand on the next line.
        let mut is_open = false;
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            let mut content = line.trim_start();
            let mut indent = line.len() - content.len();
            if block.is_some_and(|key| indent > key) {
                self.go_on(content);
                continue;
            }
            block = None;
            if content.starts_with('#') || ["---", "..."].contains(&line) {
                continue;
            }
            // `? key` with its value on the next line.
            let asked = content
                .strip_prefix("? ")
                .zip(lines.clone().next().and_then(|next| next.trim_start().strip_prefix(": ")));
            if let Some((key, value)) = asked {
                lines.next();
                self.others += 1;
                self.add(&unquoted(key).to_lowercase(), value);
                continue;
            }
            let mut is_item = false;
            while let Some(item) = content.strip_prefix('-').filter(|item| item.starts_with([' ', '\t'])) {
                above.truncate(above.iter().take_while(|(at, _)| *at <= indent).count());
                indent += content.len() - item.trim_start().len();
                content = item.trim_start();
                is_item = true;
            }
            let path =
                |above: &[(usize, String)]| above.last().map_or(String::new(), |(_, path)| path.clone());
            match key_and_value(content, ':') {
                Some((key, value)) => {
                    above.truncate(above.iter().take_while(|(at, _)| *at < indent).count());
                    if above.is_empty() && !is_item {
                        self.weigh(key, value);
                    }
                    let path = below(&path(&above), &key.to_lowercase());
                    above.push((indent, path.clone()));
                    if value.starts_with(['|', '>']) && without_comment(value).len() <= 3 {
                        block = Some(indent);
                        self.fields.push((path, String::new()));
                    } else {
                        is_open = value.is_empty();
                        let value = whole(value, &mut lines);
                        self.add(&path, &value);
                    }
                }
                // An item below no field is one of a list in the text.
                None if is_item && above.is_empty() => self.leave_unread(content),
                None if is_item => self.add(&path(&above), &whole(content, &mut lines)),
                None if content.starts_with('{') => {
                    let group = whole(content, &mut lines);
                    let before = self.fields.len();
                    self.add("", &group);
                    match self.fields.len() > before {
                        true => self.others += 1,
                        false => self.leave_unread(content),
                    }
                }
                None if indent > 0 && is_open => {
                    let path = path(&above);
                    self.add(&path, &whole(content, &mut lines));
                    is_open = false;
                }
                // A long value goes on.
                None if indent > 0 && !self.fields.is_empty() => self.go_on(content),
                None => self.leave_unread(content),
            }
        }
    }

    /// Adds a value, or each of a list's or group's.
    fn add(&mut self, path: &str, value: &str) {
        let value = without_comment(value).trim();
        let inside = |open: char, close: char| value.strip_prefix(open).and_then(|v| v.strip_suffix(close));
        if let Some(list) = inside('[', ']') {
            parts(list).for_each(|item| self.add(path, item));
        } else if let Some(group) = inside('{', '}') {
            for field in parts(group) {
                let found = key_and_value(field, ':').or_else(|| key_and_value(field, '='));
                found.into_iter().for_each(|(key, value)| self.add(&below(path, &key.to_lowercase()), value));
            }
        } else {
            let value = unquoted(value);
            if !["", "~", "null"].contains(&value.as_str()) {
                self.fields.push((path.to_owned(), value));
            }
        }
    }

    /// Adds words to the value before.
    fn go_on(&mut self, words: &str) {
        if let Some((_, value)) = self.fields.last_mut() {
            *value = format!("{value} {words}").trim().to_owned();
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The key of a line, and what stands behind the sign after it.
pub(super) fn key_and_value(line: &str, sign: char) -> Option<(&str, &str)> {
    let line = line.trim();
    let quote = line.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (key, rest) = match quote {
        Some(quote) => line[1..].split_once(quote).map(|(key, rest)| (key, rest.trim_start()))?,
        None => line.split_at(line.find(sign)?),
    };
    let value = rest.strip_prefix(sign)?;
    // `https://` holds no key, and a key is no sentence.
    let is_key = !key.trim().is_empty()
        && key.chars().count() <= 60
        && !key.contains(['[', '{', '"', ',', '#'])
        && key.starts_with(char::is_alphanumeric)
        && (sign == '=' || value.is_empty() || value.starts_with([' ', '\t']));
    is_key.then(|| (key.trim(), value.trim()))
}

/// A string of TOML over several lines, as one line.
fn over_lines<'a>(value: &str, quotes: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut words = value[quotes.len()..].to_owned();
    while !words.contains(quotes) {
        match lines.next() {
            Some(line) => words = format!("{words} {line}"),
            None => break,
        }
    }
    words.split(quotes).next().unwrap_or_default().trim().to_owned()
}

/// A value with the lines on which its list or group goes on.
fn whole<'a>(value: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut value = without_comment(value).to_owned();
    while value.starts_with(['[', '{']) && depth(&value) > 0 {
        match lines.next().filter(|line| !["---", "+++", "..."].contains(line)) {
            Some(line) => value = format!("{value} {}", without_comment(line).trim()),
            None => break,
        }
    }
    value
}

/// The characters of a value with their places; true for those that stand in quotes.
fn with_quotes(value: &str) -> impl Iterator<Item = (usize, char, bool)> + '_ {
    let mut quote = None;
    let mut before = ' ';
    value.char_indices().map(move |(at, c)| {
        let begins = matches!(before, ' ' | '[' | '{' | ',' | ':' | '=');
        let is_quote = matches!(c, '"' | '\'');
        let was_inside = quote.is_some();
        if quote == Some(c) && before != '\\' {
            quote = None;
        } else if quote.is_none() && is_quote && begins {
            quote = Some(c);
        }
        before = c;
        (at, c, was_inside || quote.is_some())
    })
}

/// How many lists and groups are open at the end of a value.
fn depth(value: &str) -> i64 {
    let bare = with_quotes(value).filter(|(_, _, is_quoted)| !is_quoted);
    bare.map(|(_, c, _)| match c {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    })
    .sum()
}

/// The parts of a list, which commas part outside of quotes and inner lists.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let (mut open, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c, _) in with_quotes(list).filter(|(_, _, is_quoted)| !is_quoted) {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open -= 1,
            ',' if open == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[from..]);
    parts.into_iter().map(str::trim)
}

/// A value without the comment behind it. `#private` is a tag: a comment's sign has a space on both sides.
fn without_comment(value: &str) -> &str {
    let is_alone = |at: usize| {
        (at == 0 || value[..at].ends_with([' ', '\t']))
            && value[at + 1..].chars().next().is_none_or(|c| c == ' ')
    };
    let comment = with_quotes(value).find(|(at, c, is_quoted)| *c == '#' && !is_quoted && is_alone(*at));
    comment.map_or(value, |(at, ..)| value[..at].trim_end())
}

/// A value without its quotes.
fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    match (inside('"'), inside('\'')) {
        (Some(words), _) => words.replace("\\\"", "\""),
        (None, Some(words)) => words.replace("''", "'"),
        (None, None) => value.to_owned(),
    }
    .trim()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> String {
        let FrontMatter { fields, .. } = FrontMatter::of(text);
        let fields: Vec<String> = fields.iter().map(|(path, value)| format!("{path}={value}")).collect();
        fields.join(" | ")
    }

    #[test]
    fn front_matter_is_parted_from_the_text_and_from_rules() {
        let cases = [
            ("---\ntitle: A weir\n---\nIt leans.\n", "---\ntitle: A weir\n---\n"),
            (
                "---  \n# of the mill\n\ntags:\n- a\n...\nIt leans.\n",
                "---  \n# of the mill\n\ntags:\n- a\n...\n",
            ),
            ("+++\ntitle = \"A weir\"\n+++\nIt leans.\n", "+++\ntitle = \"A weir\"\n+++\n"),
            ("---\ntitle: A weir\n---", "---\ntitle: A weir\n---"),
            ("\n \n---\nmood: low\n---\t\nIt leans.\n", "\n \n---\nmood: low\n---\t\n"),
            (
                "---\n{title: A weir, private: true}\n---\nIt leans.\n",
                "---\n{title: A weir, private: true}\n---\n",
            ),
            (
                "---\ntitle: A weir\nid: 4\n? private\n: true\n---\nIt.\n",
                "---\ntitle: A weir\nid: 4\n? private\n: true\n---\n",
            ),
            (
                "---\ntitle: A weir\nDescription: It leans over the river, and nobody mends it.\n---\nIt.\n",
                "---\ntitle: A weir\nDescription: It leans over the river, and nobody mends it.\n---\n",
            ),
            ("{\n \"title\": \"A weir\"\n}\n\nIt leans.\n", "{\n \"title\": \"A weir\"\n}"),
            ("{\"a\": 1}\n{\"a\": 2}\n", ""),
            ("{\"a\": 1} leans\n", ""),
            // Never closed: to the first empty line, if a known field stands there.
            ("---\ntitle: never closed\n\nIt leans.\n\n---\n\nMore.\n", "---\ntitle: never closed\n"),
            ("---\nmood: low\n\nIt leans.\n", ""),
            ("---\ntitle: Weirs\nIt leans.\nIt falls.\n---\nMore.\n", ""),
            // Text between rules.
            ("---\nIt leans, and nobody mends it.\n---\nMore.\n", ""),
            ("---\n\nIt leans: so be it, until June.\n---\nMore.\n", ""),
            ("---\n---\nIt leans.\n---\n", ""),
            ("---\nDear Otto: the mill has stopped, and we wait for rain.\n---\nMore.\n", ""),
            ("---\n1998: a dry year.\n1999: a wet one.\n---\nMore.\n", ""),
            ("---\nWeir: it leans over the water since the flood.\n---\nMore.\n", ""),
            ("---\n> Otto said: let it lean.\n---\nMore.\n", ""),
            ("---\n- rope\n- nails\n---\nMore.\n", ""),
            ("---\nDate: 3 May\nThe mill has stopped, and all of us wait for rain.\n---\nMore.\n", ""),
            ("It leans.\n---\na: b\n---\n", ""),
        ];
        for (text, expected) in cases {
            let (head, rest) = split(text);
            assert_eq!(head, expected, "{text}");
            assert_eq!(format!("{head}{rest}"), text);
        }
    }

    #[test]
    fn lists_groups_quotes_and_comments_are_read() {
        let cases = [
            ("---\nAuthor: [Ida Feld, \"Mill, Otto\"] # both\n---\n", "author=Ida Feld | author=Mill, Otto"),
            ("---\ntags:\n- daily\n- '#private'\n---\n", "tags=daily | tags=#private"),
            ("---\ntags:\n    - daily # each day\n    - \"private\"\n---\n", "tags=daily | tags=private"),
            (
                "---\r\nauthor:\r\n  name: Ida Feld\r\n  url: https://a.test/x\r\ntitle: Weirs\r\n---\r\n",
                "author.name=Ida Feld | author.url=https://a.test/x | title=Weirs",
            ),
            (
                "---\nauthors:\n  - name: Ida Feld\n    of: Hull\n  - name: Otto Mill\nx: 1\n---\n",
                "authors.name=Ida Feld | authors.of=Hull | authors.name=Otto Mill | x=1",
            ),
            (
                "\u{feff}---\nauthor: {name: Ida Feld, of: 'the mill, Hull'}\n---\n",
                "author.name=Ida Feld | author.of=the mill, Hull",
            ),
            (
                "---\ntags: [\n  daily,\n  private, # mine\n]\nx: 'it''s so'\n---\n",
                "tags=daily | tags=private | x=it's so",
            ),
            (
                "---\nsummary: >\n  It leans: so\n  be it.\ntitle: ~\nempty:\nby: Ida\n---\n",
                "summary=It leans: so be it. | by=Ida",
            ),
            (
                "+++\ntitle = 'A weir' # old\nauthors = [\n  \"Ida Feld\",\n  \"Otto Mill\",\n]\n[params]\nprivate = true\n+++\n",
                "title=A weir | authors=Ida Feld | authors=Otto Mill | params.private=true",
            ),
            (
                "---\nauthor: \"[[Otto Mill]]\"\nsource: https://a.test/weirs#old\n---\n",
                "author=[[Otto Mill]] | source=https://a.test/weirs#old",
            ),
            ("---\ntitle: O'Brien's weir, and \"more\"\n---\n", "title=O'Brien's weir, and \"more\""),
        ];
        for (text, expected) in cases {
            assert_eq!(fields(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_alone_is_sought_at_the_top_and_what_hides_a_text_anywhere() {
        let found = FrontMatter::of(
            "---\nseries:\n  title: Rivers\nsite:\n  private: true\nauthor:\n  name: Ida\n---\n",
        );
        assert_eq!(found.values(&["title"]).next(), None);
        assert_eq!(found.values(&["author"]).next(), Some("Ida"));
        assert_eq!(found.values(&["private"]).next(), None);
        assert!(found.paths_and_values().any(|(path, value)| path == "site.private" && value == "true"));
    }
}
