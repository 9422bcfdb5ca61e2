#!/bin/bash
# unicode.sh: write src/cedar/unicode_table.h and src/estate/looks_table.h anew. What the official engine says about characters comes from these crates (and from
# Rust's standard library: char::escape_debug), so the table is taken from them; it changes only when the engine moves to newer ones.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

script=0.5.8 # Unicode 17.0
security=0.1.2 # Unicode 16.0

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<END
[package]
name = "tables"
version = "0.1.0"
edition = "2021"
[dependencies]
unicode-script = "=$script"
unicode-security = "=$security"
END
cat > "$dir/src/main.rs" <<'END'
use unicode_script::{Script, ScriptExtension, UnicodeScript};
use unicode_security::{mixed_script::AugmentedScriptSet, GeneralSecurityProfile};

const WORDS: usize = 3;
const HANB: u64 = 1 << 61; // the three writing systems of UTS 39 that join scripts

fn chars() -> impl Iterator<Item = char> {
    (0..=0x10ffff).filter_map(char::from_u32)
}

fn mask(c: char) -> [u64; WORDS] {
    let set = AugmentedScriptSet::from(c);
    let mut m = [0u64; WORDS];
    if set.is_all() {
        m = [u64::MAX; WORDS];
    } else {
        for s in ScriptExtension::iter(c.script_extension()) {
            m[s as usize / 64] |= 1 << (s as usize % 64);
        }
        m[2] |= if set.hanb { HANB } else { 0 } | if set.jpan { HANB << 1 } else { 0 } | if set.kore { HANB << 2 } else { 0 };
    }
    m
}

// The characters at which the property becomes true, false, true …
fn ranges(name: &str, has: impl Fn(char) -> bool) {
    println!("static const uint32_t {name}[] = {{");
    let (mut now, mut n) = (false, 0);
    for c in chars() {
        if has(c) != now {
            now = !now;
            n += 1;
            print!("{:#x},{}", c as u32, if n % 16 == 0 { "\n" } else { " " });
        }
    }
    println!("}};");
}

// The engine's Rust escapes what is ignored when shown (Default_Ignorable_Code_Point), too; older compilers do not.
fn ignorable(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

fn escaped(c: char) -> bool {
    c.escape_debug().count() > 1 || ignorable(c)
}

// Characters other than ASCII that look like ASCII ones, and those of ASCII that look like others of it (UTS 39 skeleton).
fn looks() {
    println!("static const struct look looks[] = {{");
    for c in chars() {
        let s: String = unicode_security::confusable_detection::skeleton(&c.to_string()).collect();
        if s.is_ascii() && !s.is_empty() && s != c.to_string() {
            assert!(s.len() <= 4);
            println!("{{{:#x}, {:?}}},", c as u32, s);
        }
    }
    println!("}};");
}

fn main() {
    if std::env::args().nth(1).is_some() {
        return looks();
    }
    assert!((Script::Zanabazar_Square as usize) < 64 * WORDS - 3);
    let mut sets: Vec<[u64; WORDS]> = vec![];
    let mut rows: Vec<(u32, usize)> = vec![];
    for c in chars() {
        let m = mask(c);
        let id = sets.iter().position(|s| *s == m).unwrap_or_else(|| { sets.push(m); sets.len() - 1 });
        if rows.last().map(|r| r.1) != Some(id) {
            rows.push((c as u32, id));
        }
    }
    println!("static const struct script_set script_sets[] = {{");
    for s in &sets {
        println!("{{{{{:#x}, {:#x}, {:#x}}}}},", s[0], s[1], s[2]);
    }
    println!("}};");
    println!("static const uint32_t script_rows[] = {{");
    for (i, (from, id)) in rows.iter().enumerate() {
        assert!(*id < 1 << 11);
        print!("{:#x},{}", from << 11 | *id as u32, if i % 12 == 11 { "\n" } else { " " });
    }
    println!("}};");
    ranges("identifier_allowed", |c| c.identifier_allowed());
    // A character that joins the one before it is escaped only at the beginning of a string.
    ranges("escaped_first", |c| c > '\x7f' && escaped(c));
    ranges("escaped_later", |c| c > '\x7f' && (format!("a{c}").escape_debug().count() > 2 || ignorable(c)));
}
END
table=src/cedar/unicode_table.h
{
    echo "/*"
    echo " * Made by scripts/unicode.sh: what unicode-script $script, unicode-security $security and Rust's escape_debug say about characters."
    echo " * script_rows: first character << 11 | index in script_sets, to the next row. The others: where the property begins, ends, begins …"
    echo " */"
    cargo run -q --release --manifest-path "$dir/Cargo.toml"
} > "$table"
looks=src/estate/looks_table.h
{
    echo "/* Made by scripts/unicode.sh from unicode-security $security: what looks like ASCII, and like what. In order of the characters. */"
    cargo run -q --release --manifest-path "$dir/Cargo.toml" looks
} > "$looks"
scripts/setup.sh format
build/format/bin/clang-format -i "$table" "$looks"
say "$table, $looks"
