#![allow(clippy::unwrap_used)]
use super::*;
use crate::samples::{after, cleared, note, seen};

const WEBHOOK: Composition = Composition { named: 10, splits: false, every: None };
const SPLITTING: Composition = Composition { named: 10, splits: true, every: None };

/// A pipeline that alarms are raised and cleared in.
#[derive(Default)]
struct Alarms {
    running: Vec<Note>,
    past: Vec<Note>,
    muted: HashSet<String>,
}

impl Alarms {
    fn raise(&mut self, turbine: &str, at: i64) {
        self.running.push(note(turbine, at));
    }

    fn clear(&mut self, turbine: &str, at: i64) {
        let place = self.running.iter().position(|note| note.turbine_id.as_deref() == Some(turbine)).unwrap();
        let note = self.running.remove(place);
        self.past.push(Note { cleared: Some(after(at)), ..note });
    }

    fn look(&self, account: &Account) -> Look {
        let seen = |note: &Note| Seen { note: note.clone(), muted: self.muted.contains(&note.id) };
        let new = self.past.iter().rev().take_while(|note| !account.knows(&note.id)).count();
        Look {
            running: self.running.iter().map(seen).collect(),
            cleared: self.past[self.past.len() - new..].iter().map(seen).collect(),
        }
    }
}

fn account() -> Account {
    let mut account = Account::new("p".to_owned());
    account.update(Look::default(), after(0), WEBHOOK);
    account
}

fn update(account: &mut Account, alarms: &Alarms, at: i64) -> bool {
    account.update(alarms.look(account), after(at), WEBHOOK)
}

/// Kind and turbines of each message, which is taken out.
fn told(account: &mut Account) -> Vec<String> {
    let messages = std::iter::from_fn(|| account.take_first());
    let text = |message: Message| {
        let turbines: Vec<&str> = message.ids().map(|id| id.split('@').next().unwrap()).collect();
        format!("{:?} {}", message.kind, turbines.join(" "))
    };
    messages.map(text).collect()
}

#[test]
fn an_alarm_is_told_once_when_it_is_raised_and_once_when_it_is_cleared() {
    let (mut alarms, mut account) = (Alarms::default(), account());
    assert!(!update(&mut account, &alarms, 1));
    alarms.raise("A", 2);
    alarms.raise("B", 3);
    assert!(update(&mut account, &alarms, 4));
    assert!(!update(&mut account, &alarms, 5), "nothing new");
    assert_eq!(told(&mut account), ["Raised A B"]);
    alarms.clear("A", 6);
    assert!(update(&mut account, &alarms, 7) && !update(&mut account, &alarms, 8));
    assert_eq!(account.first().unwrap().notes, [cleared("A", 2, 6)]);
    assert_eq!(told(&mut account), ["Cleared A"]);
    // One that came and went between two looks, and the same turbine again.
    alarms.raise("A", 9);
    alarms.clear("A", 10);
    alarms.raise("A", 11);
    assert!(update(&mut account, &alarms, 12) && !update(&mut account, &alarms, 13));
    assert_eq!(told(&mut account), ["Cleared A", "Raised A"]);
}

#[test]
fn what_was_past_before_the_first_look_is_no_news_and_what_is_running_is() {
    let mut alarms = Alarms::default();
    (0..300).for_each(|i| {
        alarms.raise("A", 2 * i);
        alarms.clear("A", 2 * i + 1);
    });
    alarms.raise("B", 1_000);
    let mut account = Account::new("p".to_owned());
    assert!(update(&mut account, &alarms, 1_001));
    assert_eq!(told(&mut account), ["Raised B"]);
    assert_eq!(account.known.as_ref().unwrap().len(), MAX_KNOWN);
    assert!(!update(&mut account, &alarms, 1_002));
    assert_eq!(told(&mut account), [""; 0]);
}

#[test]
fn nothing_is_lost_or_told_twice_whenever_it_is_looked_and_whatever_is_kept() {
    // What happens in each second, and whether it is looked: all ways of looking at the same six seconds.
    for looks in 0..64_u32 {
        let (mut alarms, mut account) = (Alarms::default(), account());
        let mut said = Vec::new();
        for second in 0..6 {
            match second {
                0 => alarms.raise("A", 0),
                1 => alarms.raise("B", 1),
                2 => alarms.clear("A", 2),
                3 => alarms.raise("A", 3),
                4 => alarms.clear("B", 4),
                _ => alarms.clear("A", 5),
            }
            if looks >> second & 1 == 1 || second == 5 {
                update(&mut account, &alarms, second);
                // Kept on disk, and read again by another run.
                account = serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
                while let Some(message) = account.take_first() {
                    said.extend(message.notes.into_iter().map(|note| (note.id, message.kind)));
                }
            }
        }
        for id in [note("A", 0).id, note("B", 1).id, note("A", 3).id] {
            let of: Vec<Kind> = said.iter().filter(|(other, _)| *other == id).map(|(_, kind)| *kind).collect();
            let both = of == [Kind::Raised, Kind::Cleared];
            assert!(both || of == [Kind::Cleared], "looks {looks:06b}, {id}: {of:?}");
        }
    }
}

#[test]
fn alarms_that_vanish_are_cleared() {
    let (mut alarms, mut account) = (Alarms::default(), account());
    alarms.raise("A", 1);
    update(&mut account, &alarms, 1);
    assert_eq!(told(&mut account), ["Raised A"]);
    assert!(update(&mut account, &Alarms::default(), 9));
    assert_eq!(account.first().unwrap().notes, [cleared("A", 1, 9)]);
    assert_eq!(told(&mut account), ["Cleared A"]);
    assert!(!update(&mut account, &Alarms::default(), 10));
}

#[test]
fn an_alarm_that_is_found_both_running_and_past_is_past() {
    let mut account = account();
    let look = Look { running: vec![seen(note("A", 1))], cleared: vec![seen(cleared("A", 1, 2))] };
    account.update(look, after(3), WEBHOOK);
    assert_eq!(told(&mut account), ["Cleared A"]);
}

#[test]
fn a_muted_alarm_is_not_told_but_its_end_is_if_its_beginning_was() {
    let (mut alarms, mut account) = (Alarms::default(), account());
    alarms.raise("A", 1);
    alarms.raise("B", 1);
    alarms.raise("C", 1);
    let id = |turbine: &str| note(turbine, 1).id;
    alarms.muted.extend([id("A"), id("C")]);
    update(&mut account, &alarms, 2);
    assert_eq!(told(&mut account), ["Raised B"]);
    alarms.muted = HashSet::from([id("A"), id("B")]);
    let every = Composition { every: Some(SignedDuration::from_secs(1)), ..WEBHOOK };
    account.update(alarms.look(&account), after(9), every);
    assert_eq!(told(&mut account), ["Raised C"], "no longer muted; B is not reminded of");
    ["A", "B", "C"].iter().for_each(|turbine| alarms.clear(turbine, 10));
    update(&mut account, &alarms, 11);
    assert_eq!(told(&mut account), ["Cleared B C"]);
}

#[test]
fn reminders_come_in_their_time_and_not_while_messages_wait() {
    let every = Composition { every: Some(SignedDuration::from_secs(60)), ..WEBHOOK };
    let (mut alarms, mut account) = (Alarms::default(), account());
    let look = |account: &mut Account, alarms: &Alarms, at| account.update(alarms.look(account), after(at), every);
    alarms.raise("A", 0);
    look(&mut account, &alarms, 0);
    look(&mut account, &alarms, 300);
    assert_eq!(told(&mut account), ["Raised A"], "the message waits: no reminder");
    alarms.raise("B", 301);
    look(&mut account, &alarms, 301);
    // A was told 301 seconds ago, B now.
    assert_eq!(told(&mut account), ["Raised B", "Reminder A"]);
    assert!(!look(&mut account, &alarms, 360));
    assert!(look(&mut account, &alarms, 361));
    assert_eq!(told(&mut account), ["Reminder A B"]);
    alarms.clear("A", 400);
    look(&mut account, &alarms, 500);
    assert_eq!(told(&mut account), ["Cleared A"]);
}

#[test]
fn a_thousand_alarms_are_one_message_with_ten_names_or_a_hundred_of_ten() {
    let mut alarms = Alarms::default();
    (0..1_000).for_each(|i| alarms.raise(&format!("T{i}"), i));
    let (mut one, mut many) = (account(), account());
    update(&mut one, &alarms, 1_000);
    let message = one.take_first().unwrap();
    assert_eq!((message.notes.len(), message.count(), one.waiting()), (10, 1_000, 0));
    let composition = Composition { named: 500, ..SPLITTING };
    many.update(alarms.look(&many), after(1_000), composition);
    let sizes: Vec<usize> = std::iter::from_fn(|| many.take_first()).map(|message| message.notes.len()).collect();
    assert_eq!(sizes, [500, 500]);
}

#[test]
fn a_message_that_was_sent_never_changes() {
    let (mut alarms, mut account) = (Alarms::default(), account());
    alarms.raise("A", 1);
    update(&mut account, &alarms, 1);
    assert!(account.freeze_first() && !account.freeze_first());
    let sent = account.first().unwrap().clone();
    for i in 0..200 {
        alarms.raise(&format!("B{i}"), 2);
        update(&mut account, &alarms, 2);
        alarms.clear(&format!("B{i}"), 3);
        update(&mut account, &alarms, 3);
    }
    assert_eq!(*account.first().unwrap(), sent);
}

#[test]
fn messages_that_wait_grow_and_beyond_twenty_are_brought_together() {
    let (mut alarms, mut account) = (Alarms::default(), account());
    alarms.raise("A", 0);
    update(&mut account, &alarms, 0);
    account.freeze_first();
    alarms.raise("B", 1);
    update(&mut account, &alarms, 1);
    alarms.raise("C", 2);
    update(&mut account, &alarms, 2);
    alarms.clear("B", 3);
    update(&mut account, &alarms, 3);
    let mut copy = account.clone();
    assert_eq!(told(&mut copy), ["Raised A", "Raised B C", "Cleared B"], "in order, and grouped");
    // D0 to D49 come and go, one after the other.
    for i in 0..50 {
        alarms.raise(&format!("D{i}"), 4);
        update(&mut account, &alarms, 4);
        alarms.clear(&format!("D{i}"), 5);
        update(&mut account, &alarms, 5);
        assert!(account.waiting() <= MAX_WAITING, "{}", account.waiting());
    }
    alarms.clear("A", 6);
    alarms.clear("C", 6);
    update(&mut account, &alarms, 6);
    let mut ids = HashSet::new();
    let (mut cleared, mut raised) = (0, Vec::new());
    while let Some(message) = account.take_first() {
        assert!(ids.insert(message.id.clone()), "an id comes twice");
        match message.kind {
            Kind::Cleared => cleared += message.count(),
            _ => raised.extend(message.ids().map(|id| id[..1].to_owned())),
        }
    }
    // A, B, C and fifty others are cleared; A and C were raised and not cleared when messages were brought together.
    assert_eq!(cleared, 53);
    assert!(raised.starts_with(&["A".to_owned()]) && raised.contains(&"C".to_owned()), "{raised:?}");
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    for composition in [WEBHOOK, Composition { named: 500, ..SPLITTING }] {
        let (mut alarms, mut account) = (Alarms::default(), account());
        for round in 0..30 {
            (0..2_000).for_each(|i| alarms.raise(&format!("T{i}"), 10 * round));
            account.update(alarms.look(&account), after(10 * round), composition);
            account.freeze_first();
            (0..2_000).for_each(|i| alarms.clear(&format!("T{i}"), 10 * round + 5));
            account.update(alarms.look(&account), after(10 * round + 5), composition);
        }
        let bytes = serde_json::to_vec(&account).unwrap().len();
        assert!(bytes < 8 << 20, "{bytes} bytes");
        let cleared: u64 =
            account.waiting.iter().filter(|message| message.kind == Kind::Cleared).map(Message::count).sum();
        assert_eq!(cleared, 60_000, "those that are not named are counted");
    }
}
