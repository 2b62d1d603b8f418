//! The text layer of a PDF as Markdown: lines in their places become paragraphs, larger lines headings; what stands in the
//! margins of pages (running heads, numbers) is left out.
//!
//! A PDF can make its reader work without end, take all memory or fall over. [`text`] guards against panics only: a program
//! that reads files of others runs it where it may fail for good, and hands over its own [`PdfReader`].

mod fonts;
mod layout;
mod letters;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, Object, output_doc_page};
use serde::{Deserialize, Serialize};

use fonts::{set_widths_of_drawn_fonts, spell_out_widths};
use layout::markdown;
use letters::Lines;

/// Reads the text of a PDF.
pub type PdfReader = fn(&[u8]) -> Result<PdfText, PdfError>;

/// The text of a PDF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfText {
    pub markdown: String,
    pub pages: usize,
    /// Pages that could not be read, or hold no text.
    pub pages_without_text: usize,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PdfError {
    #[error("protected by a password")]
    Protected,
    /// A scan, or pictures only.
    #[error("without a text layer")]
    NoText,
    #[error("broken ({0})")]
    Broken(String),
    /// It takes too long, too much memory, or has too much text.
    #[error("too much work to read")]
    TooMuch,
}

/// More is no text that somebody wrote.
const MAX_CHARS: usize = 16 << 20;
const MAX_PAGES: usize = 20_000;

/// The text of a PDF, in this process.
pub fn text(bytes: &[u8]) -> Result<PdfText, PdfError> {
    catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err(PdfError::Broken("its parts do not fit together".to_owned())))
}

fn read(bytes: &[u8]) -> Result<PdfText, PdfError> {
    let broken = |error: pdf_extract::Error| PdfError::Broken(error.to_string());
    let mut document = Document::load_mem(bytes).map_err(|error| match error {
        pdf_extract::Error::Decryption(_) | pdf_extract::Error::InvalidPassword => PdfError::Protected,
        error => broken(error),
    })?;
    if document.is_encrypted() {
        // Many need no password to be read.
        document.decrypt("").map_err(|_| PdfError::Protected)?;
    }
    forget_pictures(&mut document);
    set_widths_of_drawn_fonts(&mut document);
    spell_out_widths(&mut document);
    let numbers: Vec<u32> = document.get_pages().into_keys().collect();
    if numbers.len() > MAX_PAGES {
        return Err(PdfError::TooMuch);
    }
    let mut chars = 0;
    let mut pages = Vec::with_capacity(numbers.len());
    for number in &numbers {
        let mut lines = Lines::with_room(MAX_CHARS - chars);
        // A page that is broken costs only what follows on it.
        let _ = catch_unwind(AssertUnwindSafe(|| output_doc_page(&document, &mut lines, *number)));
        if lines.left == 0 {
            return Err(PdfError::TooMuch);
        }
        chars = MAX_CHARS - lines.left;
        pages.push(lines.finish());
    }
    let pages_without_text = pages.iter().filter(|lines| lines.is_empty()).count();
    if pages_without_text == pages.len() {
        return Err(PdfError::NoText);
    }
    Ok(PdfText { markdown: markdown(pages), pages: numbers.len(), pages_without_text })
}

/// Pictures are never read: their bytes are no text, and some unpack to very many.
fn forget_pictures(document: &mut Document) {
    for object in document.objects.values_mut() {
        if let Object::Stream(stream) = object
            && stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Image")
        {
            stream.content = Vec::new();
            stream.dict.remove(b"Filter");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pdf_is_broken() {
        assert!(matches!(text(b"%PDF-1.7\nnothing"), Err(PdfError::Broken(_))));
    }
}
