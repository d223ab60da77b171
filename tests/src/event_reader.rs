//! A reader of the stream of events.

use crate::api::Api;
use crate::raw::Raw;
use serde_json::Value;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its name.
    pub name: String,
    /// Its id; empty if it has none.
    pub id: String,
    /// Its data.
    pub data: Value,
}

/// An open `GET /events`.
#[derive(Debug)]
pub struct EventReader {
    raw: Raw,
    /// Text whose event is not whole yet.
    rest: String,
}

impl EventReader {
    /// Opens the stream with that query, `""` or with its question mark, and those header lines, each with its line end.
    ///
    /// # Panics
    /// If it is refused.
    pub fn open(api: &Api, query: &str, headers: &str) -> Self {
        Self::on(Raw::connect(api), query, headers)
    }

    /// The same on a connection.
    ///
    /// # Panics
    /// As [`EventReader::open`].
    pub fn on(mut raw: Raw, query: &str, headers: &str) -> Self {
        raw.send(format!("GET /events{query} HTTP/1.1\r\nhost: x\r\n{headers}\r\n"));
        let mut head = Vec::new();
        loop {
            match raw.line().expect("a head").as_str() {
                "" => break,
                line => head.push(line.to_ascii_lowercase()),
            }
        }
        assert_eq!(head[0], "http/1.1 200 ok", "{head:?}");
        let expected = ["content-type: text/event-stream", "cache-control: no-store", "transfer-encoding: chunked"];
        assert!(expected.iter().all(|expected| head.iter().any(|line| line == expected)), "{head:?}");
        EventReader { raw, rest: String::new() }
    }

    /// The next event; `None` when the stream has ended as it should.
    ///
    /// # Panics
    /// If the connection is cut off or what comes is no event.
    pub fn try_next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let mut parsed = StreamEvent { name: String::new(), id: String::new(), data: Value::Null };
                for line in event.lines() {
                    match line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}")) {
                        ("event", name) => parsed.name = name.to_owned(),
                        ("id", id) => parsed.id = id.to_owned(),
                        ("data", data) => parsed.data = serde_json::from_str(data).expect("JSON"),
                        _ => panic!("unknown field: {line}"),
                    }
                }
                self.rest = rest.to_owned();
                return Some(parsed);
            }
            let chunk = self.raw.chunk().expect("the stream ends with an empty chunk")?;
            self.rest += std::str::from_utf8(&chunk).expect("each chunk is whole events");
        }
    }

    /// The next event.
    ///
    /// # Panics
    /// If there is none.
    pub fn next_event(&mut self) -> StreamEvent {
        self.try_next().expect("the stream goes on")
    }

    /// The next event that satisfies `wanted`.
    ///
    /// # Panics
    /// If the stream ends before.
    pub fn find(&mut self, wanted: impl Fn(&StreamEvent) -> bool) -> StreamEvent {
        loop {
            let event = self.next_event();
            if wanted(&event) {
                return event;
            }
        }
    }
}
