//! Receivers as they are named on the command line.

use reqwest::Url;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What is put before the scheme of an Alertmanager's URL.
const ALERTMANAGER: &str = "alertmanager+";

/// The form in which a receiver takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a message, with a `text` for people.
    Webhook,
    /// Alertmanager's API v2.
    Alertmanager,
}

/// A receiver of notifications. Its `Debug` and `Display` show the host alone: a URL may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    form: Form,
    url: Url,
}

/// Why a text names no receiver. The text is shown up to its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has no scheme, or another one.
    #[error(
        "{shown:?} begins with no scheme of a receiver; write http://, https://, alertmanager+http:// or alertmanager+https:// before the host"
    )]
    Scheme {
        /// The text as far as it can be shown.
        shown: String,
    },
    /// It is not a URL.
    #[error(
        "{shown:?} is not a URL ({problem}); write one such as https://hooks.example.com/alarms or alertmanager+http://localhost:9093"
    )]
    NotAUrl {
        /// The text as far as it can be shown.
        shown: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Target {
    /// The form in which it takes messages.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Where messages are posted. May hold credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port: what may be shown.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether it is on this machine, and so reached without a proxy.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }

    /// Tells the receiver from others, in names of files. The password is no part of it, so that it may be changed.
    pub(crate) fn key(&self) -> String {
        let mut url = self.url.clone();
        // A URL with a host can have a password or none.
        let _ = url.set_password(None);
        let digest = Sha256::digest(format!("{:?} {url}", self.form));
        let safe = |sign: char| if sign.is_ascii_alphanumeric() || sign == '.' { sign } else { '-' };
        let host: String = self.host().chars().map(safe).collect();
        let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{host}.{digits}")
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        let (form, address) = match text.strip_prefix(ALERTMANAGER) {
            Some(address) => (Form::Alertmanager, address),
            None => (Form::Webhook, text),
        };
        if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
            return Err(TargetError::Scheme { shown: shown(text) });
        }
        let parsed = Url::parse(address);
        let mut url =
            parsed.map_err(|error| TargetError::NotAUrl { shown: shown(text), problem: error.to_string() })?;
        url.set_fragment(None);
        if form == Form::Alertmanager {
            let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(Target { form, url })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({:?} at {self})", self.form)
    }
}

/// A text that was meant as a URL, without what may be secret: user, password, path and query.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    let hidden = if host.len() < rest.len() { "…" } else { "" };
    if scheme.is_empty() { format!("{host}{hidden}") } else { format!("{scheme}://{host}{hidden}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn receivers_are_read_in_all_forms() {
        for (text, form, url, host) in [
            (
                "https://hooks.example.com/a/b?c=d#e",
                Form::Webhook,
                "https://hooks.example.com/a/b?c=d",
                "hooks.example.com",
            ),
            (" http://localhost:8080", Form::Webhook, "http://localhost:8080/", "localhost:8080"),
            ("alertmanager+http://am:9093", Form::Alertmanager, "http://am:9093/api/v2/alerts", "am:9093"),
            ("alertmanager+https://am/x/", Form::Alertmanager, "https://am/x/api/v2/alerts", "am"),
            ("http://me:pass@[::1]:9/x", Form::Webhook, "http://me:pass@[::1]:9/x", "[::1]:9"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.form(), target.url().as_str(), target.host().as_str()), (form, url, host), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_and_their_secrets_are_not_repeated() {
        for (text, shown) in [
            ("", "\"\" begins with no scheme"),
            ("hooks.example.com/secret", "\"hooks.example.com…\" begins with no scheme"),
            ("htps://me:secret@hooks.example.com/secret", "\"htps://hooks.example.com…\" begins with no scheme"),
            ("alertmanager+ftp://am/secret", "\"alertmanager+ftp://am…\" begins with no scheme"),
            ("http://a b/secret", "\"http://a b…\" is not a URL"),
            ("http://", "\"http://\" is not a URL"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.starts_with(shown) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_target_shows_its_host_and_is_told_from_others() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        let slack = target("https://me:word@hooks.example.com/services/secret");
        assert_eq!(format!("{slack} {slack:?}"), "hooks.example.com Target(Webhook at hooks.example.com)");
        assert!(slack.key().starts_with("hooks.example.com.") && slack.key().len() == 17 + 1 + 8, "{}", slack.key());
        assert_eq!(slack.key(), target("https://me:other@hooks.example.com/services/secret").key());
        for other in ["https://hooks.example.com/services/secret", "https://me:word@hooks.example.com/services/other"] {
            assert_ne!(slack.key(), target(other).key());
        }
        assert!(target("http://[::1]:9/").key().starts_with("---1--9."), "{}", target("http://[::1]:9/").key());
    }
}
