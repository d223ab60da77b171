//! The README can be read in one go.

use e2e::repository;

/// The most lines of the README.
const MOST_LINES: usize = 140;

#[test]
fn the_readme_is_short() {
    let lines = std::fs::read_to_string(repository().join("README.md")).unwrap().lines().count();
    assert!(lines <= MOST_LINES, "README.md has {lines} lines, more than {MOST_LINES}: move details to docs/");
}
