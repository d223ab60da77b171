//! Every relative link in a Markdown file leads to a file, and to a heading in it if it names one.

use e2e::repository;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no documents of ours.
const LEFT_OUT: [&str; 4] = ["target", ".git", "outputs", "models"];

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The targets of the links and pictures of a document, outside its code.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let prose = text.split("```").step_by(2).collect::<Vec<_>>().concat();
    for part in prose.split("](").skip(1) {
        targets.push(part.split([')', ' ']).next().unwrap_or_default().to_owned());
    }
    targets
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2).collect::<Vec<_>>().concat();
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|heading| heading.to_lowercase().chars().filter(|&c| kept(c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// What is wrong with a link of `document`, if anything is.
fn problem(document: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { document.to_owned() } else { document.parent()?.join(file) };
    if !path.exists() {
        return Some(format!("{file} does not exist"));
    }
    if anchor.is_empty() {
        return None;
    }
    let known = if file.is_empty() { anchors(text) } else { anchors(&fs::read_to_string(&path).ok()?) };
    (!known.iter().any(|known| known == anchor)).then(|| format!("{target} has no such heading; there are {known:?}"))
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut n_links = 0;
    let mut problems = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in targets(&text) {
            n_links += 1;
            problems
                .extend(problem(&document, &text, &target).map(|problem| format!("{}: {problem}", document.display())));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(n_links > 20, "only {n_links} links were found");
}

#[test]
fn a_dead_link_is_found() {
    let text = "# The one\n\n[a](gone.md) [b](#the-one) [c](#other)\n```\n[d](x.md)\n```\n";
    assert_eq!(targets(text), ["gone.md", "#the-one", "#other"]);
    let problem = |target| problem(&repository().join("README.md"), text, target);
    assert!(problem("gone.md").is_some() && problem("#other").is_some());
    assert_eq!((problem("#the-one"), problem("Cargo.toml"), problem("https://example.org/x")), (None, None, None));
}
