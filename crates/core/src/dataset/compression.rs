//! Compressed files, recognised by their first bytes.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER: usize = 1 << 16;

/// A source of bytes that can be handed to another thread.
pub(super) type Bytes = Box<dyn Read + Send>;

/// The bytes within, and the name of the compression if there is one.
pub(super) fn decompress(raw: Bytes) -> io::Result<(Bytes, Option<&'static str>)> {
    let mut raw = BufReader::with_capacity(BUFFER, raw);
    let first = raw.fill_buf()?;
    Ok(if first.starts_with(&GZIP) {
        (Box::new(MultiGzDecoder::new(raw)), Some("gzip"))
    } else if first.starts_with(&ZSTD) {
        (Box::new(Frames { raw, frame: None }), Some("zstd"))
    } else {
        (Box::new(raw), None)
    })
}

/// The frames of a zstd file, one after the other.
struct Frames<R> {
    raw: R,
    frame: Option<FrameDecoder>,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame; `None` at the end of the file.
    fn next_frame(&mut self) -> io::Result<Option<FrameDecoder>> {
        while !self.raw.fill_buf()?.is_empty() {
            let mut frame = FrameDecoder::new();
            match frame.init(&mut self.raw) {
                Ok(()) => return Ok(Some(frame)),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.raw.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.next_frame()? {
                    Some(frame) => frame,
                    None => return Ok(0),
                },
            };
            while frame.can_collect() == 0 && !frame.is_finished() {
                frame.decode_blocks(&mut self.raw, BlockDecodingStrategy::UptoBlocks(1)).map_err(io::Error::other)?;
            }
            let length = frame.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                self.frame = Some(frame);
                return Ok(length);
            }
        }
    }
}
