//! `unsafe`, where the compiler's promises are waived.

use super::{paths::is_in, source::Source, violation::Violation};

/// Where there is no way around it: the layouts that are read as bytes, and access to the kernel's memory.
const BLOCKS: [&str; 5] = [
    "enforcer/src/dataplane/layout.rs",
    "enforcer-ebpf/src/bench/main.rs",
    "enforcer-ebpf/src/generator/main.rs",
    "enforcer-ebpf/src/maps.rs",
    "enforcer-ebpf/src/packet.rs",
];

/// Where only attributes may be unsafe: the object's licence needs its own section.
const ATTRIBUTES: [&str; 1] = ["enforcer-ebpf/src/object.rs"];

/// Every `unsafe` outside these files.
pub(crate) fn check(source: &Source) -> Vec<Violation> {
    if is_in(&source.file, &BLOCKS) {
        return Vec::new();
    }
    let attributes = is_in(&source.file, &ATTRIBUTES);
    let is_attribute = |at: usize| {
        let text =
            |at: Option<usize>| at.and_then(|at| source.tokens.get(at)).map(|token| token.text.as_str());
        text(at.checked_sub(2)) == Some("#")
            && text(at.checked_sub(1)) == Some("[")
            && text(Some(at + 1)) == Some("(")
    };
    let found = source.tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe");
    found
        .filter(|(at, _)| !(attributes && is_attribute(*at)))
        .map(|(_, token)| {
            let reason =
                format!("only in {} (and attributes in {})", BLOCKS.join(", "), ATTRIBUTES.join(", "));
            Violation::new(&source.file, token.line, "unsafe", reason)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &str, text: &str) -> Vec<usize> {
        check(&Source::parse(file, text)).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn unsafe_is_found_outside_its_files() {
        let text = "// unsafe\n#[unsafe(no_mangle)]\nfn f() { unsafe { g(\"unsafe\") } }";
        assert_eq!(lines("enforcer/src/agent.rs", text), [2, 3]);
        assert_eq!(lines("enforcer-ebpf/src/object.rs", text), [3]);
        assert!(lines("enforcer-ebpf/src/maps.rs", text).is_empty());
    }
}
