//! Who may know whom, held by reading the sources: `use` declarations and written-out paths, comments and texts left out.

#![allow(clippy::unwrap_used)]

use e2e::repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The longest that a source file may be, in lines.
const MOST_LINES: usize = 400;

/// The longest that a program's `main.rs` may be, in lines: it is a table of contents.
const MOST_LINES_OF_MAIN: usize = 40;

/// A source file and the paths in it, such as `crate::forest::Forest`.
struct Source {
    path: PathBuf,
    lines: usize,
    paths: BTreeSet<String>,
}

/// The sources of a folder of the repository, or one file.
fn sources(place: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&repository().join(place), &mut files);
    assert!(!files.is_empty(), "there is nothing in {place}");
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        Source { lines: text.lines().count(), paths: paths(&text), path }
    };
    files.into_iter().map(source).collect()
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    if place.is_file() {
        files.push(place.to_owned());
    } else if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() || path.extension().is_some_and(|extension| extension == "rs") {
                collect(&path, files);
            }
        }
    }
}

/// Every path that a source names: those of its `use` declarations with their braces multiplied out, and those written
/// out elsewhere.
fn paths(text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut paths = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i] == "use" {
            i += 1;
            expand(&tokens, &mut i, "", &mut paths);
        } else if is_name(&tokens[i]) {
            let mut path = tokens[i].clone();
            while i + 2 < tokens.len() && tokens[i + 1] == "::" && is_name(&tokens[i + 2]) {
                path = format!("{path}::{}", tokens[i + 2]);
                i += 2;
            }
            if path.contains("::") {
                paths.insert(path);
            }
        }
        i += 1;
    }
    paths
}

/// One tree of a `use` declaration, from token `i` to the one before `,`, `}` or `;`.
fn expand(tokens: &[String], i: &mut usize, before: &str, paths: &mut BTreeSet<String>) {
    let mut path = before.to_owned();
    while let Some(token) = tokens.get(*i) {
        match token.as_str() {
            "{" => {
                *i += 1;
                while tokens[*i] != "}" {
                    expand(tokens, i, &path, paths);
                    if tokens[*i] == "," {
                        *i += 1;
                    }
                }
                *i += 1;
                return;
            }
            "," | "}" | ";" => break,
            "::" if path.is_empty() => {}
            "as" => *i += 1,
            token => path.push_str(token),
        }
        *i += 1;
    }
    paths.insert(path);
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single signs, without comments, texts and characters.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if first == '"' {
            text_length(rest)
        } else if first == '\'' {
            // A character, or the name of a lifetime.
            match rest[1..].char_indices().nth(1) {
                Some((end, '\'')) => end + 2,
                _ if rest.starts_with("'\\") => 3 + rest[3..].find('\'').unwrap_or(0),
                _ => 1,
            }
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length.max(1)..];
    }
    tokens
}

/// The length of `r"…"`, `br#"…"#` and the like, if that is what the text begins with.
fn raw_text(text: &str) -> Option<usize> {
    let start = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let body = start.trim_start_matches('#');
    let hashes = start.len() - body.len();
    let body = body.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&end)? + end.len())
}

fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return i + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Whether `path` is `prefix` or lies under it.
fn under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What sources under `place` name although they must not.
fn offenders(place: &str, forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let named = |source: Source| {
        let path = source.path.strip_prefix(repository()).unwrap().display().to_string();
        source.paths.into_iter().map(move |name| (path.clone(), name))
    };
    let all = sources(place).into_iter().flat_map(named);
    all.filter(|(_, name)| forbidden(name)).map(|(path, name)| format!("{path} names {name}")).collect()
}

fn any_under(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| under(name, prefix))
}

const NONE: Vec<String> = Vec::new();

#[test]
fn paths_are_found_however_they_are_written() {
    let text = r##"
        //! use axum::Router;
        use a::{b::{self, C as D}, e::*, f};
        pub(crate) use ::std::fs;
        fn g<'a>(x: &'a str) -> std::io::Result<()> { "csv::Reader"; r#"std::fs " "#; '"'; '\''; h::i(x) /* j::k */ }
    "##;
    let expected = ["a::b::C", "a::b::self", "a::e::*", "a::f", "h::i", "std::fs", "std::io::Result"];
    assert_eq!(paths(text).into_iter().collect::<Vec<_>>(), expected);
    assert!(under("std::fs::File", "std::fs") && under("csv", "csv") && !under("csv_rows::x", "csv"));
}

#[test]
fn the_core_knows_no_other_crate_of_ours_and_no_transport() {
    let others = ["api", "train", "sender", "viz", "e2e"];
    let transports = ["axum", "hyper", "reqwest", "ureq", "tokio", "http", "tower", "std::net", "std::os::unix::net"];
    let world = [
        "std::env",
        "std::time::SystemTime",
        "std::time::Instant",
        "jiff::Timestamp::now",
        "Timestamp::now",
        "Instant::now",
        "SystemTime::now",
    ];
    let chance =
        ["rand::rng", "rand::random", "rand::thread_rng", "thread_rng", "rand::rngs::StdRng", "StdRng::from_os_rng"];
    for forbidden in [&others[..], &transports, &world, &chance] {
        assert_eq!(offenders("crates/core/src", |name| any_under(name, forbidden)), NONE);
    }
    let manifest = dependencies("crates/core");
    for name in others.iter().chain(&transports) {
        assert!(!manifest.contains(*name), "the core depends on {name}");
    }
}

/// The rooms of the core that `place` may name, itself included.
fn core_rooms(place: &str, allowed: &[&str]) -> Vec<String> {
    offenders(place, |name| under(name, "crate") && !any_under(name, allowed))
}

#[test]
fn the_forest_sees_feature_vectors_only() {
    assert_eq!(core_rooms("crates/core/src/forest", &["crate::forest"]), NONE);
    // Nor does it climb out by another way.
    assert_eq!(offenders("crates/core/src/forest/mod.rs", |name| under(name, "super")), NONE);
}

#[test]
fn the_evaluation_sees_scores_and_labels_only() {
    assert_eq!(core_rooms("crates/core/src/evaluation", &["crate::evaluation"]), NONE);
    assert_eq!(offenders("crates/core/src/evaluation/mod.rs", |name| under(name, "super") && name != "super::*"), NONE);
}

#[test]
fn the_routes_name_neither_csv_nor_files() {
    let forbidden = [
        "csv",
        "std::fs",
        "tokio::fs",
        "std::io::Write",
        "std::path",
        "File",
        "OpenOptions",
        "std::os",
        "crate::prediction_log::Writer",
    ];
    assert_eq!(offenders("crates/api/src/routes", |name| any_under(name, &forbidden)), NONE);
}

#[test]
fn the_prediction_log_names_no_http() {
    let forbidden = [
        "axum",
        "hyper",
        "hyper_util",
        "http",
        "http_body_util",
        "tower",
        "tower_http",
        "crate::routes",
        "crate::error",
        "crate::state",
        "crate::gate",
    ];
    assert_eq!(offenders("crates/api/src/prediction_log", |name| any_under(name, &forbidden)), NONE);
}

#[test]
fn the_programs_do_not_know_each_other() {
    let programs = ["api", "train", "sender", "viz"];
    for program in programs {
        let may = |other: &str| other == program || (other == "viz" && matches!(program, "train" | "api"));
        for place in ["src", "tests", "examples", "benches"] {
            let place = format!("crates/{program}/{place}");
            if !repository().join(&place).exists() {
                continue;
            }
            for other in programs.into_iter().filter(|other| !may(other)) {
                assert_eq!(offenders(&place, |name| under(name, other) && name != other), NONE);
            }
        }
        let manifest = dependencies(&format!("crates/{program}"));
        for other in programs.into_iter().filter(|other| !may(other)) {
            assert!(!manifest.contains(other), "{program} depends on {other}");
        }
    }
}

/// What a package depends on, for whatever purpose.
fn dependencies(package: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
    let mut names = BTreeSet::new();
    let mut within = false;
    for line in text.lines() {
        if line.starts_with('[') {
            within = line.contains("dependencies");
        } else if within && let Some(name) = line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()) {
            names.insert(name.to_owned());
        }
    }
    assert!(!names.is_empty());
    names
}

#[test]
fn no_source_is_too_long() {
    for place in ["crates", "tests"] {
        for Source { path, lines, .. } in sources(place) {
            let most = if path.ends_with("src/main.rs") { MOST_LINES_OF_MAIN } else { MOST_LINES };
            assert!(lines <= most, "{} has {lines} lines; {most} is the most", path.display());
        }
    }
}
