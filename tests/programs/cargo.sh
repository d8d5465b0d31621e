# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The Codex Jobs authors
#
# A small crate: build, test, run.
# Packages: cargo, rustc
# Seconds: 180

case $1 in
build) ;;
run)
        export CARGO_HOME=$PWD/home CARGO_NET_OFFLINE=true
        mkdir -p crate/src
        cd crate || exit
        cat >Cargo.toml <<'END'
[package]
name = "tiny"
version = "0.1.0"
edition = "2021"
END
        cat >src/main.rs <<'END'
use std::io::{self, Read, Write};
fn sum(numbers: &[u32]) -> u32 { numbers.iter().sum() }
fn main() {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input).unwrap();
    println!("SEEN: {} of {} bytes of input", sum(&[1, 2, 3]), input.len());
    eprintln!("SEEN: to stderr");
    std::fs::OpenOptions::new().write(true).open("/dev/stdout").unwrap().write_all(b"SEEN: by name\n").unwrap();
    std::process::exit(3);
}
#[test] fn adds() { println!("SEEN: printed by a test"); assert_eq!(sum(&[1, 2]), 3); }
#[test] #[should_panic] fn panics() { panic!("SEEN: panic"); }
#[test] fn fails() { assert_eq!(sum(&[]), 1); }
END
        cargo build --color always && echo PASS: build || echo FAIL: build
        echo input | cargo run --quiet
        echo "SEEN: cargo run exits with $?"
        cargo test -- --nocapture --test-threads 1 | sed -E 's/^test (.*) \.\.\. (.*)$/SEEN: \1 \2/'
        echo "SEEN: cargo test exits with ${PIPESTATUS[0]}"
        cargo test -q 2>&1 | tail -n 3 | sed -E 's/finished in .*//; s/^/SEEN: /'
        exit 0
        ;;
esac
