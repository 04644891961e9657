//! Numbers and texts on the wire: little-endian, texts in UTF-16 after their length in units of it.

/// What is still to be read of a message. Ends loudly where it ends too early.
pub struct Reader<'a>(pub &'a [u8]);

// === impl Reader ===

impl<'a> Reader<'a> {
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u16(&mut self) -> u16 {
        self.number(2) as u16
    }

    pub fn u32(&mut self) -> u32 {
        self.number(4) as u32
    }

    pub fn u64(&mut self) -> u64 {
        self.number(8)
    }

    /// A number of so many octets, at most 8.
    pub fn number(&mut self, length: usize) -> u64 {
        self.take(length).iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    /// A text after its length in one octet: B_VARCHAR.
    pub fn short_text(&mut self) -> String {
        let units = usize::from(self.u8());
        text(self.take(units * 2))
    }

    /// A text after its length in two octets: US_VARCHAR.
    pub fn text(&mut self) -> String {
        let units = usize::from(self.u16());
        text(self.take(units * 2))
    }
}

/// A text of UTF-16.
pub fn text(octets: &[u8]) -> String {
    let units: Vec<u16> = octets.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

/// The octets of a text in UTF-16.
pub fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// B_VARCHAR.
pub fn short_text(text: &str) -> Vec<u8> {
    let octets = utf_16(text);
    let length = u8::try_from(octets.len() / 2).unwrap();
    [vec![length], octets].concat()
}

/// US_VARCHAR.
pub fn long_text(text: &str) -> Vec<u8> {
    let octets = utf_16(text);
    let length = u16::try_from(octets.len() / 2).unwrap();
    [length.to_le_bytes().to_vec(), octets].concat()
}
