//! The binary as a process: exit status, the two streams, pipes.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in an environment without anything of the machine that runs the test.
fn proxai(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxai"));
    command
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, line: &[&str]) -> Output {
    proxai(folder).args(line).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_status_says_yes_no_or_not_understood() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.toml"), "[server]\nport = 1\n").unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[server]\nprot = 1\n").unwrap();
    let cases: [(&[&str], i32); 5] = [
        (&["check", "--config", "good.toml"], 0),
        (&["--config", "good.toml", "check"], 0),
        (&["check", "--config", "bad.toml"], 1),
        (&["check", "--config", "missing.toml"], 1),
        (&["chekc"], 2),
    ];
    for (line, status) in cases {
        let output = run(folder.path(), line);
        assert_eq!(output.status.code(), Some(status), "{line:?} {output:?}");
        assert_eq!(output.stdout.is_empty(), status != 0, "{line:?} {output:?}");
        assert_eq!(output.stderr.is_empty(), status == 0, "{line:?} {output:?}");
        assert!(
            !text(&output.stdout).contains('\x1b'),
            "a pipe gets no colours"
        );
    }
    let output = run(folder.path(), &["check", "--config", "bad.toml"]);
    assert!(
        text(&output.stderr).contains("bad.toml:2: server.prot"),
        "{output:?}"
    );
}

#[test]
fn a_configuration_that_init_wrote_is_found_and_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["init"]);
    assert!(output.status.success(), "{output:?}");
    let output = run(folder.path(), &["check", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["file"], "proxai.toml");
    assert_eq!(run(folder.path(), &["init"]).status.code(), Some(1));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = proxai(folder.path())
        .args(["providers", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closing before anything is read: the output is larger than what a pipe holds.
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{err}");
    assert!(err.is_empty(), "{err}");
}
