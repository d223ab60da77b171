#![allow(clippy::unwrap_used)]
//! Readers in paused time: it passes when all of them wait.

use super::*;
use crate::config::Config;
use crate::startup::pipeline_config;
use bytes::Bytes;
use clap::Parser;

fn stream(max_readers: usize) -> EventStream {
    let config = Config::parse_from(["api"]);
    let registry = Registry::new();
    let pipeline = Pipeline::open(pipeline_config(&config), Err("no model in this test".into()), &registry).unwrap();
    EventStream::new(pipeline, Shutdown::default(), NonZeroUsize::new(max_readers).unwrap(), &registry)
}

/// Event and number of a frame.
fn head(frame: Option<Bytes>) -> (String, u64) {
    let text = String::from_utf8(frame.unwrap().to_vec()).unwrap();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    (field("event: "), field("id: ").parse::<EventId>().unwrap().number)
}

fn event(name: &str, number: u64) -> (String, u64) {
    (name.to_owned(), number)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_falls_behind_gets_one_snapshot_and_no_other_waits_for_it() {
    let stream = stream(2);
    let (mut quick, mut slow) = (stream.open(None, None).ok().unwrap(), stream.open(None, None).ok().unwrap());
    assert_eq!(head(quick.next().await), event("snapshot", 2));
    assert_eq!(head(slow.next().await), event("snapshot", 2));
    // 16 behind is not too far.
    for number in 3..=18 {
        assert_eq!(head(quick.next().await), event("tick", number));
    }
    for number in 3..=4 {
        assert_eq!(head(slow.next().await), event("tick", number));
    }
    for number in 19..=21 {
        assert_eq!(head(quick.next().await), event("tick", number));
    }
    assert_eq!(head(slow.next().await), event("snapshot", 21));
    assert_eq!(head(slow.next().await), event("tick", 22));
    assert_eq!(head(quick.next().await), event("tick", 22));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_goes_on_where_it_was_if_that_is_known() {
    let stream = stream(2);
    let boot = stream.0.boot;
    let mut reader = stream.open(None, None).ok().unwrap();
    for _ in 0..30 {
        reader.next().await.unwrap();
    }
    for (last, expected) in [
        (EventId { boot, number: 5 }, event("tick", 6)),
        (EventId { boot, number: 30 }, event("tick", 31)),
        (EventId { boot, number: 99 }, event("snapshot", 31)),
        (EventId { boot: boot + 1, number: 5 }, event("snapshot", 31)),
    ] {
        let mut back = stream.open(None, Some(last)).ok().unwrap();
        assert_eq!(head(back.next().await), expected, "{last}");
    }
    // One that is caught up is a reader like others.
    let mut back = stream.open(None, Some(EventId { boot, number: 5 })).ok().unwrap();
    for number in 6..=32 {
        assert_eq!(head(back.next().await), event("tick", number));
    }
    assert!(!back.came_back());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_when_nobody_has_read_for_a_while() {
    let stream = stream(1);
    let mut reader = stream.open(None, None).ok().unwrap();
    assert_eq!(head(reader.next().await), event("snapshot", 2));
    assert!(matches!(stream.open(None, None), Err(TooManyReaders(1))));
    drop(reader);
    sleep(LINGER / 2).await;
    let last = EventId { boot: stream.0.boot, number: 2 };
    let mut back = stream.open(None, Some(last)).ok().unwrap();
    assert_eq!((head(back.next().await), stream.0.readers.get()), (event("tick", 3), 1));
    drop(back);
    sleep(2 * LINGER).await;
    let newest = *stream.0.newest.borrow();
    sleep(100 * LINGER).await;
    assert_eq!((*stream.0.newest.borrow(), stream.0.readers.get()), (newest, 0));
    // What happened meanwhile was not looked at.
    let last = EventId { boot: stream.0.boot, number: newest };
    let mut back = stream.open(None, Some(last)).ok().unwrap();
    assert_eq!(head(back.next().await), event("snapshot", newest + 2));
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_service_stops() {
    let stream = stream(2);
    let (mut first, mut second) = (stream.open(None, None).ok().unwrap(), stream.open(None, None).ok().unwrap());
    first.next().await.unwrap();
    stream.0.shutdown.begin();
    assert_eq!((first.next().await, second.next().await), (None, None));
}
