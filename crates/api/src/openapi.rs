//! The description of the interface, OpenAPI 3.1: collected from the handlers, completed with what only the loaded model
//! and the configuration know.

use crate::error::Envelope;
use crate::route::Route;
use crate::schema::{FormSchema, ReadingSchema, reading};
use crate::state::App;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, InfoBuilder, OpenApi};
use utoipa::{PartialSchema, ToSchema};

/// Completes what the handlers say of themselves.
pub fn complete(mut description: OpenApi, app: &App) -> OpenApi {
    description.info = InfoBuilder::new()
        .title("Turbine anomaly detection")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Scores turbine readings with an isolation forest and logs every prediction."))
        .build();
    let components = description.components.get_or_insert_with(Components::new);
    if let Ok(model) = app.pipeline.model() {
        let features = model.features();
        let missing = app.pipeline.missing_values();
        let schemas =
            [reading(features, [Type::String, Type::Null], missing), reading(features, [Type::String], missing)];
        for (name, schema) in [ReadingSchema::name(), FormSchema::name()].into_iter().zip(schemas) {
            components.schemas.insert(name.into_owned(), schema.into());
        }
    }
    // Of what a refusal looks like, the handlers give the name only.
    components.schemas.insert(Envelope::name().into_owned(), Envelope::schema());
    for (path, item) in &mut description.paths.paths {
        if Route::of(path).is_open() {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                operation.responses.responses.remove("401");
            }
        }
    }
    if app.keys.are_wanted() {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
        let either = ["bearer", "api_key"].map(|name| SecurityRequirement::new(name, [] as [&str; 0]));
        for (path, item) in &mut description.paths.paths {
            if !Route::of(path).is_open() {
                for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                    operation.security = Some(either.to_vec());
                }
            }
        }
    }
    description
}
