//! Text in other encodings, read as UTF-8.

use super::compression::Bytes;
use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

const BUFFER: usize = 1 << 16;

/// How the letters of a file are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// Windows-1252, the western European code page; ISO 8859-1 is read as it.
    Windows1252,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Windows1252 => "Windows-1252",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        })
    }
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(Encoding::Utf8),
            "windows-1252" | "cp1252" | "latin1" | "iso-8859-1" => Ok(Encoding::Windows1252),
            "utf-16le" | "utf-16" | "utf16" => Ok(Encoding::Utf16Le),
            "utf-16be" => Ok(Encoding::Utf16Be),
            _ => Err("use utf-8, windows-1252, utf-16le or utf-16be".to_owned()),
        }
    }
}

/// Reads bytes of any [`Encoding`] as UTF-8.
///
/// Where no encoding is given, it is decided by the first bytes that are not ASCII: up to there all but UTF-16 are the same.
pub(super) struct Utf8Reader {
    raw: Bytes,
    encoding: Option<Encoding>,
    decoder: Option<Decoder>,
    is_first: bool,
    is_last: bool,
    /// Bytes read and not yet decoded.
    input: Vec<u8>,
    /// Text decoded and not yet handed out, from `position` on.
    text: Vec<u8>,
    position: usize,
    decoded: u64,
}

impl Utf8Reader {
    pub(super) fn new(raw: Bytes, encoding: Option<Encoding>) -> Self {
        let (input, text) = (Vec::new(), Vec::new());
        let (is_first, is_last) = (true, false);
        Utf8Reader { raw, encoding, decoder: None, is_first, is_last, input, text, position: 0, decoded: 0 }
    }

    /// The encoding; `None` as long as nothing but ASCII was read, which is the same in most.
    pub(super) fn decided(&self) -> Option<Encoding> {
        self.encoding
    }

    /// The encoding that what was read is in.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or(Encoding::Utf8)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.position = 0;
        while self.text.is_empty() && !self.is_last {
            let kept = self.input.len();
            self.input.resize(kept + BUFFER, 0);
            let length = self.raw.read(&mut self.input[kept..]);
            self.input.truncate(kept + *length.as_ref().unwrap_or(&0));
            self.is_last = length? == 0;
            // A byte order mark has up to three bytes.
            if self.is_first && self.input.len() < 4 && !self.is_last {
                continue;
            }
            if std::mem::take(&mut self.is_first) {
                self.take_mark();
            }
            self.decode()?;
        }
        Ok(())
    }

    /// Takes the byte order mark off, which says the encoding; without it, zero bytes show UTF-16.
    fn take_mark(&mut self) {
        let marks: [(&[u8], Encoding); 3] = [
            (&[0xef, 0xbb, 0xbf], Encoding::Utf8),
            (&[0xff, 0xfe], Encoding::Utf16Le),
            (&[0xfe, 0xff], Encoding::Utf16Be),
        ];
        if let Some((mark, encoding)) = marks.into_iter().find(|(mark, _)| self.input.starts_with(mark)) {
            self.input.drain(..mark.len());
            self.encoding = Some(encoding);
        } else if self.encoding.is_none() {
            let zeros =
                |from: usize| self.input.iter().skip(from).step_by(2).take(200).filter(|&&byte| byte == 0).count();
            match (zeros(0), zeros(1)) {
                (0, 0) => {}
                (even, odd) if odd > even => self.encoding = Some(Encoding::Utf16Le),
                _ => self.encoding = Some(Encoding::Utf16Be),
            }
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.encoding.is_none() && !self.input.is_ascii() {
            self.encoding = match std::str::from_utf8(&self.input) {
                Ok(_) => Some(Encoding::Utf8),
                Err(error) if error.error_len().is_some() || self.is_last => Some(Encoding::Windows1252),
                Err(error) if self.input[..error.valid_up_to()].is_ascii() => None,
                Err(_) => Some(Encoding::Utf8),
            };
        }
        let other = match self.encoding {
            None | Some(Encoding::Utf8) => return self.take_utf8(),
            Some(Encoding::Windows1252) => WINDOWS_1252,
            Some(Encoding::Utf16Le) => UTF_16LE,
            Some(Encoding::Utf16Be) => UTF_16BE,
        };
        let decoder = self.decoder.get_or_insert_with(|| other.new_decoder_without_bom_handling());
        let most = decoder.max_utf8_buffer_length(self.input.len()).unwrap_or(4 * self.input.len() + 16);
        self.text.resize(most, 0);
        let (result, read, written, _) = decoder.decode_to_utf8(&self.input, &mut self.text, self.is_last);
        self.text.truncate(written);
        self.decoded += read as u64;
        self.input.drain(..read);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        Ok(())
    }

    /// Takes the input over; a letter that is not complete is kept.
    fn take_utf8(&mut self) -> io::Result<()> {
        let valid = match std::str::from_utf8(&self.input) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && !self.is_last => error.valid_up_to(),
            Err(error) => {
                let byte = self.decoded + error.valid_up_to() as u64;
                let problem = format!("byte {byte} is not UTF-8 as the text before it; add --encoding windows-1252");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
        };
        self.decoded += valid as u64;
        std::mem::swap(&mut self.input, &mut self.text);
        self.input.clear();
        self.input.extend_from_slice(&self.text[valid..]);
        self.text.truncate(valid);
        Ok(())
    }
}

impl Read for Utf8Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.text.len() {
            self.fill()?;
        }
        let length = buffer.len().min(self.text.len() - self.position);
        buffer[..length].copy_from_slice(&self.text[self.position..][..length]);
        self.position += length;
        Ok(length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Hands out `bytes` in pieces, so that letters are cut.
    struct Pieces(Vec<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0.drain(..length);
            Ok(length)
        }
    }

    fn read(bytes: &[u8], encoding: Option<Encoding>) -> (io::Result<String>, Encoding) {
        let mut reader = Utf8Reader::new(Box::new(Pieces(bytes.to_vec(), 3)), encoding);
        let mut text = String::new();
        (reader.read_to_string(&mut text).map(|_| text), reader.encoding())
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "Zeit;Außen °C\n1;2\n€;😀\n";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        let cases: [(Vec<u8>, Encoding); 6] = [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), Encoding::Utf8),
            (little.clone(), Encoding::Utf16Le),
            ([b"\xff\xfe", &little[..]].concat(), Encoding::Utf16Le),
            (big.clone(), Encoding::Utf16Be),
            ([b"\xfe\xff", &big[..]].concat(), Encoding::Utf16Be),
        ];
        for (bytes, encoding) in cases {
            let (read, detected) = read(&bytes, None);
            assert_eq!((read.unwrap().as_str(), detected), (text, encoding));
        }
        let (western, detected) = read(b"plain for long\nAu\xdfen \xb0C\n\x80\n", None);
        assert_eq!((western.unwrap().as_str(), detected), ("plain for long\nAußen °C\n€\n", Encoding::Windows1252));
        assert_eq!(read("°".as_bytes(), Some(Encoding::Windows1252)).0.unwrap(), "Â°");
        assert_eq!(read(b"", None).0.unwrap(), "");
    }

    #[test]
    fn a_byte_that_does_not_fit_is_named_with_the_remedy() {
        let error = read("°C and \u{b0}".as_bytes(), None).0.unwrap();
        assert_eq!(error, "°C and °");
        let error = read(&[&"°".as_bytes().repeat(50)[..], b"\xb0C"].concat(), None).0.unwrap_err().to_string();
        assert_eq!(error, "byte 100 is not UTF-8 as the text before it; add --encoding windows-1252");
    }
}
