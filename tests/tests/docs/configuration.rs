//! `docs/configuration.md` has every flag of every program as the program defines it.
//!
//! After a change of a flag: `UPDATE_DOCS=1 cargo test -p e2e --test docs` writes the file anew.

use clap::{Arg, Command, CommandFactory};
use e2e::repository;
use std::fmt::Write;

const HEAD: &str = "\
# Configuration

Every flag of every program, with its environment variable and its default. A flag on the command line wins over the
variable. `-h` of a program shows the most used flags on one screen, `--help` all of them with more words.

<!-- Written by `UPDATE_DOCS=1 cargo test -p e2e --test docs`; do not edit. -->

Sizes are numbers of bytes or have a unit (`512KiB`, `1MiB`, `2GiB`); times have a unit (`500ms`, `10s`, `15m`, `24h`, `30d`),
a bare number is seconds. `RUST_LOG` sets the level of the service's own log lines (`error`, `warn`, `info`, `debug`).
In containers the variables are set in a file `.env`; see [Operations](operations.md#containers).
";

/// What is said of a program, beside its flags.
struct Program {
    command: Command,
    /// Its heading and a sentence.
    about: &'static str,
}

fn programs() -> [Program; 6] {
    [
        Program { command: api::config::Config::command().name("api"), about: "The service." },
        Program { command: train::Args::command(), about: "Trains a model and draws how good it is." },
        Program {
            command: sender::Config::command().name("sender"),
            about: "Streams simulated or recorded readings at the service.",
        },
        Program {
            command: evaluate::Args::command(),
            about: "Says how a model would have watched a labelled recording.",
        },
        Program { command: viz::report::Args::command(), about: "Draws the prediction log." },
        Program {
            command: worker::config::Config::command().name("worker"),
            about: "Scores the readings of a NATS JetStream cluster.",
        },
    ]
}

fn text() -> String {
    let mut text = HEAD.to_owned();
    for program in programs() {
        let mut command = program.command;
        command.build();
        write!(text, "\n## {}\n\n{} `cargo run --release -p {0} -- FLAGS`\n", command.get_name(), program.about)
            .unwrap();
        for (name, about) in subcommands(&command) {
            write!(text, "\n`{} {name}`: {about}.\n", command.get_name()).unwrap();
        }
        text += &tables(&command, "Other");
        for sub in command.get_subcommands() {
            text += &tables(sub, &format!("With `{} {}`", command.get_name(), sub.get_name()));
        }
    }
    text
}

/// The flags of a command by their headings, those without one under `other`; without those that it shares with its
/// program.
fn tables(command: &Command, other: &str) -> String {
    let mut text = String::new();
    let mut heading = None;
    let is_sub = command.get_display_name().is_some_and(|name| name.contains('-'));
    for arg in flags(command).into_iter().filter(|arg| !(is_sub && arg.is_global_set())) {
        if heading != Some(arg.get_help_heading()) {
            heading = Some(arg.get_help_heading());
            let title = arg.get_help_heading().unwrap_or(other);
            write!(text, "\n**{title}**\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n").unwrap();
        }
        text += &row(arg);
    }
    text
}

fn subcommands(command: &Command) -> Vec<(String, String)> {
    let named = |sub: &Command| (sub.get_name().to_owned(), sub.get_about().unwrap_or_default().to_string());
    command.get_subcommands().filter(|sub| sub.get_name() != "help").map(named).collect()
}

/// The flags by their headings, in the order in which the headings first come.
fn flags(command: &Command) -> Vec<&Arg> {
    let flags: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_long().is_some_and(|long| !["help", "version"].contains(&long)))
        .collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &flags {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    let of = |heading| flags.iter().copied().filter(move |arg| arg.get_help_heading() == heading);
    headings.into_iter().flat_map(of).collect()
}

fn row(arg: &Arg) -> String {
    let short = arg.get_short().map_or_else(String::new, |short| format!("`-{short}`, "));
    let value = match arg.get_value_names() {
        Some([name, ..]) if arg.get_action().takes_values() => format!(" {name}"),
        _ => String::new(),
    };
    let variable = arg.get_env().map_or_else(String::new, |env| format!("`{}`", env.to_string_lossy()));
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let (help, stated) = stated_default(&help);
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let default = match (defaults.join(", "), stated) {
        (defaults, None) if !arg.is_hide_default_value_set() && arg.get_action().takes_values() => defaults,
        (_, stated) => stated.unwrap_or_default(),
    };
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), without_period(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    let values = if values.is_empty() { String::new() } else { format!(" Values: {}.", values.join(", ")) };
    let long = arg.get_long().unwrap_or_default();
    format!("| {short}`--{long}{value}` | {variable} | {} | {}.{} |\n", cell(&default), cell(&help), cell(&values))
}

/// The help text without a default that it states itself, and that default.
fn stated_default(help: &str) -> (String, Option<String>) {
    match help.split_once(" [default: ") {
        Some((before, rest)) => {
            let (default, after) = rest.split_once(']').expect("the default ends with a bracket");
            (without_period(&format!("{before}{after}")).to_owned(), Some(default.to_owned()))
        }
        None => (without_period(help).to_owned(), None),
    }
}

fn without_period(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

/// A text on one line of a table.
fn cell(text: &str) -> String {
    let joined = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let sentences: Vec<String> = joined.filter(|part| !part.is_empty()).collect();
    let space = if text.starts_with(' ') { " " } else { "" };
    let paragraphs = sentences.iter().map(|part| part.trim_end_matches('.')).collect::<Vec<_>>().join(". ");
    let period = if text.ends_with('.') { "." } else { "" };
    format!("{space}{paragraphs}{period}").replace('|', "\\|")
}

#[test]
fn the_configuration_is_written_down() {
    let path = repository().join("docs/configuration.md");
    let text = text();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).find(|(written, defined)| written != defined);
    assert!(
        written == text,
        "docs/configuration.md is not what the programs define; write it anew with UPDATE_DOCS=1 cargo test -p e2e \
         --test docs. The first difference: {differs:?}"
    );
}

#[test]
fn every_flag_has_a_plain_help_text() {
    for program in programs() {
        let mut command = program.command;
        command.build();
        for arg in flags(&command) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let name = format!("{} --{}", command.get_name(), arg.get_long().unwrap_or_default());
            assert!((10..=300).contains(&help.chars().count()), "{name}: {help:?}");
        }
    }
}

#[test]
fn short_help_fits_a_screen() {
    for program in programs() {
        let mut command = program.command.term_width(110);
        let lines = command.render_help().to_string().lines().count();
        assert!(lines <= 60, "-h of {} has {lines} lines; hide_short_help what is rarely set", command.get_name());
    }
}
