//! What cannot be followed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// First bytes and endings of files that are no plain text.
const FORMATS: [(&str, &[u8], &str); 3] =
    [("gzip", &[0x1f, 0x8b], "gz"), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd], "zst"), ("Parquet", b"PAR1", "parquet")];

/// What the path leads to, if that does not grow by whole lines of text; `None` if it does or there is no such file yet.
pub(super) fn unfit(path: &Path) -> Option<&'static str> {
    if path.as_os_str() == "-" {
        return Some("standard input");
    }
    let by_ending = || {
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        FORMATS.iter().find(|(_, _, of)| ending == *of).map(|(name, _, _)| *name)
    };
    let Ok(metadata) = path.metadata() else {
        let is_pattern = path.to_string_lossy().contains(['*', '?', '[']);
        return if is_pattern { Some("a pattern") } else { by_ending() };
    };
    if metadata.is_dir() {
        return Some("a folder");
    }
    if !metadata.is_file() {
        return Some("a pipe or a device");
    }
    let mut first = Vec::new();
    // A file that cannot be read is an error of following it.
    let _ = File::open(path).map(|file| file.take(4).read_to_end(&mut first));
    by_ending().or_else(|| FORMATS.iter().find(|(_, magic, _)| first.starts_with(magic)).map(|(name, _, _)| *name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plain_text_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let cases = [
            (Path::new("-").to_owned(), Some("standard input")),
            (folder.path().to_owned(), Some("a folder")),
            (folder.path().join("*.csv"), Some("a pattern")),
            (folder.path().join("later.csv"), None),
            (folder.path().join("later.csv.GZ"), Some("gzip")),
            (file("a.csv", b"a,b\n"), None),
            (file("a[1].csv", b"a,b\n"), None),
            (file("empty.csv", b""), None),
            (file("b.csv", &[0x1f, 0x8b, 8, 0, 0]), Some("gzip")),
            (file("c.csv.zst", b""), Some("zstd")),
            (file("d", b"PAR1\0"), Some("Parquet")),
            #[cfg(unix)]
            ("/dev/null".into(), Some("a pipe or a device")),
        ];
        for (path, expected) in cases {
            assert_eq!(unfit(&path), expected, "{}", path.display());
        }
    }
}
