//! Speaks with the API.

mod attempt;
mod deliver;
mod wire;

pub use attempt::{Answer, Fault, Verdict};
pub use deliver::{Answered, Retry};
pub use wire::Wire;

use crate::config::{ApiKey, Config};
use crate::endpoints::Endpoints;
use crate::error::SenderError;
use crate::model_info::{Health, ModelInfo};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Response, Url, redirect};
use std::error::Error;
use std::time::Duration;

/// A connection to the API, and the form in which readings go there.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoints: Endpoints,
    wire: Wire,
    timeout: Duration,
    retries: u32,
    seed: u64,
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// [`SenderError::Client`] if the machine has no means to set it up.
    pub fn new(config: &Config) -> Result<Self, SenderError> {
        let endpoints = config.api_url.clone();
        let mut http = reqwest::Client::builder()
            .default_headers(headers(&config.api_key))
            .timeout(config.timeout)
            // A redirected POST would arrive as a GET.
            .redirect(redirect::Policy::none());
        if endpoints.is_local() {
            http = http.no_proxy();
        }
        #[cfg(feature = "tls")]
        if endpoints.predict.scheme() == "http" {
            // Or the client could not be built where there is no store of certificates, which nobody needs here.
            http = http.tls_certs_only([]);
        }
        Ok(Client {
            http: http.build().map_err(SenderError::Client)?,
            wire: Wire::of(config),
            timeout: config.timeout,
            retries: config.retries,
            seed: config.seed,
            endpoints,
        })
    }

    /// Where the API is asked what.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Asks whether the service is well; it answers also if it is not.
    ///
    /// # Errors
    /// What came instead, in words.
    pub async fn health(&self) -> Result<Health, String> {
        let (status, body) = self.get(&self.endpoints.health).await?;
        serde_json::from_slice(&body).map_err(|error| format!("status {status}, its answer is not understood: {error}"))
    }

    /// Asks what the model reads.
    ///
    /// # Errors
    /// A [`Fault`], which says whether asking again may help.
    pub async fn model_info(&self) -> Result<ModelInfo, Fault> {
        let url = &self.endpoints.model_info;
        let response = self.http.get(url.clone()).send().await.map_err(|error| self.fault(&error))?;
        if !response.status().is_success() {
            return Err(Fault::of_response(response).await);
        }
        let body = response.bytes().await.map_err(|error| self.fault(&error))?;
        ModelInfo::from_json(&body).map_err(|error| Fault::lasting(error.to_string()))
    }

    async fn get(&self, url: &Url) -> Result<(u16, Vec<u8>), String> {
        let describe = |error| self.fault(&error).cause;
        let response: Response = self.http.get(url.clone()).send().await.map_err(describe)?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await.map_err(describe)?.into()))
    }

    /// A fault of the connection, which may be gone the next time.
    fn fault(&self, error: &reqwest::Error) -> Fault {
        let cause = if error.is_timeout() {
            format!("no answer within {} s", self.timeout.as_secs_f64())
        } else {
            let mut innermost: &dyn Error = error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
            format!("{what}: {innermost}")
        };
        Fault { cause, status: None, retry_after: None, transient: true }
    }
}

fn headers(key: &ApiKey) -> HeaderMap {
    key.authorization().map(|value| (AUTHORIZATION, value.clone())).into_iter().collect()
}
