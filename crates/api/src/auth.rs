//! API keys: known by their digests, compared in constant time, never logged.

use crate::config::Keys;
use anyhow::{Context, Result, ensure};
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

type KeyDigest = [u8; 32];

/// The keys that open the service; without any, it is open.
#[derive(Clone, Default)]
pub struct ApiKeys {
    digests: Arc<[KeyDigest]>,
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeys({})", self.digests.len())
    }
}

impl ApiKeys {
    /// The key of the flag and those of the file.
    ///
    /// # Errors
    /// If the file cannot be read or holds no key, or a key is empty: then nobody could tell whether the service is open.
    pub fn from_config(config: &Keys) -> Result<Self> {
        let mut keys: Vec<String> = config.api_key.iter().cloned().collect();
        if let Some(path) = &config.api_keys_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the API keys in {} (--api-keys-file)", path.display()))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let before = keys.len();
            keys.extend(lines.map(str::to_owned));
            ensure!(keys.len() > before, "{} (--api-keys-file) holds no API key", path.display());
        }
        ensure!(keys.iter().all(|key| !key.trim().is_empty()), "--api-key/API_KEY is empty; unset it or give a key");
        Ok(ApiKeys { digests: keys.iter().map(|key| digest(key.as_bytes())).collect() })
    }

    /// Whether a key is wanted at all.
    pub fn are_wanted(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Whether the headers carry a key that opens the service.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        if self.digests.is_empty() {
            return true;
        }
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, key) = value.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
        });
        let header = headers.get("x-api-key").map(|value| value.as_bytes());
        [bearer, header].into_iter().flatten().any(|key| self.knows(key.trim_ascii()))
    }

    /// Takes the same time whatever the key.
    fn knows(&self, key: &[u8]) -> bool {
        let candidate = digest(key);
        self.digests.iter().fold(Choice::from(0), |known, digest| known | digest.ct_eq(&candidate)).into()
    }
}

fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keys(key: Option<&str>, file: Option<&str>) -> Result<ApiKeys> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let api_keys_file = file.map(|text| {
            std::fs::write(&path, text).unwrap();
            path
        });
        ApiKeys::from_config(&Keys { api_key: key.map(str::to_owned), api_keys_file })
    }

    fn admits(keys: &ApiKeys, name: &'static str, value: &str) -> bool {
        keys.admit(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]))
    }

    #[test]
    fn without_keys_everybody_is_admitted() {
        assert!(keys(None, None).unwrap().admit(&HeaderMap::new()));
    }

    #[test]
    fn each_key_opens_in_either_header_and_nothing_else_does() {
        let keys = keys(Some("alpha"), Some("# ours\n\n beta \n")).unwrap();
        assert!(!keys.admit(&HeaderMap::new()));
        for key in ["alpha", "beta"] {
            assert!(admits(&keys, "x-api-key", key));
            assert!(admits(&keys, "authorization", &format!("Bearer {key}")));
            assert!(admits(&keys, "authorization", &format!("bearer {key}")));
        }
        for wrong in ["", "alph", "alphaa", "gamma", "# ours"] {
            assert!(!admits(&keys, "x-api-key", wrong), "{wrong}");
        }
        assert!(!admits(&keys, "authorization", "Basic alpha") && !admits(&keys, "authorization", "alpha"));
    }

    #[test]
    fn keys_that_open_nothing_are_refused() {
        assert!(keys(Some(" "), None).unwrap_err().to_string().contains("API_KEY is empty"));
        assert!(keys(None, Some("# none\n")).unwrap_err().to_string().contains("holds no API key"));
        let missing = Keys { api_key: None, api_keys_file: Some("/nowhere/keys".into()) };
        assert!(ApiKeys::from_config(&missing).unwrap_err().to_string().contains("/nowhere/keys"));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", keys(Some("alpha"), None).unwrap()), "ApiKeys(1)");
    }
}
