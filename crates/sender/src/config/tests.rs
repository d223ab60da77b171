#![allow(clippy::unwrap_used)]

use super::*;
use clap::builder::Resettable;

fn parse(flags: &str) -> Result<Config, String> {
    // '+' stands for a space within a value.
    let flags = flags.split_whitespace().map(|flag| flag.replace('+', " "));
    // Independent of this machine's environment.
    let command = Config::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(std::iter::once("sender".to_owned()).chain(flags));
    let read = |matches: ArgMatches| {
        let config = Config::from_arg_matches(&matches)?;
        config.check(&matches)?;
        Ok(config)
    };
    matches.and_then(read).map_err(|error| error.to_string())
}

#[test]
fn the_command_definition_is_valid() {
    Config::command().debug_assert();
}

#[test]
fn defaults_follow_the_contract() {
    let config = parse("").unwrap();
    assert_eq!(config.api_url.predict.as_str(), "http://localhost:5000/predict");
    assert_eq!((config.count, config.is_endless()), (0, true));
    assert_eq!(config.interval, Duration::from_millis(500));
    assert_eq!(config.timeout, Duration::from_secs(3));
    assert_eq!((config.anom_rate, config.profile, config.seed), (0.05, Profile::Stream, 42));
    assert_eq!((config.requests_in_flight(), config.retries, config.turbines.get()), (1, 8, 1));
    assert_eq!((&config.to, config.to.is_cluster()), (&Destination::Api, false));
    assert_eq!((config.scenario, config.api_key.authorization()), (None, None));
    assert!(!config.waits_for_service());
}

#[test]
fn a_followed_file_is_sent_as_it_grows() {
    let config = parse("--replay a.csv --follow").unwrap();
    assert_eq!((config.interval, config.is_endless(), config.waits_for_service()), (Duration::ZERO, true, true));
    assert_eq!(parse("--replay a.csv --follow --interval 2").unwrap().interval, Duration::from_secs(2));
    assert!(parse("--follow").unwrap_err().contains("--replay"));
    assert!(parse("--spool a.spool").unwrap().waits_for_service());
}

#[test]
fn every_flag_has_its_variable() {
    let expected = [
        ("api-url", "API_URL"),
        ("to", "SENDER_TO"),
        ("api-key", "API_KEY"),
        ("user", "NATS_USER"),
        ("password-file", "NATS_PASSWORD_FILE"),
        ("creds", "NATS_CREDS"),
        ("tls-ca", "NATS_TLS_CA"),
        ("count", "SENDER_COUNT"),
        ("interval", "SENDER_INTERVAL_SEC"),
        ("timeout", "SENDER_TIMEOUT_SEC"),
        ("retries", "SENDER_RETRIES"),
        ("anom-rate", "SENDER_ANOM_RATE"),
        ("profile", "SENDER_PROFILE"),
        ("scenario", "SENDER_SCENARIO"),
        ("seed", "SENDER_SEED"),
        ("replay", "SENDER_REPLAY"),
        ("label", "SENDER_LABEL"),
        ("timestamp", "SENDER_TIMESTAMP"),
        ("follow", "SENDER_FOLLOW"),
        ("spool", "SENDER_SPOOL"),
        ("turbines", "SENDER_TURBINES"),
        ("batch", "SENDER_BATCH"),
        ("ndjson", "SENDER_NDJSON"),
        ("concurrency", "SENDER_CONCURRENCY"),
        ("quiet", "SENDER_QUIET"),
    ];
    let command = Config::command();
    let actual: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| Some((arg.get_long()?.to_owned(), arg.get_env()?.to_str()?.to_owned())))
        .collect();
    assert_eq!(actual, expected.map(|(flag, variable)| (flag.to_owned(), variable.to_owned())));
}

#[test]
fn every_flag_is_in_a_group_of_the_help() {
    let command = Config::command();
    let ungrouped = command.get_arguments().filter(|arg| arg.get_long().is_some() && arg.get_help_heading().is_none());
    assert_eq!(ungrouped.map(clap::Arg::get_id).collect::<Vec<_>>(), Vec::<&clap::Id>::new());
}

#[test]
fn invalid_values_are_refused_by_name() {
    let cases = [
        ("--interval -1", "--interval", "it must be 0 to 86400 seconds"),
        ("--interval NaN", "--interval", "it must be 0 to 86400 seconds"),
        ("--interval inf", "--interval", "it must be 0 to 86400 seconds"),
        ("--interval soon", "--interval", "it is not a number"),
        ("--timeout 0", "--timeout", "it must be 0.001 to 3600 seconds"),
        ("--timeout NaN", "--timeout", "it must be 0.001 to 3600 seconds"),
        ("--anom-rate 1.1", "--anom-rate", "it must be 0 to 1"),
        ("--anom-rate -0.1", "--anom-rate", "it must be 0 to 1"),
        ("--anom-rate nan", "--anom-rate", "it must be 0 to 1"),
        ("--turbines 0", "--turbines", "it must be 1 to 10000"),
        ("--batch 10001", "--batch", "10001 is not in 1..=10000"),
        ("--concurrency 0", "--concurrency", "0 is not in 1..=1000"),
        ("--count -3", "-3", "unexpected argument"),
        ("--profile loud", "--profile", "[possible values: stream, training]"),
        ("--scenario fire", "--scenario", "[possible values: spike, drift, stuck, noise, dropout, daily]"),
        ("--api-url http://localhost:5000", "--api-url", "it must end in /predict"),
        ("--to http://n1", "--to", "use nats://HOST[:PORT] or mqtt://HOST[:PORT], and --api-url for http"),
        ("--to nats://a:b@n1", "--to", "holds a user; name it with --user and --password-file"),
        ("--api-key two+words", "--api-key", "printable ASCII characters without spaces"),
    ];
    for (flags, name, why) in cases {
        let error = parse(flags).unwrap_err();
        assert!(error.contains(name) && error.contains(why), "{flags}: {error}");
    }
}

#[test]
fn contradicting_flags_are_refused() {
    let cases = [
        ("--replay x.csv --profile training", "--replay <FILE>' cannot be used with '--profile"),
        ("--replay x.csv --anom-rate 0.1", "--replay <FILE>' cannot be used with '--anom-rate"),
        ("--replay x.csv --scenario drift", "--replay <FILE>' cannot be used with '--scenario"),
        ("--label is_fault", "--replay <FILE>"),
        ("--timestamp time", "--replay <FILE>"),
        ("--to nats://n1 --ndjson", "one reading a message; leave out --ndjson"),
        ("--to mqtt://n1 --batch 7", "one reading a message; leave out --batch"),
        ("--to mqtt://n1 --api-url http://a/predict", "two destinations; leave one out"),
        ("--to mqtt://n1 --creds a.creds", "log in with --user and --password-file"),
        ("--to mqtt://n1 --user sensor", "--password-file"),
    ];
    for (flags, why) in cases {
        let error = parse(flags).unwrap_err();
        assert!(error.contains(why), "{flags}: {error}");
    }
    assert!(parse("--replay x.csv --label is_fault --timestamp time --turbines 3").is_ok());
}

#[test]
fn over_a_cluster_each_turbine_has_a_request_in_flight() {
    let in_flight = |flags: &str| parse(flags).unwrap().requests_in_flight();
    assert_eq!(in_flight("--turbines 7"), 1);
    assert_eq!(in_flight("--turbines 7 --to nats://n1"), 7);
    assert_eq!(in_flight("--turbines 7000 --to mqtt://n1"), 1_000);
    assert_eq!(in_flight("--turbines 7 --to mqtt://n1 --concurrency 3"), 3);
}

#[test]
fn a_delivery_waits_only_if_its_size_was_set() {
    let cases = [
        ("", DeliverySize { max: 1, wait: false }),
        ("--batch 7", DeliverySize { max: 7, wait: true }),
        ("--ndjson", DeliverySize { max: 1_000, wait: false }),
        ("--ndjson --batch 7", DeliverySize { max: 7, wait: true }),
    ];
    for (flags, size) in cases {
        assert_eq!(parse(flags).unwrap().delivery_size(), size, "{flags}");
    }
}

#[test]
fn a_key_is_never_printed() {
    let config = parse("--api-key s3cret").unwrap();
    assert_eq!(config.api_key.authorization().unwrap().to_str().unwrap(), "Bearer s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!Config::command().render_long_help().to_string().contains("s3cret"));
}
