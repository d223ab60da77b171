//! Quotes `NaN` and `Infinity`, which Python's `json` writes although they are not JSON, so that the rest of the text can
//! be parsed and an error can name the field instead of a column number.

/// A text with its bare words quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The text.
    pub text: String,
    /// Whether the original is JSON: all quoted words are numbers valid in JSON but too large for a float. If false, the
    /// original must be rejected, even if the quoted text is valid.
    pub was_json: bool,
}

/// Quotes every bare word of `text` that is neither `true`, `false`, `null` nor a finite number.
pub fn quote_bare_words(text: &str) -> Quoted {
    let mut quoted = String::with_capacity(text.len() + 8);
    let mut was_json = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let number = token.parse::<f64>().ok();
        let is_json = matches!(token, "true" | "false" | "null") || number.is_some_and(f64::is_finite);
        if is_word(first) && !is_json {
            was_json &=
                number.is_some_and(f64::is_infinite) && first != '+' && token.ends_with(|c: char| c.is_ascii_digit());
            quoted.extend(["\"", token, "\""]);
        } else {
            quoted.push_str(token);
        }
        rest = after;
    }
    Quoted { text: quoted, was_json }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

/// The length of the string at the start of `text`, including quotes; all of `text` if the string is not closed.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return i + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Quoted, quote_bare_words};

    #[test]
    fn only_bare_words_are_quoted() {
        let cases = [
            (r#"{"a":NaN,"b":-Infinity}"#, r#"{"a":"NaN","b":"-Infinity"}"#, false),
            (r#"{"a": 1e400, "b": -1e3}"#, r#"{"a": "1e400", "b": -1e3}"#, true),
            (r#"{"NaN \" NaN": true, "ü": null}"#, r#"{"NaN \" NaN": true, "ü": null}"#, true),
            (r#"{"a\\":NaN}"#, r#"{"a\\":"NaN"}"#, false),
            (r#"{a:1}"#, r#"{"a":1}"#, false),
            (r#"["open NaN"#, r#"["open NaN"#, true),
        ];
        for (text, expected, was_json) in cases {
            assert_eq!(quote_bare_words(text), Quoted { text: expected.to_owned(), was_json });
        }
    }
}
