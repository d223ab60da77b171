//! Appending to a file, whole or not at all.

use std::fs::File;
use std::io::{self, Write};

/// What can be cut to a length.
pub(super) trait Truncate {
    /// Cuts it to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

impl Truncate for File {
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Writes to the end of a file. A write that fails (disk full) leaves none of its bytes behind: a later one would go behind
/// half a line, and the file would be damaged in its middle.
#[derive(Debug)]
pub(super) struct Appender<F> {
    file: F,
    len: u64,
    is_torn: bool,
}

impl<F: Write + Truncate> Appender<F> {
    /// Appends to `file`, which has `len` bytes and is open for appending.
    pub(super) fn new(file: F, len: u64) -> Self {
        Appender { file, len, is_torn: false }
    }

    /// The length of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes all the bytes or, on an error, none.
    ///
    /// # Errors
    /// If they cannot be written, or an earlier write failed and could not be undone.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::Error::other("an earlier write failed half-way; start again to cut it off"));
        }
        let written = self.file.write_all(bytes);
        match written {
            Ok(()) => self.len += bytes.len() as u64,
            Err(_) => self.is_torn = self.file.truncate(self.len).is_err(),
        }
        written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::RefCell;

    /// A disk with room for so many bytes.
    struct Disk {
        content: RefCell<Vec<u8>>,
        room: usize,
        is_stuck: bool,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let content = self.content.get_mut();
            let fits = bytes.len().min(self.room - content.len());
            content.extend_from_slice(&bytes[..fits]);
            if fits > 0 || bytes.is_empty() { Ok(fits) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Truncate for Disk {
        fn truncate(&self, len: u64) -> io::Result<()> {
            if self.is_stuck {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.content.borrow_mut().truncate(usize::try_from(len).unwrap());
            Ok(())
        }
    }

    fn disk(is_stuck: bool) -> Appender<Disk> {
        Appender::new(Disk { content: RefCell::default(), room: 10, is_stuck }, 0)
    }

    #[test]
    fn a_write_that_does_not_fit_leaves_nothing_behind() {
        let mut out = disk(false);
        out.append(b"12345\n").unwrap();
        assert_eq!(out.append(b"67890\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        out.append(b"678\n").unwrap();
        assert_eq!((out.file.content.borrow().as_slice(), out.len()), (b"12345\n678\n".as_slice(), 10));
    }

    #[test]
    fn nothing_is_written_behind_half_a_line() {
        let mut out = disk(true);
        out.append(b"12345\n").unwrap();
        out.append(b"67890\n").unwrap_err();
        out.file.room = 100;
        assert!(out.append(b"678\n").unwrap_err().to_string().contains("an earlier write failed half-way"));
        assert_eq!(out.file.content.borrow().as_slice(), b"12345\n6789");
    }
}
