//! A look at a document's tokens (GraphQL specification, 2.1) before the parser has it: the parser recurses on
//! brackets, and a string that never ends costs it the square of the document's length.

use async_graphql::Pos;

use super::error::{ErrorReply, code};

/// Brackets inside each other, twice what the levels of a document's selections and values come to.
const MAX_NESTING: usize = 64;
/// Bytes of a name: each error about it repeats it.
const MAX_NAME: usize = 200;

/// Refuses what would hurt the parser.
pub(super) fn check(document: &str) -> Result<(), ErrorReply> {
    let bytes = document.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => at = end_of_line(bytes, at),
            b'"' => {
                let end = end_of_string(bytes, at).ok_or_else(|| {
                    let sentence = "This is not a GraphQL document: a string does not end.";
                    ErrorReply::new(code::PARSE_FAILED, sentence).at(vec![position(document, at)])
                })?;
                at = end;
                continue;
            }
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let end = end_of_name(bytes, at);
                if end - at > MAX_NAME {
                    let sentence = format!("A name has at most {MAX_NAME} characters.");
                    return Err(ErrorReply::new(code::TOO_COMPLEX, sentence));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        if depth > MAX_NESTING {
            let sentence = "This document is nested too deeply.";
            return Err(ErrorReply::new(code::TOO_COMPLEX, sentence));
        }
        at += 1;
    }
    Ok(())
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.iter().skip(from);
    from + rest
        .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
        .count()
}

fn end_of_name(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.iter().skip(from);
    from + rest
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count()
}

/// Behind the string that begins at `from`; `None` when it does not end.
fn end_of_string(bytes: &[u8], from: usize) -> Option<usize> {
    let begins_with = |at: usize, text: &[u8]| bytes.get(at..).is_some_and(|b| b.starts_with(text));
    let block = begins_with(from, b"\"\"\"");
    let mut at = from + if block { 3 } else { 1 };
    while at < bytes.len() {
        at += match (block, bytes[at]) {
            (true, b'"') if begins_with(at, b"\"\"\"") => return Some(at + 3),
            (true, b'\\') if begins_with(at, b"\\\"\"\"") => 4,
            (false, b'"') => return Some(at + 1),
            (false, b'\n' | b'\r') => return None,
            (false, b'\\') => 2,
            _ => 1,
        };
    }
    None
}

fn position(document: &str, at: usize) -> Pos {
    let before = document.get(..at).unwrap_or(document);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    Pos { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(document: &str) -> Option<&'static str> {
        check(document).err().map(|error| error.extensions.code)
    }

    #[test]
    fn brackets_count_outside_strings_and_comments_only() {
        let many = "[{(".repeat(100);
        for harmless in [
            format!("{{ a(b: \"{many}\\\"{many}\\\\\") }}"),
            format!("{{ a(b: \"\"\"{many}\\\"\"\"{many}\n\"\" \\{many}\"\"\") }}"),
            format!("{{ a }} # \"{many}"),
            format!("# \"\"\" {many}\n{{ a }}"),
            "{a(b:[1])}".repeat(100),
            format!("{{ a(b: \"\", c: \"\"\"\"\"\") }} # {many}"),
        ] {
            assert_eq!(code(&harmless), None, "{harmless}");
        }
        for deep in [
            "[".repeat(65),
            format!("{{ a(b: \"\"\"\\\"\"\" \"\"\", c: {many}"),
            format!("{{ a(b: \"\\\\\", c: {many}"),
            format!("# \"\n{many}"),
            format!("\"#\" {many}"),
        ] {
            assert_eq!(code(&deep), Some(code::TOO_COMPLEX), "{deep}");
        }
    }

    #[test]
    fn strings_end() {
        for endless in [
            "{ a(b: \"",
            "{ a(b: \"\n\") }",
            "{ a(b: \"\\\") }",
            "{ a(b: \"\"\"\") }",
            "{ a(b: \"\"\" \\\"\"\") }",
            "\"\\",
        ] {
            assert_eq!(code(endless), Some(code::PARSE_FAILED), "{endless}");
        }
        let error = check("{\n  é(b: \"").expect_err("endless");
        assert_eq!(error.locations, [Pos { line: 2, column: 8 }]);
    }

    #[test]
    fn names_are_short() {
        assert_eq!(code(&format!("{{ {} }}", "a".repeat(200))), None);
        assert_eq!(
            code(&format!("{{ {} }}", "a".repeat(201))),
            Some(code::TOO_COMPLEX)
        );
    }
}
