//! The files that a rotation leaves beside a file.

use super::position::FileId;
use std::path::Path;
use std::time::SystemTime;

/// Endings that compression adds.
const COMPRESSED: [&str; 4] = [".gz", ".zst", ".bz2", ".xz"];

/// The names of the rotated files beside `path` that were written after `since`, oldest first, without the one that has the
/// name `path` by now.
pub(super) fn rotated_since(path: &Path, since: SystemTime) -> Vec<String> {
    let current = std::fs::metadata(path).ok().map(|metadata| FileId::of(&metadata));
    let mut found: Vec<(SystemTime, String)> = std::fs::read_dir(folder(path))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata().ok()?;
            let written = metadata.modified().ok()?;
            let is_other = metadata.is_file() && Some(FileId::of(&metadata)) != current;
            (is_other && written > since && is_rotated(&name, path)).then_some((written, name))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Whether a rotation gives the file at `path` that name: `a.csv.1`, `a.csv-20260101.gz`, `a-2026-01-01.csv`.
fn is_rotated(name: &str, path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()));
    let name = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let Some(mark) = name.strip_prefix(&*stem) else { return false };
    let mark = mark.strip_prefix(&extension).or_else(|| mark.strip_suffix(&extension)).unwrap_or(mark);
    mark.starts_with(['.', '-', '_'])
        && mark.contains(|c: char| c.is_ascii_digit())
        && mark.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | ':' | 'T' | 'Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_known_by_their_names() {
        let cases = [
            ("a.csv.1", true),
            ("a.csv.12.gz", true),
            ("a.csv-20260101", true),
            ("a-2026-01-01T10:00:00Z.csv", true),
            ("a.1.csv.zst", true),
            ("a.csv", false),
            ("a.csv.spool", false),
            ("a.csv.lock", false),
            ("a-b.csv", false),
            ("ab.csv.1", false),
            ("a2.csv", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_rotated(name, Path::new("folder/a.csv")), expected, "{name}");
        }
        assert!(is_rotated("log.1", Path::new("log")) && !is_rotated("log", Path::new("log")));
    }
}
