//! Widths of letters as the reader of PDFs understands them.

use pdf_extract::{Document, Object};

/// Fonts of drawn letters (Type 3) give widths in a measure of their own; here they are read in thousandths of the size, as
/// those of all others are.
pub(super) fn set_widths_of_drawn_fonts(document: &mut Document) {
    let resolved = |document: &Document, object: &Object| -> Option<Vec<f64>> {
        let array = document.dereference(object).ok()?.1.as_array().ok()?;
        array
            .iter()
            .map(|number| document.dereference(number).ok()?.1.as_float().ok().map(f64::from))
            .collect()
    };
    let drawn: Vec<(_, Vec<f64>)> = document
        .objects
        .iter()
        .filter_map(|(id, object)| {
            let font = object.as_dict().ok()?;
            font.get(b"Subtype").and_then(Object::as_name).ok().filter(|kind| *kind == b"Type3")?;
            let scale = 1000.0 * resolved(document, font.get(b"FontMatrix").ok()?)?.first()?;
            let widths = resolved(document, font.get(b"Widths").ok()?)?;
            let is_other = scale.is_finite() && (scale - 1.0).abs() > 1e-6;
            is_other.then(|| (*id, widths.into_iter().map(|width| width * scale).collect()))
        })
        .collect();
    for (id, widths) in drawn {
        if let Some(Ok(font)) = document.objects.get_mut(&id).map(Object::as_dict_mut) {
            font.set("Widths", widths.into_iter().map(|w| Object::Real(w as f32)).collect::<Vec<_>>());
        }
    }
}

/// Fonts of many signs (CID) say widths one by one, `7 [500 600]`, or once for several signs, `7 9 500`. The reader below knows
/// the first way only and would take the usual width for the others: letters would stand apart or on each other.
pub(super) fn spell_out_widths(document: &mut Document) {
    /// Signs of one font; there are no more codes.
    const MAX_SIGNS: usize = 1 << 16;
    let whole = |object: &Object| object.as_float().ok().filter(|number| number.is_finite()).map(f64::from);
    let in_full = |document: &Document, widths: &[Object]| -> Option<Vec<Object>> {
        let resolved: Vec<&Object> =
            widths.iter().map(|object| Some(document.dereference(object).ok()?.1)).collect::<Option<_>>()?;
        let (mut full, mut signs, mut at) = (Vec::new(), 0, 0);
        while let [first, next, ..] = resolved[at..] {
            full.push(Object::Integer(whole(first)? as i64));
            if let Object::Array(each) = next {
                full.push(Object::Array(each.clone()));
                at += 2;
                continue;
            }
            let (first, last, width) = (whole(first)?, whole(next)?, whole(resolved.get(at + 2)?)?);
            let count = (last - first + 1.0).max(0.0) as usize;
            signs += count;
            if signs > MAX_SIGNS {
                return None;
            }
            full.push(Object::Array(vec![Object::Real(width as f32); count]));
            at += 3;
        }
        Some(full)
    };
    let spelt: Vec<_> = document
        .objects
        .iter()
        .filter_map(|(id, object)| {
            let font = object.as_dict().ok()?;
            let kind = font.get(b"Subtype").and_then(Object::as_name).ok()?;
            let is_cid = kind == b"CIDFontType0" || kind == b"CIDFontType2";
            let widths = font.get(b"W").ok().filter(|_| is_cid)?;
            let widths = document.dereference(widths).ok()?.1.as_array().ok()?;
            Some((*id, in_full(document, widths)?))
        })
        .collect();
    for (id, widths) in spelt {
        if let Some(Ok(font)) = document.objects.get_mut(&id).map(Object::as_dict_mut) {
            font.set("W", widths);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_given_once_for_several_signs_are_theirs_too() {
        let mut document = Document::new();
        let given = |widths: Vec<Object>| {
            let font: Vec<(&str, Object)> =
                vec![("Subtype", Object::Name(b"CIDFontType2".to_vec())), ("W", Object::Array(widths))];
            Object::Dictionary(font.into_iter().collect())
        };
        let number = Object::Integer;
        let list = |widths: [i64; 2]| Object::Array(widths.map(number).to_vec());
        let two = document.add_object(number(20));
        let mixed = document.add_object(given(vec![
            number(3),
            list([500, 600]),
            number(7),
            number(9),
            number(250),
            Object::Reference(two),
            number(20),
            number(700),
        ]));
        let endless = document.add_object(given(vec![number(0), number(1 << 40), number(250)]));
        spell_out_widths(&mut document);
        let widths = |id| {
            document.get_object(id).and_then(Object::as_dict).and_then(|f| f.get(b"W")).expect("W").clone()
        };
        let real = |widths: &[f32]| Object::Array(widths.iter().copied().map(Object::Real).collect());
        let spelt = [number(3), list([500, 600]), number(7), real(&[250.0; 3]), number(20), real(&[700.0])];
        assert_eq!(widths(mixed), Object::Array(spelt.to_vec()));
        assert_eq!(widths(endless).as_array().map(Vec::len).ok(), Some(3), "left as it is");
    }

    #[test]
    fn widths_of_drawn_fonts_are_in_thousandths() {
        let mut document = Document::new();
        let array = |numbers: &[f32]| Object::Array(numbers.iter().copied().map(Object::Real).collect());
        let font = [
            ("Subtype", Object::Name(b"Type3".to_vec())),
            ("FontMatrix", array(&[0.01, 0.0, 0.0, 0.01, 0.0, 0.0])),
            ("Widths", array(&[50.0, 25.0])),
        ];
        let id = document.add_object(Object::Dictionary(font.into_iter().collect()));
        set_widths_of_drawn_fonts(&mut document);
        let widths = document.get_object(id).and_then(Object::as_dict).and_then(|f| f.get(b"Widths"));
        let widths: Vec<i32> = widths
            .and_then(Object::as_array)
            .expect("widths")
            .iter()
            .map(|w| w.as_float().expect("a number").round() as i32)
            .collect();
        assert_eq!(widths, [500, 250]);
    }
}
