//! The API over HTTP.

use super::answer::Fault;
use super::wire::WireFormat;
use crate::config::{ApiKey, Config};
use crate::drift::Drift;
use crate::endpoints::Endpoints;
use crate::error::SenderError;
use crate::model_info::{Health, ModelInfo};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Response, Url, redirect};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// Timeout of `/drift`, which delays readings.
const DRIFT_TIMEOUT: Duration = Duration::from_secs(1);

/// An HTTP client with the API's URLs and the format of requests.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) http: reqwest::Client,
    pub(super) endpoints: Endpoints,
    pub(super) format: WireFormat,
    timeout: Duration,
}

impl Http {
    /// Without an open connection.
    ///
    /// # Errors
    /// [`SenderError::Client`] if the HTTP client cannot be built on this machine.
    pub(super) fn new(config: &Config) -> Result<Self, SenderError> {
        let endpoints = config.api_url.clone();
        let mut http = tls::client_builder()
            .default_headers(headers(&config.api_key))
            .timeout(config.timeout)
            // A redirect would turn a POST into a GET.
            .redirect(redirect::Policy::none());
        if endpoints.is_local() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(SenderError::Client)?;
        Ok(Http { http, format: WireFormat::of(config), timeout: config.timeout, endpoints })
    }

    /// The service's health, in one line, also if it does not answer yet.
    pub(super) async fn greeting(&self) -> String {
        let url = &self.endpoints.health;
        match self.health().await {
            Ok(health) => format!("health: {health} ({url})"),
            Err(cause) => format!("health: unreachable: {cause} ({url})"),
        }
    }

    /// Requests `/health`. A degraded service is no error.
    ///
    /// # Errors
    /// A message if there is no readable answer.
    async fn health(&self) -> Result<Health, String> {
        let (status, body) = self.get(&self.endpoints.health).await?;
        serde_json::from_slice(&body).map_err(|error| format!("status {status}, cannot read its answer: {error}"))
    }

    /// Requests `/model/info`.
    ///
    /// # Errors
    /// A [`Fault`], which says whether a retry may succeed.
    pub(super) async fn model_info(&self) -> Result<ModelInfo, Fault> {
        let url = &self.endpoints.model_info;
        let response = self.http.get(url.clone()).send().await.map_err(|error| self.fault(&error))?;
        if !response.status().is_success() {
            return Err(Fault::of_response(response).await);
        }
        let body = response.bytes().await.map_err(|error| self.fault(&error))?;
        ModelInfo::from_json(&body).map_err(|error| Fault::permanent(error.to_string()))
    }

    /// Requests `/drift`. `None` if the service has none or does not answer in time; drift is optional.
    pub(super) async fn drift(&self) -> Option<Drift> {
        let (status, body) = timeout(DRIFT_TIMEOUT, self.get(&self.endpoints.drift)).await.ok()?.ok()?;
        (status == 200).then(|| serde_json::from_slice(&body).ok())?
    }

    async fn get(&self, url: &Url) -> Result<(u16, Vec<u8>), String> {
        let describe = |error| self.fault(&error).cause;
        let response: Response = self.http.get(url.clone()).send().await.map_err(describe)?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await.map_err(describe)?.into()))
    }

    /// The transient fault for a failed connection or a timeout.
    pub(super) fn fault(&self, error: &reqwest::Error) -> Fault {
        let cause = if error.is_timeout() {
            format!("no answer within {} s", self.timeout.as_secs_f64())
        } else {
            let mut innermost: &dyn Error = error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            let problem = if error.is_connect() { "cannot connect" } else { "connection lost" };
            format!("{problem}: {innermost}")
        };
        Fault { cause, status: None, retry_after: None, transient: true }
    }
}

fn headers(key: &ApiKey) -> HeaderMap {
    key.authorization().map(|value| (AUTHORIZATION, value.clone())).into_iter().collect()
}
