//! Files that hold no chats: told by content, with what to do about each.

use std::sync::LazyLock;

use regex::Regex;

use super::pdf::PdfError;

/// What a file is instead of a chat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// With an article: "a PDF document".
    pub what: &'static str,
    pub way_out: &'static str,
    /// Many of them are told as one, by their ending.
    pub is_media: bool,
}

const fn document(what: &'static str, way_out: &'static str) -> Kind {
    Kind { what, way_out, is_media: false }
}

const fn media(what: &'static str) -> Kind {
    Kind { what, way_out: "affinage learns from text only", is_media: true }
}

const SAVE_AS_TEXT: &str =
    "save it as plain text or Markdown (in most programs: File, Save as) and import that file";
const SAVE_DOCUMENT: &str =
    "open it in a word processor, save it as .docx or .odt, which keeps its headings, and import that file";
const SAVE_NEW: &str = "open it and save it as .docx or .odt without a password, and import that file";
const COPY_TEXT: &str = "copy its text into a .txt or .md file, or take the product's own export (JSON, Markdown), and import that";
const UNPACK: &str = "unpack it and import the folder: `affinage import FOLDER`";
const SAVE_PAGE: &str = "save the page as HTML only, or copy the conversation into a .md file with who speaks before each turn, and import that";
const EXPORT_NOTES: &str = "export the notes as Markdown or HTML and import that folder";
const BY_ITSELF: &str = "take it out and import it by itself";

/// Where the bytes stand that tell a kind.
enum Mark {
    Start(&'static [u8]),
    At(usize, &'static [u8]),
    /// After white space and a byte order mark, without regard to case, and a second text near it.
    Text(&'static str, &'static str),
}

use Mark::{At, Start, Text};

/// The first row that fits counts.
static BY_CONTENT: &[(&[Mark], Kind)] = &[
    (&[Start(b"{\\rtf")], document("a rich text document (RTF)", SAVE_DOCUMENT)),
    (
        &[Start(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")],
        document(
            "a document of an old Office program (Word, Excel, PowerPoint, Outlook), or one with a password",
            SAVE_NEW,
        ),
    ),
    (&[Start(b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d")], document("a OneNote section", COPY_TEXT)),
    (&[At(60, b"BOOKMOBI")], document("an e-book (Kindle)", COPY_TEXT)),
    (&[Start(b"AT&TFORM")], document("a scanned document (DjVu)", COPY_TEXT)),
    (
        &[Start(b"bplist00")],
        document("a binary property list of Apple (a web archive of Safari is one)", SAVE_PAGE),
    ),
    (
        &[Text("<?xml", "<en-export"), Text("<en-export", "")],
        document("an Evernote export (ENEX)", EXPORT_NOTES),
    ),
    (&[Text("<?xml", "<opml")], document("an outline (OPML)", SAVE_AS_TEXT)),
    (&[Text("<?xml", "<smses")], document("a backup of text messages (XML)", SAVE_AS_TEXT)),
    (&[Text("<?xml", "<office:document")], document("an OpenDocument text in one file", SAVE_DOCUMENT)),
    (
        &[Text("version https://git-lfs", "")],
        document(
            "a pointer of Git LFS instead of the file itself",
            "fetch the file (`git lfs pull`, or download it from the page of the repository) and import that",
        ),
    ),
    (
        &[Text("[{'", "':"), Text("{'", "':")],
        document(
            "a list or object as Python prints it, which is not JSON",
            "write it with `json.dump(VALUE, file)` and import that file",
        ),
    ),
    (&[Text("<svg", ""), Text("<?xml", "<svg")], media("a picture (SVG)")),
    (
        &[Text("mime-version:", "multipart/related"), Text("from: <saved by", "")],
        document("a saved web page (MHTML)", SAVE_PAGE),
    ),
    (&[Start(b"\x89PNG")], media("a picture (PNG)")),
    (&[Start(b"\xff\xd8\xff")], media("a picture (JPEG)")),
    (&[Start(b"GIF8")], media("a picture (GIF)")),
    (&[At(8, b"WEBP")], media("a picture (WebP)")),
    (&[Start(b"II*\0"), Start(b"MM\0*")], media("a picture (TIFF)")),
    (&[Start(b"\0\0\x01\0")], media("a picture (icon)")),
    (&[At(4, b"ftyphei"), At(4, b"ftypmif1"), At(4, b"ftypavif")], media("a picture (HEIC or AVIF)")),
    (
        &[
            At(8, b"WAVE"),
            Start(b"ID3"),
            Start(b"\xff\xfb"),
            Start(b"\xff\xf3"),
            Start(b"OggS"),
            Start(b"fLaC"),
            At(4, b"ftypM4A"),
            Start(b"#!AMR"),
            Start(b"caff"),
            Start(b"FORM"),
        ],
        media("a sound recording"),
    ),
    (&[At(4, b"ftyp"), At(8, b"AVI "), Start(b"\x1a\x45\xdf\xa3"), Start(b"\0\0\x01\xba")], media("a video")),
    (&[Start(b"wOFF"), Start(b"wOF2"), Start(b"\0\x01\0\0\0"), Start(b"OTTO")], media("a font")),
    (&[Start(b"7z\xbc\xaf\x27\x1c")], document("a 7z archive", UNPACK)),
    (&[Start(b"Rar!")], document("a RAR archive", UNPACK)),
    (&[At(257, b"ustar")], document("a tar archive", UNPACK)),
    (
        &[Start(b"\xfd7zXZ\0"), Start(b"BZh"), Start(b"\x28\xb5\x2f\xfd"), Start(b"\x04\x22\x4d\x18")],
        document("a file compressed with xz, bzip2, zstd or lz4", "unpack it and import what is in it"),
    ),
    (&[Start(b"SQLite format 3\0")], document("a database (SQLite)", BY_ITSELF)),
    (&[Start(b"PAR1")], document("a table (parquet)", BY_ITSELF)),
    (&[Start(b"GGUF")], document("a model (GGUF)", "models are named in `affinage.toml`, not imported")),
    (
        &[Start(b"\x7fELF"), Start(b"MZ"), Start(b"\xcf\xfa\xed\xfe")],
        document("a program", "it holds no text to learn from"),
    ),
    (&[Start(b"\xff\xfe\0\0"), Start(b"\0\0\xfe\xff")], document("text in UTF-32", "save it as UTF-8")),
];

/// How a PDF begins.
pub(super) const PDF: &[u8] = b"%PDF-";
static PDF_PROTECTED: Kind = document(
    "a PDF document with a password",
    "open it and save or print it as a PDF without a password, and import that file",
);
static PDF_SCAN: Kind = document(
    "a PDF document without a text layer (a scan, or pictures)",
    "let a program recognise its text first (for instance `ocrmypdf scan.pdf text.pdf`), and import what it makes",
);
static PDF_BROKEN: Kind = document("a damaged PDF document", COPY_TEXT);
static PDF_TOO_MUCH: Kind = document(
    "a PDF document that takes too much time or memory to read",
    "copy the text you want into a .txt or .md file, and import that",
);
pub(super) static BROKEN_WORD: Kind = document("a damaged Word document", SAVE_DOCUMENT);
pub(super) static OPEN_DOCUMENT: Kind =
    document("an OpenDocument table or presentation, or a damaged text", SAVE_AS_TEXT);
pub(super) static PROTECTED: Kind = document("a document with a password", SAVE_NEW);
pub(super) static PROTECTED_BOOK: Kind = document(
    "an e-book (EPUB) with copy protection",
    "nothing of it can be read; import notes of your own instead",
);
pub(super) static BROKEN_BOOK: Kind = document("a damaged e-book (EPUB)", COPY_TEXT);

/// What a PDF is whose text cannot be had.
pub(super) fn of_pdf(error: &PdfError) -> &'static Kind {
    match error {
        PdfError::Protected => &PDF_PROTECTED,
        PdfError::NoText => &PDF_SCAN,
        PdfError::Broken(_) => &PDF_BROKEN,
        PdfError::TooMuch => &PDF_TOO_MUCH,
    }
}

static XML: Kind = document("an XML file", SAVE_AS_TEXT);
static MAIL: Kind = document("an e-mail or a mailbox", COPY_TEXT);
static BINARY: Kind = document("no text but binary data of an unknown kind", COPY_TEXT);
static YAML: Kind = document(
    "a YAML file",
    "convert it to JSON (for instance `yq -o=json . FILE > chat.json`) and import that file",
);
/// Also what is in a language whose older encoding cannot be told.
pub(super) static FOREIGN_ENCODING: Kind = document(
    "text in an older encoding, not in UTF-8",
    "open it in an editor, save it as UTF-8 and import that file",
);

/// Members of a zip archive that make it a document.
static BY_MEMBER: &[(&str, Kind)] = &[
    (
        "xl/workbook.xml",
        document(
            "an Excel workbook",
            "save the sheet as text and import that file; rows of prompt and answer as JSONL are read",
        ),
    ),
    ("ppt/presentation.xml", document("a PowerPoint presentation", COPY_TEXT)),
    ("content.xml", document("an OpenDocument file (LibreOffice)", SAVE_AS_TEXT)),
    (
        "Index/Document.iwa",
        document(
            "an Apple document (Pages, Numbers or Keynote)",
            "export it as plain text and import that file",
        ),
    ),
    (
        "Index.zip",
        document(
            "an Apple document (Pages, Numbers or Keynote)",
            "export it as plain text and import that file",
        ),
    ),
    ("AndroidManifest.xml", document("an Android program", "it holds no text to learn from")),
];

/// What the file that begins with `head` is, if it can hold no chats.
pub(super) fn of_head(head: &[u8]) -> Option<&'static Kind> {
    let text = String::from_utf8_lossy(&head[..head.len().min(4096)]).to_ascii_lowercase();
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let fits = |mark: &Mark| match mark {
        Start(bytes) => head.starts_with(bytes),
        At(offset, bytes) => head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)),
        Text("mime-version:", near) => has_header(start, "mime-version:") && start.contains(near),
        Text(first, near) => start.starts_with(first) && start.contains(near),
    };
    let known = BY_CONTENT.iter().find(|(marks, _)| marks.iter().any(fits)).map(|(_, kind)| kind);
    let is_page = start.contains("<html");
    known.or_else(|| match () {
        () if start.starts_with("<?xml") && !is_page => Some(&XML),
        () if has_header(start, "mime-version:") || has_header(start, "received:") => Some(&MAIL),
        () => None,
    })
}

/// A head of mail lines in which `name` is one.
fn has_header(text: &str, name: &str) -> bool {
    let is_field = |line: &str| {
        line.starts_with([' ', '\t'])
            || line.starts_with("from ")
            || line
                .split_once(':')
                .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    text.lines().take_while(|line| is_field(line)).any(|line| line.starts_with(name))
}

/// Bytes that are no text in any encoding.
pub(super) fn binary(head: &[u8]) -> Option<&'static Kind> {
    memchr::memchr(0, head).map(|_| &BINARY)
}

/// What a whole text is that is written for programs and not for people.
pub(super) fn of_text(text: &str) -> Option<&'static Kind> {
    is_yaml(text).then_some(&YAML)
}

static YAML_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:-(?: |$)|[A-Za-z_][\w .-]{0,40}:(?: |$)|#|---|\.\.\.$|%)")
        .expect("the pattern is part of the program")
});
static YAML_RECORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^([ \t]*)- ([a-z_][a-z0-9_]*):(?: .*)?\n(?:[ \t]+.*\n|[ \t]*\n)*?([ \t]+)[a-z_][a-z0-9_]*:(?: |$)")
        .expect("the pattern is part of the program")
});

/// Two records of the same kind in a list (`- key: ...`, and under it another `key:`), and no line at the margin that is
/// anything but YAML.
fn is_yaml(text: &str) -> bool {
    let margin = |line: &str| !line.is_empty() && !line.starts_with([' ', '\t']);
    if !text.lines().filter(|line| margin(line)).all(|line| YAML_LINE.is_match(line)) {
        return false;
    }
    let records = YAML_RECORD.captures_iter(text).filter(|found| found[3].len() == found[1].len() + 2);
    let mut keys: Vec<String> = records.take(1000).map(|found| found[2].to_owned()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// What a zip archive with these members is, if it is a document.
pub(super) fn of_members<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static Kind> {
    let holds = |wanted: &str| names.clone().any(|name| name == wanted);
    BY_MEMBER.iter().find(|(name, _)| holds(name)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        let cases: [(&[u8], Option<&str>); 19] = [
            (b"%PDF-1.7\n", None),
            (b"{\\rtf1\\ansi Anna: hi}", Some("a rich text document (RTF)")),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?>\n<!DOCTYPE x>\n<en-export date='1'>",
                Some("an Evernote export (ENEX)"),
            ),
            (b"<?xml version='1.0'?><rows/>", Some("an XML file")),
            (b"<?xml version='1.0'?><!DOCTYPE html><html>", None),
            (b"From: <Saved by Blink>\r\nSubject: x\r\n", Some("a saved web page (MHTML)")),
            (
                b"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/related;\n b=1\n\n",
                Some("a saved web page (MHTML)"),
            ),
            (b"From anna@farm.test Mon\nReceived: by x\nSubject: hay\n\nHi", Some("an e-mail or a mailbox")),
            (b"From: Anna\nTo: Bert\n\nWe speak of the MIME-Version: header", None),
            (b"\0\0\0\x18ftypheic", Some("a picture (HEIC or AVIF)")),
            (b"\0\0\0\x18ftypisom", Some("a video")),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", Some("a sound recording")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("a picture (WebP)")),
            (b"7z\xbc\xaf\x27\x1c", Some("a 7z archive")),
            (b"[{\"mapping\":{}}]", None),
            (b"User: hi", None),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
                Some("a pointer of Git LFS instead of the file itself"),
            ),
            (b"[{'who': 'me'}]", Some("a list or object as Python prints it, which is not JSON")),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(of_head(head).map(|kind| kind.what), expected, "{}", String::from_utf8_lossy(head));
        }
        let table = ["[Content_Types].xml", "xl/workbook.xml"];
        assert_eq!(of_members(table.into_iter()).map(|kind| kind.what), Some("an Excel workbook"));
        assert_eq!(of_members(["conversations.json"].into_iter()), None);
        assert!(binary(b"a\0b").is_some() && binary(b"ab").is_none());
    }

    #[test]
    fn lists_of_records_are_yaml_and_people_who_speak_are_not() {
        for yaml in [
            "engine: owl\nturns:\n- speaker: user\n  said: Why?\n- speaker: model\n  said: |\n    Because\n    of it.\n",
            "---\n# a session\nlog:\n  - who: me\n    at: 3\n\n  - who: owl\n    at: 4\n",
            "- who: me\n  said: Why?\n\n- who: owl\n  said: So.\n",
        ] {
            assert_eq!(of_text(yaml).map(|kind| kind.what), Some("a YAML file"), "{yaml}");
        }
        for text in [
            "me: Why?\nowl: So.\nme: And?\nowl: No.\n",
            "- Mara: Why?\n- Owl: So.\n- Mara: And?\n",
            "---\ntitle: Owls\ntags:\n  - birds\n---\n\nMara: Why?\n\nOwl: So.\n",
            "A list:\n\n- who: me\n  said: Why?\n- who: owl\n  said: So.\n\nThat is YAML.\n",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }
}
