//! The API's URLs, all derived from that of `/predict`.

use reqwest::Url;

/// The API's URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `POST /predict`: one reading.
    pub predict: Url,
    /// `POST /predict/batch`: several readings.
    pub batch: Url,
    /// `GET /health`.
    pub health: Url,
    /// `GET /model/info`.
    pub model_info: Url,
    /// `GET /drift`.
    pub drift: Url,
}

/// Why a URL cannot be that of `/predict`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not a URL.
    #[error("not a URL such as http://localhost:5000/predict: {0}")]
    NotAUrl(String),
    /// It has another scheme.
    #[error("unsupported scheme {0}; use http or https")]
    Scheme(String),
    /// Its path is another.
    #[error("it must end in /predict, as {0} does")]
    NotPredict(String),
}

impl Endpoints {
    /// Derives the URLs from `…/predict`.
    ///
    /// # Errors
    /// An [`EndpointError`] if `predict` is not an HTTP URL that ends in `/predict`.
    pub fn new(predict: &str) -> Result<Self, EndpointError> {
        let predict = Url::parse(predict.trim()).map_err(|error| EndpointError::NotAUrl(error.to_string()))?;
        match predict.scheme() {
            "http" | "https" => {}
            other => return Err(EndpointError::Scheme(other.to_owned())),
        }
        let path = predict.path().trim_end_matches('/').to_owned();
        let at = |path: String| {
            let mut url = predict.clone();
            url.set_path(&path);
            url
        };
        let Some(base) = path.strip_suffix("/predict") else {
            return Err(EndpointError::NotPredict(at(format!("{path}/predict")).into()));
        };
        Ok(Endpoints {
            batch: at(format!("{base}/predict/batch")),
            health: at(format!("{base}/health")),
            model_info: at(format!("{base}/model/info")),
            drift: at(format!("{base}/drift")),
            predict: at(path.clone()),
        })
    }

    /// Whether the API runs on this machine and is reached without a proxy.
    pub fn is_local(&self) -> bool {
        let host = self.predict.host_str().unwrap_or_default();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }
}

impl std::str::FromStr for Endpoints {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Endpoints::new(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_urls_derive_from_predict() {
        let cases = [
            ("http://localhost:5000/predict", "http://localhost:5000"),
            ("http://localhost:5000/predict/", "http://localhost:5000"),
            ("https://api/site-7/v1/predict", "https://api/site-7/v1"),
        ];
        for (predict, base) in cases {
            let endpoints = Endpoints::new(predict).unwrap();
            assert_eq!(endpoints.predict.as_str(), format!("{base}/predict"));
            assert_eq!(endpoints.batch.as_str(), format!("{base}/predict/batch"));
            assert_eq!(endpoints.health.as_str(), format!("{base}/health"));
            assert_eq!(endpoints.model_info.as_str(), format!("{base}/model/info"));
            assert_eq!(endpoints.drift.as_str(), format!("{base}/drift"));
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_remedy() {
        let cases = [
            ("localhost:5000/predict", "unsupported scheme localhost; use http or https"),
            ("http://localhost:5000", "it must end in /predict, as http://localhost:5000/predict does"),
            ("http://x/batch", "it must end in /predict, as http://x/batch/predict does"),
            ("predict", "not a URL such as http://localhost:5000/predict: relative URL without a base"),
        ];
        for (predict, message) in cases {
            assert_eq!(Endpoints::new(predict).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn local_hosts_are_recognised() {
        for (host, local) in
            [("localhost", true), ("127.0.0.1", true), ("[::1]", true), ("api", false), ("10.1.2.3", false)]
        {
            assert_eq!(Endpoints::new(&format!("http://{host}:5000/predict")).unwrap().is_local(), local, "{host}");
        }
    }
}
