//! Output whose reader may leave early, as in `train | head`.

use std::io::{self, ErrorKind, Write};

/// Writes to `W` until its reader has closed the pipe; then discards what is written, so that the program finishes its
/// work without an error message.
#[derive(Debug)]
pub struct UntilClosed<W> {
    out: W,
    closed: bool,
}

impl<W: Write> UntilClosed<W> {
    /// Wraps a writer, usually standard output.
    pub fn new(out: W) -> Self {
        UntilClosed { out, closed: false }
    }

    /// `result`, or `value` once the pipe is closed.
    fn unless_closed<T>(&mut self, result: io::Result<T>, value: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(value)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.unless_closed(flushed, ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Fails every write with one kind of error.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let mut out = UntilClosed::new(Failing(ErrorKind::BrokenPipe));
        writeln!(out, "first").unwrap();
        writeln!(out, "second").unwrap();
        out.flush().unwrap();
    }

    #[test]
    fn other_errors_are_passed_on_and_text_is_written() {
        let mut full = UntilClosed::new(Failing(ErrorKind::StorageFull));
        assert_eq!(full.write(b"text").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(full.flush().unwrap_err().kind(), ErrorKind::StorageFull);
        let mut out = UntilClosed::new(Vec::new());
        out.write_all(b"text").unwrap();
        assert_eq!(out.out, b"text");
    }
}
