//! Links to the service's page.

use crate::note::Note;
use reqwest::Url;
use std::str::FromStr;

/// Where the service's page is reached by those who are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(Url);

/// Why a text is no address of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the address of a page; write one such as https://turbines.example.com")]
pub struct LinkError(String);

impl Link {
    /// The page of an alarm's turbine.
    pub(crate) fn turbine(&self, note: &Note) -> String {
        // Names are letters, digits, points, dashes and underscores.
        format!("{}#/turbines/{}", self.0, note.turbine_id.as_deref().unwrap_or("-"))
    }

    /// The list of alarms.
    pub(crate) fn alarms(&self) -> String {
        format!("{}#/alarms", self.0)
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let url = Url::parse(text.trim()).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let mut url = url.ok_or_else(|| LinkError(text.to_owned()))?;
        url.set_fragment(None);
        url.set_query(None);
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Link(url))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::note;

    #[test]
    fn links_lead_to_the_views_of_the_page() {
        for text in ["https://example.com/north", "https://example.com/north/", " https://example.com/north?x#y"] {
            let link: Link = text.parse().unwrap();
            assert_eq!(link.turbine(&note("WT-1", 0)), "https://example.com/north/#/turbines/WT-1");
            assert_eq!(link.alarms(), "https://example.com/north/#/alarms");
        }
        let nameless = Note { turbine_id: None, ..note("WT-1", 0) };
        assert_eq!("http://h".parse::<Link>().unwrap().turbine(&nameless), "http://h/#/turbines/-");
        for bad in ["", "example.com", "ftp://example.com"] {
            let error = bad.parse::<Link>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{bad:?} is not")), "{error}");
        }
    }
}
