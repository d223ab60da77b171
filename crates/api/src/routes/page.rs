//! The live page at `/`: plain files, part of the program.

use crate::route::{PAGE_FILES, Route};
use crate::state::App;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;

/// The page loads nothing from elsewhere and is shown within no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Clone, Copy)]
struct File {
    content_type: &'static str,
    text: &'static str,
}

const PAGE: File = File { content_type: "text/html; charset=utf-8", text: include_str!("../page/index.html") };

/// The files that it links, by name.
const LINKED: [(&str, File); 3] = [
    ("page.css", File { content_type: "text/css; charset=utf-8", text: include_str!("../page/page.css") }),
    ("page.js", File { content_type: "text/javascript; charset=utf-8", text: include_str!("../page/page.js") }),
    ("icon.svg", File { content_type: "image/svg+xml", text: include_str!("../page/icon.svg") }),
];

/// The page and its files.
pub fn router() -> Router<Arc<App>> {
    let page = Router::new().route(Route::Page.path(), get(async || answer(PAGE)));
    LINKED.into_iter().fold(page, |router, (name, file)| {
        router.route(&format!("{PAGE_FILES}{name}"), get(async move || answer(file)))
    })
}

fn answer(file: File) -> impl IntoResponse {
    const HEADERS: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Another version of the service has other files.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (HEADERS, [(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type))], file.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_links_its_own_files_and_nothing_else() {
        let links: Vec<&str> =
            PAGE.text.split(['"', '\'']).filter(|text| text.contains("//") || text.starts_with('/')).collect();
        assert_eq!(links.len(), LINKED.len(), "{links:?}");
        for (name, _) in LINKED {
            assert!(links.contains(&format!("{PAGE_FILES}{name}").as_str()), "{name} in {links:?}");
        }
    }
}
