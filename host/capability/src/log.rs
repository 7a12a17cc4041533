//! `log`: a policy's lines for the operator, made harmless first.

use tollgate_chain::{LogCommand, LogLevel};

/// Longest line, in bytes; longer ones are cut.
const LINE_BYTES_MAX: usize = 1_024;

/// Applies a command of a run that reached its verdict.
pub(crate) fn apply(command: &LogCommand, request_id: &str) {
    match command {
        LogCommand::Write(level, text) => write(*level, request_id, text),
    }
}

/// Writes a policy's line. Its text is data: control characters could forge lines or drive a
/// terminal, and bidirectional overrides could reorder what the operator reads.
fn write(level: LogLevel, request_id: &str, text: &str) {
    let line = harmless(text);
    match level {
        LogLevel::Debug => tracing::debug!(target: "tollgate::policy", request_id, "{line}"),
        LogLevel::Info => tracing::info!(target: "tollgate::policy", request_id, "{line}"),
        LogLevel::Warn => tracing::warn!(target: "tollgate::policy", request_id, "{line}"),
        LogLevel::Error => tracing::error!(target: "tollgate::policy", request_id, "{line}"),
    }
}

fn harmless(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_BYTES_MAX));
    for character in text.chars().filter(|character| !is_harmful(*character)) {
        if line.len() + character.len_utf8() > LINE_BYTES_MAX {
            break;
        }
        line.push(character);
    }
    line
}

fn is_harmful(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed() {
        assert_eq!(harmless("a\r\nb\u{1b}[31mc\0\u{9b}\u{202e}\u{2028}d"), "ab[31mcd");
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let line = harmless(&format!("{}é", "a".repeat(1_023)));
        assert_eq!(line.len(), 1_023);
        assert_eq!(harmless(&"b".repeat(5_000)).len(), 1_024);
    }
}
