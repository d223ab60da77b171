use super::*;
use std::fs::{OpenOptions, remove_dir_all, remove_file, rename};
use std::io::{Read, Seek};
use std::num::NonZeroU64;

const STRIKES: usize = 12;

/// The turbines of the rows of a file that may be torn nowhere and has a header if it has anything.
fn ids_of(mut file: &File) -> Vec<String> {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    let Some(rows) = text.strip_prefix(HEADER) else { panic!("no header: {text:.200}") };
    assert!(rows.is_empty() || rows.ends_with('\n'), "torn end");
    rows.lines()
        .map(|row| {
            let id = row.split(',').nth(6).unwrap();
            assert_eq!(format!("{row}\n"), line(id), "mixed row");
            id.to_owned()
        })
        .collect()
}

/// Loads the log while `strike` hits it again and again. Gives back when each answered append had begun, and what each
/// strike returned, with the moment when it was over.
async fn under_load<T: Send + 'static>(
    place: &Place,
    mut strike: impl FnMut(usize) -> T + Send + 'static,
) -> (HashMap<String, Instant>, Vec<(T, Instant)>) {
    let (log, path) = (&place.open(), place.path());
    let striker = std::thread::spawn(move || {
        let strikes = (0..STRIKES).map(|i| {
            std::thread::sleep(Duration::from_millis(20));
            (strike(i), Instant::now())
        });
        strikes.collect()
    });
    let mut answered = HashMap::new();
    let mut round = 0;
    while !striker.is_finished() {
        answered.extend(load(log, &format!("r{round}.t"), 8, 100).await);
        round += 1;
    }
    // A file that is deleted faster than it can be made is given up for a while.
    until("the log is there again", || log.accepting() && path.exists()).await;
    let last = load(log, "last.t", 8, 10).await;
    assert_eq!(last.len(), 80);
    answered.extend(last);
    log.close().await.unwrap();
    (answered, striker.join().unwrap())
}

fn once_each(answered: HashMap<String, Instant>) -> HashMap<String, usize> {
    answered.into_keys().map(|id| (id, 1)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_row_is_answered_that_went_to_a_deleted_file() {
    for sync in [LogSync::Write, LogSync::Fsync] {
        let place = Place::new(sync);
        let path = place.path().to_owned();
        let (answered, deleted) = under_load(&place, move |_| {
            let file = File::open(&path).ok()?;
            remove_file(&path).unwrap();
            Some(file)
        })
        .await;
        let mut logged = place.ids();
        let mut hits = 0;
        for (file, when) in &deleted {
            let Some(file) = file else { continue };
            hits += 1;
            for id in ids_of(file) {
                assert!(answered.get(&id).is_none_or(|begun| begun <= when), "{id} is lost");
                logged.push(id);
            }
        }
        assert!(hits > 0);
        assert_eq!(counts(logged), once_each(answered), "{sync:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn rows_go_to_a_renamed_file_or_to_the_new_one_and_never_to_both() {
    let mut place = Place::new(LogSync::Write);
    place.config.max_bytes = NonZeroU64::new(100_000);
    let (path, away) = (place.path().to_owned(), place.folder.path().to_owned());
    let (answered, _) = under_load(&place, move |i| rename(&path, away.join(format!("{i}"))).is_ok()).await;
    let mut logged = place.ids();
    let mut hits = 0;
    for i in 0..STRIKES {
        if let Ok(file) = File::open(place.folder.path().join(format!("{i}"))) {
            logged.extend(ids_of(&file));
            hits += 1;
        }
    }
    assert!(hits > 0);
    assert_eq!(counts(logged), once_each(answered));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_file_put_in_its_place_is_set_aside() {
    let place = Place::new(LogSync::Write);
    let (path, other) = (place.path().to_owned(), place.folder.path().join("other"));
    let (answered, replaced) = under_load(&place, move |_| {
        std::fs::write(&other, "another program's\n").unwrap();
        let file = File::open(&path).ok();
        rename(&other, &path).unwrap();
        file
    })
    .await;
    let ours = replaced.iter().filter_map(|(file, _)| file.as_ref());
    let mut logged = place.ids();
    // A file that was replaced before our header was in it again is the other program's.
    let is_log = |file: &&File| {
        let mut text = String::new();
        let mut file: &File = file;
        file.read_to_string(&mut text).unwrap();
        text != "another program's\n"
    };
    logged.extend(ours.filter(is_log).flat_map(ids_of));
    assert_eq!(counts(logged), once_each(answered));
    assert_eq!(std::fs::read_to_string(place.beside("log.set-aside-1.csv")).unwrap(), "another program's\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_file_that_is_emptied_is_begun_again() {
    let place = Place::new(LogSync::Write);
    let path = place.path().to_owned();
    let (answered, emptied) = under_load(&place, move |_| {
        OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0)).is_ok()
    })
    .await;
    let logged = counts(place.ids());
    assert!(logged.values().all(|n| *n == 1));
    let last = emptied.last().unwrap().1;
    for (id, begun) in answered {
        assert!(begun < last || logged.contains_key(&id), "{id} is lost");
    }
    assert!(place.text().starts_with(HEADER));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_folder_that_is_moved_takes_its_rows_along() {
    let place = Place::new(LogSync::Write);
    let (folder, away) = (place.path().parent().unwrap().to_owned(), place.folder.path().to_owned());
    let (answered, _) = under_load(&place, move |i| rename(&folder, away.join(format!("{i}"))).is_ok()).await;
    let mut logged = place.ids();
    for i in 0..STRIKES {
        if let Ok(file) = File::open(place.folder.path().join(format!("{i}/log.csv"))) {
            logged.extend(ids_of(&file));
        }
    }
    assert_eq!(counts(logged), once_each(answered));
}

#[tokio::test]
async fn a_log_that_is_gone_comes_back_without_a_request_and_locked() {
    let place = Place::new(LogSync::Write);
    let log = place.open();
    remove_dir_all(place.path().parent().unwrap()).unwrap();
    until("it is there again", || place.path().exists()).await;
    assert_eq!(place.text(), HEADER);
    assert!(matches!(place.try_open(), Err(LogFault::Locked { .. })));
    log.append(&[record("a")]).await.unwrap();
    assert_eq!(place.ids(), ["a"]);
}

#[tokio::test]
async fn rows_are_refused_while_there_can_be_no_folder() {
    let place = Place::new(LogSync::Write);
    let log = place.open();
    let folder = place.path().parent().unwrap();
    remove_dir_all(folder).unwrap();
    std::fs::write(folder, "in the way").unwrap();
    // The tick may have found out before, or may have made the folder again before the file came.
    let refusal = log.append(&[record("a")]).await.unwrap_err();
    assert!(
        matches!(&refusal, CommitError::Unavailable(why) if why.contains("see that nothing stands in the way of ")),
        "{refusal}"
    );
    remove_file(folder).unwrap();
    until("it accepts rows again", || log.accepting()).await;
    log.append(&[record("b")]).await.unwrap();
    assert_eq!(place.ids(), ["b"]);
}

#[test]
fn a_full_file_that_was_renamed_is_noticed_too() {
    let mut place = Place::new(LogSync::Write);
    place.config.max_bytes = NonZeroU64::new(1);
    let mut bench = Bench::at(place);
    bench.append(&["a"]).unwrap();
    let away = bench.place.folder.path().join("away");
    rename(bench.place.path(), &away).unwrap();
    bench.append(&["b"]).unwrap();
    assert_eq!(bench.place.text(), HEADER.to_owned() + &line("b"));
    assert_eq!(std::fs::read_to_string(away).unwrap(), HEADER.to_owned() + &line("a"));
}

#[test]
fn a_write_that_fails_after_the_file_was_emptied_does_not_fill_it_with_zeros() {
    let mut bench = Bench::at(Place::new(LogSync::Write));
    bench.append(&["a"]).unwrap();
    OpenOptions::new().write(true).open(bench.place.path()).unwrap().set_len(0).unwrap();
    bench.disk.set(Faults { room: Some(10), ..Faults::default() });
    bench.append(&["b"]).unwrap_err();
    assert_eq!(bench.place.text(), line("b")[..10]);
    bench.disk.set(Faults::default());
    bench.append(&["c"]).unwrap();
    assert_eq!(bench.place.text(), HEADER.to_owned() + &line("c"));
}
