//! `--help` lists every documented flag with its variable and default.

use e2e::run;

/// Flag, variable (`""` = none), default (`""` = none).
type Settings = &'static [(&'static str, &'static str, &'static str)];

#[test]
fn help_names_every_variable_and_its_default() {
    let cases: [(&str, Settings); 4] = [
        (
            "api",
            &[
                ("--model", "MODEL_PATH", "models/turbine_iforest.json"),
                ("--first-model", "FIRST_MODEL", ""),
                ("--outputs", "OUTPUTS_DIR", "outputs"),
                ("--host", "API_HOST", "127.0.0.1"),
                ("--port", "API_PORT", "5000"),
                ("--log-sync", "LOG_SYNC", "write"),
                ("--log-policy", "LOG_POLICY", "required"),
                ("--log-format", "LOG_FORMAT", "auto"),
                ("--log-max-bytes", "LOG_MAX_BYTES", ""),
                ("--log-max-age", "LOG_MAX_AGE", ""),
                ("--log-keep", "LOG_KEEP", ""),
                ("--max-body-bytes", "MAX_BODY_BYTES", "1MiB"),
                ("--drain-timeout", "DRAIN_TIMEOUT", "10s"),
                ("--api-key", "API_KEY", ""),
                ("--api-keys-file", "API_KEYS_FILE", ""),
            ],
        ),
        (
            "sender",
            &[
                ("--api-url", "API_URL", "http://localhost:5000/predict"),
                ("--count", "SENDER_COUNT", "0"),
                ("--interval", "SENDER_INTERVAL_SEC", "0.5"),
                ("--timeout", "SENDER_TIMEOUT_SEC", "3"),
                ("--anom-rate", "SENDER_ANOM_RATE", "0.05"),
                ("--api-key", "API_KEY", ""),
            ],
        ),
        (
            "train",
            &[
                ("--model", "MODEL_PATH", "models/turbine_iforest.json"),
                ("--outputs", "OUTPUTS_DIR", "outputs"),
                ("--contamination", "", "0.05"),
                ("--n-estimators", "", "100"),
                ("--sample-size", "", "256"),
                ("--extension-level", "", "0"),
                ("--detector", "", ""),
                ("--sensitivity", "", ""),
                ("--false-alarms-per-day", "", ""),
                ("--smoothing", "", "5"),
                ("--import", "", ""),
                ("--seed", "", "42"),
                ("--threshold", "", "contamination"),
                ("--data", "", ""),
                ("--features", "", ""),
                ("--label", "", ""),
                ("--timestamp", "", ""),
            ],
        ),
        (
            "viz",
            &[
                ("--outputs", "OUTPUTS_DIR", "outputs"),
                ("--log", "", ""),
                ("--bucket", "", "5m"),
                ("--from", "", ""),
                ("--to", "", ""),
            ],
        ),
    ];
    cases.into_iter().for_each(|(program, settings)| assert_help_names(program, settings));
}

#[test]
fn help_names_the_settings_of_turbines_memory_and_reload() {
    assert_help_names(
        "api",
        &[
            ("--dedupe-window", "DEDUPE_WINDOW", "262144"),
            ("--max-turbines", "MAX_TURBINES", "10000"),
            ("--drift-window", "DRIFT_WINDOW", "1000"),
            ("--max-memory", "MAX_MEMORY", "64MiB"),
            ("--watch-model", "WATCH_MODEL", ""),
            ("--shadow", "SHADOW_MODEL", ""),
            ("--rollback-if", "ROLLBACK_IF", ""),
            ("--rollback-within", "ROLLBACK_WITHIN", "1h"),
        ],
    );
}

fn assert_help_names(program: &str, settings: Settings) {
    let folder = tempfile::tempdir().unwrap();
    let help = run(program, folder.path(), &["--help"], &[]);
    assert_eq!(help.code, Some(0));
    for (flag, variable, default) in settings {
        // The text from this flag to the next.
        let start = help.stdout.find(&format!("{flag} ")).unwrap_or_else(|| panic!("{program}: no {flag}"));
        let text = &help.stdout[start..];
        let about = &text[..text.find("\n      --").unwrap_or(text.len())];
        assert!(about.contains(variable), "{program} {flag}: {about}");
        assert!(about.contains("[env:") || variable.is_empty(), "{program} {flag}: {about}");
        if !default.is_empty() {
            let joined = about.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(joined.contains(&format!("[default: {default}")), "{program} {flag}: {about}");
        }
    }
}

#[test]
fn a_wrong_flag_or_value_is_refused_by_every_program() {
    let folder = tempfile::tempdir().unwrap();
    for (program, args) in [
        ("api", &["--prot", "1"][..]),
        ("api", &["--port", "65536"]),
        ("api", &["--log-sync", "maybe"]),
        ("api", &["--max-in-flight", "0"]),
        ("api", &["--drain-timeout", "soon"]),
        ("train", &["--contamination", "0.6"]),
        ("train", &["--contamination", "nan"]),
        ("train", &["--n-estimators", "0"]),
        ("train", &["--label", "x"]),
        ("sender", &["--interval", "-1"]),
        ("sender", &["--interval", "nan"]),
        ("sender", &["--anom-rate", "1.1"]),
        ("sender", &["--api-url", "not an address"]),
        ("viz", &["--bucket", "0"]),
        ("viz", &["--from", "yesterday-ish"]),
    ] {
        let ended = run(program, folder.path(), args, &[]);
        assert_eq!(ended.code, Some(2), "{program} {args:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(args[0]), "{program} {args:?}: {}", ended.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}
