//! Bounds on what comes from a server, before the wire library parses it: that recurses into whatever is nested,
//! and keeps a message of any length. Knows BER's tags and lengths (X.690 section 8.1), nothing of LDAP's messages
//! but that each is a SEQUENCE.

use ldap3::asn1::{StructureTag, parse_tag};

/// LDAP's own answers need 7.
const DEPTH_MAX: usize = 16;
/// One message: an entry with a million values.
const MESSAGE_OCTETS_MAX: u64 = 64 << 20;

const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;

/// Follows messages as they come, in pieces of any size, and keeps none of it.
#[derive(Default)]
pub(super) struct Inspector {
    /// What is left of each element that is open, the outermost first.
    open: Vec<u64>,
    /// What is left of a primitive element.
    skipped: u64,
    header: Header,
}

/// How much of an element's header has come.
#[derive(Clone, Copy, Default)]
enum Header {
    #[default]
    Nothing,
    Tag(u8),
    /// A length in several octets.
    Length {
        tag: u8,
        /// How many it has in all, and how many are still to come.
        octets: u8,
        left: u8,
        length: u64,
    },
}

/// Parses one element that is within the bounds.
pub(super) fn parse(octets: &[u8]) -> Option<StructureTag> {
    Inspector::default().follow(octets).ok()?;
    parse_tag(octets).ok().map(|(_, tag)| tag)
}

// === impl Inspector ===

impl Inspector {
    /// The error says what is wrong with it; nothing that follows can be trusted then.
    pub(super) fn follow(&mut self, mut octets: &[u8]) -> Result<(), &'static str> {
        while let Some((&first, rest)) = octets.split_first() {
            if self.skipped > 0 {
                let count = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(octets.len());
                self.skipped -= count as u64;
                octets = octets.get(count..).unwrap_or_default();
            } else {
                self.header(first)?;
                octets = rest;
            }
            if self.skipped == 0 && matches!(self.header, Header::Nothing) {
                self.close();
            }
        }
        Ok(())
    }

    fn header(&mut self, octet: u8) -> Result<(), &'static str> {
        match self.header {
            Header::Nothing if self.open.is_empty() && octet != SEQUENCE => {
                Err("what came is no LDAP message")
            }
            Header::Nothing => {
                self.header = Header::Tag(octet);
                Ok(())
            }
            Header::Tag(tag) if octet < 0x80 => self.element(tag, 2, u64::from(octet)),
            Header::Tag(tag) => match octet - 0x80 {
                octets @ 1..=8 => {
                    self.header = Header::Length { tag, octets, left: octets, length: 0 };
                    Ok(())
                }
                _ => Err("a message has a length that LDAP does not allow"),
            },
            Header::Length { tag, octets, left, length } => {
                let (left, length) = (left - 1, length << 8 | u64::from(octet));
                if left == 0 {
                    return self.element(tag, 2 + u64::from(octets), length);
                }
                self.header = Header::Length { tag, octets, left, length };
                Ok(())
            }
        }
    }

    /// A header is whole.
    fn element(&mut self, tag: u8, header: u64, length: u64) -> Result<(), &'static str> {
        self.header = Header::Nothing;
        if length > MESSAGE_OCTETS_MAX {
            return Err("a message is too long");
        }
        if let Some(left) = self.open.last_mut() {
            *left =
                left.checked_sub(header + length).ok_or("a part of a message is longer than the whole")?;
        }
        if tag & CONSTRUCTED == 0 {
            self.skipped = length;
        } else if self.open.len() < DEPTH_MAX {
            self.open.push(length);
        } else {
            return Err("a message is nested too deep");
        }
        Ok(())
    }

    /// Elements that are whole.
    fn close(&mut self) {
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of each size.
    fn follow(octets: &[u8]) -> Result<(), &'static str> {
        let all = Inspector::default().follow(octets);
        for size in 1..octets.len() {
            let mut inspector = Inspector::default();
            let pieces = octets.chunks(size).try_for_each(|piece| inspector.follow(piece));
            assert_eq!(pieces, all);
        }
        all
    }

    fn nested(depth: usize) -> Vec<u8> {
        (0..depth).fold(Vec::new(), |inner, _| {
            let mut outer = vec![0x30, 0x84];
            outer.extend((inner.len() as u32).to_be_bytes());
            [outer, inner].concat()
        })
    }

    #[test]
    fn messages_pass_one_after_the_other() {
        let done = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
        let long = [&[0x30, 0x82, 0x01, 0x04, 0x04, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        let mut all = Inspector::default();
        for message in [&done[..], &long, &[0x30, 0], &nested(DEPTH_MAX), done] {
            assert_eq!(follow(message), Ok(()));
            assert_eq!(all.follow(message), Ok(()));
            assert!(all.open.is_empty() && all.skipped == 0);
        }
    }

    #[test]
    fn what_breaks_the_bounds_is_refused() {
        for (octets, part) in [
            (&b"HTTP/1.1 400"[..], "no LDAP message"),
            (&nested(DEPTH_MAX + 1), "too deep"),
            (&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], "too long"),
            (&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "too long"),
            (&[0x30, 0x80], "does not allow"),
            (&[0x30, 0x89], "does not allow"),
            (&[0x30, 3, 4, 2, 0, 0], "longer than the whole"),
        ] {
            assert!(follow(octets).is_err_and(|error| error.contains(part)), "{octets:?}");
        }
    }

    #[test]
    fn only_what_is_within_the_bounds_is_parsed() {
        assert!(parse(&nested(DEPTH_MAX)).is_some());
        assert!(parse(&nested(100_000)).is_none());
        assert!(parse(&[0x30, 2, 4]).is_none());
    }
}
