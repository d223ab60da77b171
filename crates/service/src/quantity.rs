//! Sizes and lengths of time as people write them in flags.

use bytesize::ByteSize;
use std::time::Duration;

/// Reads a number of bytes: `1048576`, `1024KiB`, `1MiB`, `1GB`.
///
/// # Errors
/// With the text and how to write it.
pub fn byte_size(text: &str) -> Result<ByteSize, String> {
    let remedy = |_| format!("{text:?} is not a size; write a number of bytes, or one with KiB, MiB or GiB");
    text.trim().parse().map_err(remedy)
}

/// Reads a length of time: `500ms`, `10s`, `15m`, `24h`, `30d`; a bare number is seconds.
///
/// # Errors
/// With the text and how to write it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse().map(Duration::from_secs);
    seconds
        .or_else(|_| humantime::parse_duration(text))
        .map_err(|_| format!("{text:?} is not a length of time; write a number with ms, s, m, h or d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        for (text, bytes) in [("1MiB", 1 << 20), ("512", 512), ("0", 0), ("2 KiB", 2 << 10), ("8kib", 8 << 10)] {
            assert_eq!(byte_size(text), Ok(ByteSize(bytes)), "{text}");
        }
        for (text, milliseconds) in
            [("500ms", 500), ("10s", 10_000), ("10", 10_000), ("0", 0), ("24h", 86_400_000), ("30d", 30 * 86_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "x", "-1", "1 fortnight", "18446744073709551616d"] {
            assert!(duration(bad).is_err() && byte_size(bad).is_err(), "{bad}");
        }
    }
}
