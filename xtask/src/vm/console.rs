//! What the kernel said on its console, when nothing else says why a machine ended.

use std::{fs, path::Path};

/// Lines that are shown where there was no panic.
const LAST: usize = 12;

/// The panic in a console's log, or its last lines, and where the log is.
pub(super) fn end(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    format!("the kernel's console ({}) says:\n{}", log.display(), excerpt(&text))
}

fn excerpt(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.len().saturating_sub(LAST);
    // What leads to a panic stands before it.
    let panic = lines
        .iter()
        .position(|line| line.contains("Kernel panic") || line.contains("Oops:") || line.contains("BUG:"));
    let from = panic.map_or(last, |panic| panic.saturating_sub(3));
    let shown: Vec<&str> = lines.get(from..).unwrap_or_default().iter().copied().take(LAST).collect();
    if shown.is_empty() {
        return "nothing; a kernel without CONFIG_SERIAL_8250_CONSOLE?".to_owned();
    }
    shown.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_shown_with_what_led_to_it_else_the_last_lines() {
        let mut lines: Vec<String> = (0..50).map(|number| format!("[{number}] line")).collect();
        assert_eq!(excerpt(&lines.join("\r\n")).lines().count(), LAST);
        assert!(excerpt(&lines.join("\r\n")).ends_with("[49] line"));
        if let Some(line) = lines.get_mut(20) {
            *line = "[20] Kernel panic - not syncing".to_owned();
        }
        let shown = excerpt(&lines.join("\n"));
        assert!(shown.starts_with("    [17] line\n") && shown.contains("Kernel panic"), "{shown}");
        assert!(excerpt("").contains("CONFIG_SERIAL_8250_CONSOLE"));
    }
}
