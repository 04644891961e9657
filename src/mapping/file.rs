//! A text file as an admin's editor leaves it: of bounded length, in UTF-8, with or without the mark that some begin it with.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// What some editors write first: U+FEFF, the byte order mark.
const MARK: char = '\u{feff}';

/// A file's text. Errors say what to do.
pub fn read_text(path: &Path, limit_bytes: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|cause| cause.to_string())?;
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(|cause| cause.to_string())?;
    if bytes.len() as u64 > limit_bytes {
        return Err(format!("it is longer than {limit_bytes} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8: save it as UTF-8".to_owned())?;
    Ok(text.strip_prefix(MARK).map_or_else(|| text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_an_editor_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read_text(&path, 8)
        };
        assert_eq!(read("\u{feff}Zoë".as_bytes()).unwrap(), "Zoë");
        assert_eq!(read(b"12345678").unwrap(), "12345678");
        assert!(read(b"123456789").unwrap_err().contains("8 bytes"));
        assert!(read(b"\xff\xfea\0").unwrap_err().contains("UTF-8"));
    }
}
