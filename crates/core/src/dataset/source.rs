//! Where the rows come from: files, folders, patterns, or a stream of bytes.

use super::compression::Bytes;
use super::error::DatasetError;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Endings of the files that a folder is searched for, compressed or not.
const ENDINGS: [&str; 5] = ["csv", "tsv", "txt", "dat", "parquet"];
const COMPRESSED: [&str; 2] = ["gz", "zst"];

/// Files with the same columns, or one stream of bytes.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) parts: Vec<Part>,
    read: Arc<AtomicU64>,
}

/// One file, or what stands for it.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) name: String,
    content: Content,
}

#[derive(Clone)]
enum Content {
    File(PathBuf),
    Bytes(Arc<[u8]>),
    /// It can be read once.
    Stream(Arc<Mutex<Option<Bytes>>>),
}

impl Source {
    /// The files at these paths: a file, a folder with files, or a pattern such as `data/2025-*.csv`.
    ///
    /// # Errors
    /// [`DatasetError::NoFile`] if a path leads to no file, or [`DatasetError::Open`].
    pub fn files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, DatasetError> {
        let mut parts = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let found = if path.is_dir() {
                files_in(path).map_err(|problem| DatasetError::Open { name: path.display().to_string(), problem })?
            } else if path.exists() {
                vec![path.to_owned()]
            } else {
                matches(path)
            };
            if found.is_empty() {
                return Err(DatasetError::NoFile { path: path.to_owned(), is_folder: path.is_dir() });
            }
            for path in found {
                parts.push(Part::file(path)?);
            }
        }
        Ok(Source { parts, read: Arc::default() })
    }

    /// A file's content that was read before.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let part = Part { name: name.into(), content: Content::Bytes(bytes.into()) };
        Source { parts: vec![part], read: Arc::default() }
    }

    /// What arrives in a stream, such as standard input; it can be read once.
    pub fn stream(name: impl Into<String>, stream: impl Read + Send + 'static) -> Self {
        let content = Content::Stream(Arc::new(Mutex::new(Some(Box::new(stream)))));
        Source { parts: vec![Part { name: name.into(), content }], read: Arc::default() }
    }

    /// The same, with all streams read into memory, so that it can be read again.
    ///
    /// # Errors
    /// [`DatasetError::Open`] if a stream cannot be read.
    pub fn buffered(mut self) -> Result<Self, DatasetError> {
        for part in self.parts.iter_mut().filter(|part| !part.is_repeatable()) {
            let mut bytes = Vec::new();
            let read = part.open(&self.read)?.read_to_end(&mut bytes);
            read.map_err(|problem| DatasetError::Open { name: part.name.clone(), problem })?;
            part.content = Content::Bytes(bytes.into());
        }
        Ok(self)
    }

    /// The path, or the first one and how many more there are.
    pub fn name(&self) -> String {
        match &self.parts[..] {
            [part] => part.name.clone(),
            [first, .., last] => format!("{} parts, {} to {}", self.parts.len(), first.name, last.name),
            [] => "nothing".to_owned(),
        }
    }

    /// The bytes read so far, of all readers of this source and its clones.
    pub fn bytes_read(&self) -> &Arc<AtomicU64> {
        &self.read
    }

    /// The size of all files in bytes; `None` for a stream.
    pub fn size(&self) -> Option<u64> {
        let size = |part: &Part| match &part.content {
            Content::File(path) => fs::metadata(path).ok().map(|metadata| metadata.len()),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Stream(_) => None,
        };
        self.parts.iter().map(size).sum()
    }

    /// Whether it can be read again.
    pub fn is_repeatable(&self) -> bool {
        self.parts.iter().all(Part::is_repeatable)
    }
}

impl Part {
    fn file(path: PathBuf) -> Result<Self, DatasetError> {
        let name = path.display().to_string();
        if path.is_file() {
            return Ok(Part { name, content: Content::File(path) });
        }
        // A pipe cannot be opened twice.
        match File::open(&path) {
            Ok(pipe) => Ok(Part { name, content: Content::Stream(Arc::new(Mutex::new(Some(Box::new(pipe))))) }),
            Err(problem) => Err(DatasetError::Open { name, problem }),
        }
    }

    pub(super) fn is_repeatable(&self) -> bool {
        !matches!(self.content, Content::Stream(_))
    }

    /// The bytes from the beginning; they are counted in `read`.
    pub(super) fn open(&self, read: &Arc<AtomicU64>) -> Result<Bytes, DatasetError> {
        let failed = |problem| DatasetError::Open { name: self.name.clone(), problem };
        let bytes: Bytes = match &self.content {
            Content::File(path) => Box::new(File::open(path).map_err(failed)?),
            Content::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Content::Stream(stream) => {
                let taken = stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                taken.ok_or_else(|| failed(io::Error::other("it can be read once only")))?
            }
        };
        Ok(Box::new(Counted { bytes, read: Arc::clone(read) }))
    }

    /// The whole content, for formats that are not read from front to back.
    #[cfg(feature = "parquet")]
    pub(super) fn content(&self) -> Result<Whole, DatasetError> {
        let failed = |problem| DatasetError::Open { name: self.name.clone(), problem };
        match &self.content {
            Content::File(path) => Ok(Whole::File(File::open(path).map_err(failed)?)),
            Content::Bytes(bytes) => Ok(Whole::Bytes(Arc::clone(bytes))),
            Content::Stream(_) => {
                Err(failed(io::Error::other("Parquet is read from its end: give a file instead of standard input")))
            }
        }
    }
}

/// The content of a part.
#[cfg(feature = "parquet")]
pub(super) enum Whole {
    File(File),
    Bytes(Arc<[u8]>),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Counts what is read.
struct Counted {
    bytes: Bytes,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(buffer)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// The files of a folder that may hold rows, by name.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let mut name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if let Some(inner) = COMPRESSED.iter().find_map(|ending| name.strip_suffix(&format!(".{ending}"))) {
            name = inner.to_owned();
        }
        let has_ending = ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}")));
        if path.is_file() && !name.starts_with('.') && has_ending {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The files that a pattern stands for, by name.
fn matches(pattern: &Path) -> Vec<PathBuf> {
    let Some(pattern) = pattern.to_str().filter(|text| text.contains(['*', '?', '['])) else { return Vec::new() };
    let found = glob::glob(pattern).into_iter().flatten().filter_map(Result::ok);
    found.filter(|path| path.is_file()).collect()
}
