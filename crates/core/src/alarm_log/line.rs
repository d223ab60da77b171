//! One line of text that a person wrote.

use serde::Serialize;

/// A line of text: 1 to `MAX` characters without control characters, and no blanks around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Line<const MAX: usize>(String);

/// Why a text is not accepted as a [`Line`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// There are only blanks, or nothing.
    #[error("it is empty; give 1 to {max} characters")]
    Empty {
        /// The most characters.
        max: usize,
    },
    /// There are too many characters.
    #[error("it has {characters} characters; give {max} at most")]
    TooLong {
        /// How many there are.
        characters: usize,
        /// The most.
        max: usize,
    },
    /// A line break, a tab or the like.
    #[error("it has the control character {0:?}; write it in one line of plain text")]
    Control(char),
}

impl<const MAX: usize> Line<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> std::str::FromStr for Line<MAX> {
    type Err = LineError;

    /// Blanks around the text are dropped.
    fn from_str(text: &str) -> Result<Self, LineError> {
        let text = text.trim();
        let characters = text.chars().count();
        if characters == 0 {
            return Err(LineError::Empty { max: MAX });
        }
        if characters > MAX {
            return Err(LineError::TooLong { characters, max: MAX });
        }
        match text.chars().find(|character| character.is_control()) {
            Some(control) => Err(LineError::Control(control)),
            None => Ok(Line(text.to_owned())),
        }
    }
}

impl<const MAX: usize> std::fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_counted_in_characters_and_has_no_control_characters() {
        let line = |text: &str| text.parse::<Line<5>>();
        assert_eq!(line(" Jörg ").unwrap().as_str(), "Jörg");
        assert_eq!(line("ÄÖÜäö").unwrap().as_str().len(), 10);
        assert_eq!(line("sixsix").unwrap_err().to_string(), "it has 6 characters; give 5 at most");
        assert_eq!(line(" \n").unwrap_err().to_string(), "it is empty; give 1 to 5 characters");
        for text in ["a\nb", "a\tb", "a\u{0}b", "a\u{9b}b"] {
            assert!(matches!(line(text), Err(LineError::Control(_))), "{text:?}");
        }
    }
}
