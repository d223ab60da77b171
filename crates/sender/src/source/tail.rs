//! The end of a growing file, as `tail -F` follows it.

use super::position::{FileId, Head, Position};
use super::rotation::{folder, rotated_since};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const CHUNK: u64 = 1 << 20;

/// Whole lines of a file that grows, is rotated (another file gets its name) or is truncated.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// Whether it was said that there is no file of that name.
    said_gone: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    id: FileId,
    head: Head,
    /// Bytes that were read.
    read: u64,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

/// What became of the file since it was looked at last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// Whole lines.
    Lines(Vec<u8>),
    /// The lines that come now are those of a file from its beginning; why, if that is worth saying.
    Beginning(Option<String>),
    /// There is no file of that name.
    Gone(String),
}

impl Tail {
    /// Follows the file called `path` from its beginning or, if the file of `position` is that file or a rotated one beside
    /// it, that one from its beginning. Whether the position can be gone on from.
    pub(super) fn new(path: &Path, position: Option<Position>) -> (Self, bool) {
        let open = position.and_then(|position| find(path, position));
        let is_found = open.is_some();
        (Tail { path: path.to_owned(), open, said_gone: false }, is_found)
    }

    /// The place in the file that is read behind so many readings.
    pub(super) fn position(&self, readings: u64) -> Option<Position> {
        self.open.as_ref().map(|open| Position { file: open.id, head: open.head, readings, bytes: open.read })
    }

    /// Looks at the file once more.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn look(&mut self) -> io::Result<News> {
        let Some(open) = &mut self.open else {
            self.open = open_at(&self.path)?;
            return Ok(match &self.open {
                Some(_) => self.beginning(None),
                None => self.gone(),
            });
        };
        if open.file.metadata()?.len() < open.read {
            self.open = None;
            return self.again("was truncated");
        }
        if open.is_overwritten()? {
            self.open = None;
            return self.again("was overwritten");
        }
        if let Some(lines) = open.lines()? {
            return Ok(News::Lines(lines));
        }
        match std::fs::metadata(&self.path) {
            Ok(named) if FileId::of(&named) == open.id => {
                self.said_gone = false;
                Ok(News::None)
            }
            Ok(_) => {
                // What was written between the last look and the rotation.
                if let Some(lines) = open.lines()? {
                    return Ok(News::Lines(lines));
                }
                let last = std::mem::take(&mut open.rest);
                if !last.is_empty() {
                    return Ok(News::Lines([last, b"\n".to_vec()].concat()));
                }
                let missed = rotated_since(&self.path, open.file.metadata()?.modified()?);
                self.open = None;
                let news = self.again("was rotated")?;
                Ok(match news {
                    News::Beginning(Some(note)) if !missed.is_empty() => News::Beginning(Some(format!(
                        "{note}; rotated meanwhile and not read: {}; send them with --replay",
                        missed.join(", ")
                    ))),
                    news => news,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.gone()),
            Err(error) => Err(error),
        }
    }

    fn again(&mut self, what: &str) -> io::Result<News> {
        let note = format!("{} {what}; reading it from its beginning", self.path.display());
        self.open = open_at(&self.path)?;
        Ok(if self.open.is_some() { self.beginning(Some(note)) } else { self.gone() })
    }

    fn beginning(&mut self, note: Option<String>) -> News {
        self.said_gone = false;
        News::Beginning(note)
    }

    fn gone(&mut self) -> News {
        if std::mem::replace(&mut self.said_gone, true) {
            return News::None;
        }
        News::Gone(format!("there is no file {}; waiting for it", self.path.display()))
    }
}

impl Open {
    fn new(file: File) -> io::Result<Self> {
        let id = FileId::of(&file.metadata()?);
        Ok(Open { file, id, head: Head::default(), read: 0, rest: Vec::new() })
    }

    /// Whether it begins otherwise than it did, though it is no shorter.
    fn is_overwritten(&mut self) -> io::Result<bool> {
        self.file.rewind()?;
        let is_same = self.head.is_of(&self.file)?;
        self.file.seek(SeekFrom::Start(self.read))?;
        Ok(!is_same)
    }

    /// The lines that have been completed since the last call, if any have.
    fn lines(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let before = self.rest.len();
            let read = self.file.by_ref().take(CHUNK).read_to_end(&mut self.rest)?;
            self.read += read as u64;
            self.head.extend(&self.rest[before..]);
            if let Some(end) = self.rest[before..].iter().rposition(|&byte| byte == b'\n') {
                let rest = self.rest.split_off(before + end + 1);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            if read == 0 {
                return Ok(None);
            }
        }
    }
}

fn open_at(path: &Path) -> io::Result<Option<Open>> {
    match File::open(path) {
        Ok(file) => Open::new(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file of the position: the one of that name, or one beside it.
fn find(path: &Path, position: Position) -> Option<Open> {
    let beside = std::fs::read_dir(folder(path)).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = std::iter::once(path.to_owned()).chain(beside).find(|path| path.is_file() && position.is_in(path))?;
    Open::new(File::open(found).ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn append(path: &Path, text: &str) {
        std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn lines(text: &str) -> News {
        News::Lines(text.as_bytes().to_vec())
    }

    #[test]
    fn whole_lines_come_as_they_are_completed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut tail = Tail::new(&path, None).0;
        assert!(matches!(tail.look().unwrap(), News::Gone(note) if note.contains("a.csv")));
        assert_eq!(tail.look().unwrap(), News::None);
        append(&path, "one\ntw");
        assert_eq!(tail.look().unwrap(), News::Beginning(None));
        assert_eq!(tail.look().unwrap(), lines("one\n"));
        assert_eq!(tail.look().unwrap(), News::None);
        append(&path, "o\nthree\n");
        assert_eq!(tail.look().unwrap(), lines("two\nthree\n"));
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_and_a_truncated_one_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        append(&path, "one\n");
        let mut tail = Tail::new(&path, None).0;
        assert_eq!([tail.look().unwrap(), tail.look().unwrap()], [News::Beginning(None), lines("one\n")]);
        append(&path, "two\nlast");
        std::fs::rename(&path, folder.path().join("a.csv.1")).unwrap();
        append(&path, "three\n");
        assert_eq!([tail.look().unwrap(), tail.look().unwrap()], [lines("two\n"), lines("last\n")]);
        assert!(matches!(tail.look().unwrap(), News::Beginning(Some(note)) if note.contains("was rotated")));
        assert_eq!(tail.look().unwrap(), lines("three\n"));
        std::fs::write(&path, "4\n").unwrap();
        assert!(matches!(tail.look().unwrap(), News::Beginning(Some(note)) if note.contains("was truncated")));
        assert_eq!(tail.look().unwrap(), lines("4\n"));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(tail.look().unwrap(), News::Gone(_)));
        append(&path, "5\n");
        assert!(matches!(tail.look().unwrap(), News::Beginning(_)));
        assert_eq!(tail.look().unwrap(), lines("5\n"));
    }

    #[test]
    fn a_file_that_is_overwritten_between_two_looks_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        append(&path, "one\n");
        let mut tail = Tail::new(&path, None).0;
        assert_eq!([tail.look().unwrap(), tail.look().unwrap()], [News::Beginning(None), lines("one\n")]);
        // As long as before, and longer.
        std::fs::write(&path, "two\n").unwrap();
        assert!(matches!(tail.look().unwrap(), News::Beginning(Some(note)) if note.contains("was overwritten")));
        assert_eq!(tail.look().unwrap(), lines("two\n"));
        std::fs::write(&path, "three\nfour\n").unwrap();
        assert!(matches!(tail.look().unwrap(), News::Beginning(Some(note)) if note.contains("was overwritten")));
        assert_eq!(tail.look().unwrap(), lines("three\nfour\n"));
    }

    #[test]
    fn the_position_of_a_file_that_was_overwritten_while_the_sender_was_away_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        append(&path, "one\ntwo\n");
        let mut tail = Tail::new(&path, None).0;
        assert_eq!([tail.look().unwrap(), tail.look().unwrap()], [News::Beginning(None), lines("one\ntwo\n")]);
        let position = tail.position(2);
        append(&path, "three\n");
        assert!(Tail::new(&path, position).1);
        std::fs::write(&path, "un\ndeux\ntrois\n").unwrap();
        assert!(!Tail::new(&path, position).1);
    }

    #[test]
    fn each_time_that_the_file_is_gone_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a.csv"), folder.path().join("aside"));
        let mut tail = Tail::new(&path, None).0;
        let is_gone = |tail: &mut Tail| matches!(tail.look().unwrap(), News::Gone(_));
        assert!(is_gone(&mut tail));
        append(&path, "one\n");
        assert_eq!([tail.look().unwrap(), tail.look().unwrap()], [News::Beginning(None), lines("one\n")]);
        // The same file comes back, then another one.
        for _ in 0..2 {
            std::fs::rename(&path, &aside).unwrap();
            assert!(is_gone(&mut tail));
            assert_eq!(tail.look().unwrap(), News::None);
            std::fs::rename(&aside, &path).unwrap();
            assert_eq!(tail.look().unwrap(), News::None);
        }
        for text in ["two\n", "three\n"] {
            std::fs::remove_file(&path).unwrap();
            assert!(is_gone(&mut tail), "before {text:?}");
            append(&path, text);
            assert!(matches!(tail.look().unwrap(), News::Beginning(Some(_))));
            assert_eq!(tail.look().unwrap(), lines(text));
        }
    }

    #[test]
    fn files_that_were_rotated_away_unread_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, minute: u64| {
            let path = folder.path().join(name);
            append(&path, name);
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(60 * minute);
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        file("a.csv.5", 1);
        let position = Position::beginning(&file("a.csv.4", 2));
        file("a.csv.3.gz", 3);
        file("a.csv.2", 4);
        file("a.csv.spool", 5);
        let path = file("a.csv", 6);
        let mut tail = Tail::new(&path, position).0;
        assert_eq!(tail.look().unwrap(), lines("a.csv.4\n"));
        let News::Beginning(Some(note)) = tail.look().unwrap() else { panic!("no beginning") };
        assert!(
            note.ends_with("; rotated meanwhile and not read: a.csv.3.gz, a.csv.2; send them with --replay"),
            "{note}"
        );
    }

    #[test]
    fn a_position_is_found_in_the_file_or_in_a_rotated_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        append(&path, "one\ntwo\n");
        let beginning = Position::beginning(&path).unwrap();
        let position = |bytes| Some(Position { readings: 1, bytes, ..beginning });
        assert!(Tail::new(&path, position(8)).1);
        assert!(!Tail::new(&path, position(9)).1, "it was truncated");
        std::fs::rename(&path, folder.path().join("a.csv.1")).unwrap();
        append(&path, "three\n");
        let (mut tail, is_found) = Tail::new(&path, position(8));
        assert!(is_found);
        assert_eq!(tail.look().unwrap(), lines("one\ntwo\n"));
        assert!(matches!(tail.look().unwrap(), News::Beginning(Some(_))));
        assert_eq!(tail.look().unwrap(), lines("three\n"));
    }
}
