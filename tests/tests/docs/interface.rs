//! `docs/http-api.md` names every route of the service.

use api::route::Route;
use e2e::repository;

#[test]
fn every_route_is_described() {
    let text = std::fs::read_to_string(repository().join("docs/http-api.md")).unwrap();
    let missing: Vec<&str> = Route::EVERY
        .into_iter()
        .filter(|route| *route != Route::Other)
        .map(Route::path)
        .filter(|path| !text.contains(&format!("{path}`")) && !text.contains(&format!("{path}?")))
        .collect();
    assert!(missing.is_empty(), "docs/http-api.md does not describe {missing:?}");
}
