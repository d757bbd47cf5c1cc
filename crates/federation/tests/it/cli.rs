//! Help texts, errors and subcommands that need no running service.

use std::process::Stdio;

use crate::program::Program;

const SETTINGS: [&str; 48] = [
    "DATABASE_URL",
    "AUTO_MIGRATE",
    "NATS_URL",
    "NATS_USER",
    "NATS_PASSWORD",
    "NATS_TOKEN",
    "NATS_CREDS",
    "NATS_TLS_REQUIRED",
    "NATS_TLS_CA",
    "NATS_TLS_CERT",
    "NATS_TLS_KEY",
    "SERVICE_HOST",
    "SERVICE_PORT",
    "ALLOW_ANONYMOUS",
    "FEDERATION_API_KEYS",
    "FEDERATION_KEYS_FILE",
    "PROTECT_METRICS",
    "PROTECT_DOCS",
    "SHUTDOWN_DELAY",
    "PUBLIC_URL",
    "CORS_ORIGINS",
    "MAX_STREAMS_PER_CLIENT",
    "PROJECTS_FILE",
    "PROJECTS_FILE_PRUNE",
    "AUTO_REGISTER",
    "AUTO_REGISTER_EXPIRE",
    "MAX_PROJECTS",
    "CHANGE_RETENTION",
    "VERIFY_ENDPOINTS",
    "GRAPH_MAX_NODES",
    "METRICS",
    "METRICS_RESOLUTION",
    "METRICS_RETENTION",
    "EXPORT_PROJECT_METRICS",
    "PLAIN_SUBJECTS",
    "HEARTBEAT_INTERVAL_SECONDS",
    "HEARTBEAT_DEGRADED_THRESHOLD_SECONDS",
    "HEARTBEAT_STALE_THRESHOLD_SECONDS",
    "HEARTBEAT_STALE_CHECK_INTERVAL_SECONDS",
    "FANOUT",
    "MESH_HMAC_KEY",
    "FANOUT_SUBJECTS",
    "LOG_LEVEL",
    "LOG_FORMAT",
    // Settings of `federation heartbeat`.
    "PROJECT_SLUG",
    "HUB_URL",
    "MESH_NAMESPACE",
    "HEARTBEAT_INTERVAL",
];

/// Normalises the wrapping of help texts.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_names_every_setting_with_its_default() {
    let help = Program::new().run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.starts_with("Track every project"), "{}", help.stdout);
    let text = unwrapped(&help.stdout);
    for name in &SETTINGS[..41] {
        assert!(text.contains(&format!("[env: {name}]")), "{name} in\n{text}");
    }
    for default in ["sqlite:federation.db", "nats://localhost:4222", "127.0.0.1", "8001", "info"] {
        assert!(text.contains(&format!("[default: {default}]")), "{default}");
    }
    for subcommand in
        ["serve", "migrate", "heartbeat", "config", "projects", "keys", "completions", "man"]
    {
        assert!(help.stdout.contains(&format!("\n  {subcommand} ")), "{subcommand}");
    }
    let help = Program::new().run(&["heartbeat", "--help"]);
    let text = unwrapped(&help.stdout);
    for name in &SETTINGS[40..] {
        assert!(text.contains(&format!("[env: {name}]")), "{name} in\n{text}");
    }
}

#[test]
fn help_shows_no_value_of_the_environment() {
    let program = Program::new().variable("DATABASE_URL", "postgres://u:hunter2@h/d");
    for args in [&["--help"][..], &["-h"], &["serve", "--help"], &["migrate", "--help"]] {
        assert!(!program.run(args).stdout.contains("hunter2"), "{args:?}");
    }
}

#[test]
fn an_invalid_setting_is_rejected_by_its_name() {
    for (name, value, reason) in [
        ("HEARTBEAT_STALE_THRESHOLD_SECONDS", "soon", "seconds above 0"),
        ("SERVICE_PORT", "70000", "70000"),
        ("LOG_LEVEL", "loud", "debug"),
        ("LOG_FORMAT", "xml", "json"),
        ("ALLOW_ANONYMOUS", "maybe", "true, false"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "sqlite:PATH"),
        ("NATS_URL", "http://u:hunter2@h", "is invalid"),
        ("HEARTBEAT_DEGRADED_THRESHOLD_SECONDS", "100", "HEARTBEAT_STALE_THRESHOLD_SECONDS"),
    ] {
        let run = Program::new().variable(name, value).run(&[]);
        assert_ne!(run.code, Some(0), "{name}");
        assert!(run.stderr.starts_with(&format!("error: {name}: ")), "{}", run.stderr);
        assert!(run.stderr.contains(reason), "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
}

#[test]
fn a_setting_of_another_subcommand_does_not_matter() {
    let program = Program::new().variable("SERVICE_PORT", "x").file("p.yaml", "projects: []");
    assert_eq!(program.run(&["config", "check", "p.yaml"]).code, Some(0));
    assert_eq!(program.run(&["completions", "bash"]).code, Some(0));
}

#[test]
fn an_empty_variable_counts_as_unset_but_for_keys() {
    let program = Program::new()
        .variable("SERVICE_PORT", "")
        .variable("HEARTBEAT_STALE_THRESHOLD_SECONDS", "")
        .variable("FEDERATION_API_KEYS", "");
    let run = program.run(&["serve"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with("error: FEDERATION_API_KEYS: expected keys, got an empty value"),
        "{run:?}"
    );
}

#[test]
fn keys_that_protect_nothing_are_rejected_and_not_repeated() {
    for (name, value, said) in [
        ("FEDERATION_API_KEYS", "hunter2", "key 1: expected 8 to 256"),
        ("FEDERATION_API_KEYS", "hunter2-hunter2,", "key 2: expected a key"),
        ("FEDERATION_KEYS_FILE", "", "got an empty value"),
        ("FEDERATION_KEYS_FILE", "absent.yaml", "absent.yaml does not exist"),
        ("PROTECT_METRICS", "true", "expected API keys"),
    ] {
        let program = Program::new().variable(name, value).variable("ALLOW_ANONYMOUS", "true");
        let run = program.variable("NATS_URL", "none").run(&[]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(&format!("error: {name}: ")), "{}", run.stderr);
        assert!(run.stderr.contains(said) && !run.stderr.contains("hunter2"), "{}", run.stderr);
    }
}

#[test]
fn a_public_address_without_keys_is_rejected() {
    let run = Program::new().run(&["--service-host", "0.0.0.0"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.starts_with("error: SERVICE_HOST: "), "{}", run.stderr);
    assert!(run.stderr.contains("ALLOW_ANONYMOUS=true"), "{}", run.stderr);
}

#[test]
fn the_environment_overrides_the_env_file() {
    let program = Program::new().file(".env", "LOG_LEVEL=loud # not a level\n");
    assert!(program.run(&[]).stderr.starts_with("error: .env:1: LOG_LEVEL"), ".env is read");
    let program = program.variable("LOG_LEVEL", "info").variable("SERVICE_HOST", "0.0.0.0");
    assert!(
        program.run(&[]).stderr.starts_with("error: SERVICE_HOST"),
        "the environment comes first"
    );
}

#[test]
fn an_empty_variable_does_not_hide_the_env_file() {
    let program = Program::new().variable("LOG_LEVEL", "").file(".env", "LOG_LEVEL=loud\n");
    assert!(program.run(&[]).stderr.starts_with("error: .env:1: LOG_LEVEL"));
    let keys = Program::new().variable("FEDERATION_API_KEYS", "");
    let run = keys.file(".env", "FEDERATION_API_KEYS=hunter2\n").run(&[]);
    assert!(
        run.stderr.starts_with("error: FEDERATION_API_KEYS: expected keys, got an empty value"),
        "{run:?}"
    );
}

#[test]
fn a_dollar_and_quotes_of_the_env_file_reach_the_setting() {
    for (line, said) in [
        ("LOG_LEVEL='$LOUD'", "got \"$LOUD\""),
        ("LOG_LEVEL=pa$LOUD", "got \"pa$LOUD\""),
        ("LOG_LEVEL=\"a\\\\b \\\"c\\\" ${HOME:-d}\"", "got \"a\\\\b \\\"c\\\" d\""),
    ] {
        let run = Program::new().file(".env", &format!("{line}\n")).run(&[]);
        assert!(run.stderr.contains(said), "{line}: {}", run.stderr);
    }
}

#[test]
fn an_env_file_may_contain_json_and_lines_of_other_programs() {
    let text = "PROMPT=a multi word value\nJSON={\"a\": \"b # c\"}\nX=\"unclosed\n\
                FEDERATION_API_KEYS=[\"hunter2-one\",\"hunter2\"]\n";
    let run = Program::new().file(".env", text).run(&[]);
    let said = "error: .env:4: FEDERATION_API_KEYS: key 2: expected 8 to 256 characters, got 7\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), said));
}

#[test]
fn an_invalid_nats_setting_is_found_before_the_store_is_opened() {
    let program = Program::new().variable("NATS_CREDS", "/nonexistent/user.creds");
    for args in [&["serve"][..], &["heartbeat"]] {
        let run = program.run(args);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.starts_with("error: NATS_CREDS: "), "{}", run.stderr);
    }
    assert!(!program.folder().join("federation.db").exists());
}

#[test]
fn an_invalid_setting_in_the_env_file_is_rejected_by_its_line() {
    let text = "A=1\nNATS_PASSWORD=\"hunter2 two\n";
    let run = Program::new().file(".env", text).run(&["--version"]);
    let said = "error: .env:2: NATS_PASSWORD: expected a closing quote\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), said));

    let program = Program::new().file(".env", "# port\nSERVICE_PORT=80 01\n");
    let said = "SERVICE_PORT: expected a port number from 0 to 65535, got";
    let run = program.run(&[]);
    assert_eq!(run.stderr, format!("error: .env:2: {said} \"80 01\"\n"));
    let run = program.run(&["--service-port=x"]);
    assert_eq!(run.stderr, format!("error: {said} \"x\"\n"), "a flag overrides the file");
}

#[test]
fn an_invalid_command_line_exits_with_two() {
    for args in [&["nonsense"][..], &["--nonsense"], &["projects"], &["projects", "get", "A B"]] {
        assert_eq!(Program::new().run(args).code, Some(2), "{args:?}");
    }
}

#[test]
fn an_invalid_number_is_rejected_in_plain_words() {
    for (line, said) in [
        ("projects list --limit many", "expected a whole number"),
        ("projects list --limit 0", "expected a whole number"),
        ("projects history a --limit 1.5", "expected a whole number"),
        ("projects history a --before x", "expected a whole number"),
        ("projects register --heartbeat-interval soon", "expected a number of seconds"),
        ("keys create a --scope read --days x", "expected 1 to 3650 days"),
    ] {
        let run = Program::new().run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(run.code, Some(2), "{line}");
        assert!(run.stderr.contains(said), "{line}: {}", run.stderr);
    }
}

#[test]
fn a_manual_page_is_printed_and_one_is_written_for_each_subcommand() {
    let program = Program::new();
    let page = program.run(&["man"]);
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains(".TH federation 1"), "{}", page.stdout);
    assert!(page.stdout.contains("DATABASE_URL"), "{}", page.stdout);

    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("new/man1");
    assert_eq!(program.run(&["man", "--directory", pages.to_str().unwrap()]).code, Some(0));
    for name in ["federation.1", "federation-serve.1", "federation-projects-list.1"] {
        assert!(pages.join(name).is_file(), "{name}");
    }
    let refused = program.run(&["man", "--directory", "/proc/none"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("cannot write manual pages"), "{}", refused.stderr);
}

#[test]
fn version_and_completions_are_printed() {
    assert_eq!(Program::new().run(&["--version"]).stdout, "federation 0.9.0\n");
    for shell in ["bash", "zsh", "fish"] {
        let script = Program::new().run(&["completions", shell]).stdout;
        assert!(script.contains("federation") && script.contains("database-url"), "{shell}");
    }
}

#[test]
fn a_valid_projects_file_is_counted() {
    let project = "  - {slug: a, name: A, hub_url: 'http://a', mesh_namespace: hub.a}\n";
    let program = Program::new().file("config/projects.yaml", &format!("projects:\n{project}"));
    let run = program.run(&["config", "check"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "ok: 1 project\n"), "{run:?}");
    let run = Program::new().file("e.yaml", "projects: []").run(&["config", "check", "e.yaml"]);
    assert_eq!(run.stdout, "ok: 0 projects\n");
}

#[test]
fn a_projects_file_without_a_list_is_rejected() {
    for text in ["", "# nothing yet\n", "projects:\n", "projects: null\n", "---\n", "{}\n"] {
        let run = Program::new().file("e.yaml", text).run(&["config", "check", "e.yaml"]);
        let said =
            "error: e.yaml has no list of projects; write `projects: []` if there are none\n";
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), said), "{text:?}");
    }
}

#[test]
fn an_invalid_projects_file_is_reported_by_file_line_and_field() {
    let project = "  - {slug: a, name: A, hub_url: 'http://a', mesh_namespace: hub.a}\n";
    let text = format!("projects:\n{project}{project}");
    let run = Program::new().file("p.yaml", &text).run(&["config", "check", "p.yaml"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.stderr,
        "error: p.yaml:3:12: projects[1].slug: \"a\" appears twice (first on line 2)\n"
    );
    let run = Program::new().run(&["config", "check", "absent.yaml"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), "error: absent.yaml does not exist\n"));
}

#[test]
fn an_unreachable_service_is_reported() {
    // Nothing listens on port 9 (discard) of loopback. A reserved port would be a race.
    let program = Program::new().variable("FEDERATION_URL", "http://127.0.0.1:9");
    for args in [&["projects", "list"][..], &["health"], &["projects", "remove", "a"]] {
        let run = program.run(args);
        assert_eq!(run.code, Some(1), "{args:?}");
        let said = "error: cannot reach the service at http://127.0.0.1:9";
        assert!(run.stderr.starts_with(said), "{}", run.stderr);
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let program = Program::new();
    let mut child = program
        .command(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
