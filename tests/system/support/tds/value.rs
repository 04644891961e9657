//! Values, and the types of columns and parameters, as they stand on the wire ([MS-TDS] sections 2.2.5.4
//! to 2.2.5.6).

use super::octets::{Reader, text, utf_16};

/// A value of a row or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bit(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Octets(Vec<u8>),
    /// So many, and how many of its digits stand after the point.
    Decimal(i128, u8),
    Guid(uuid::Uuid),
    /// Days since 0001-01-01.
    Date(u32),
    /// The day, and hundreds of nanoseconds since midnight.
    DateTime(u32, u64),
    /// The same in UTC, and by how many minutes the zone is ahead of it.
    DateTimeOffset(u32, u64, i16),
}

/// A type of a column or a parameter; all can be null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Bit,
    /// Of so many octets: 1, 2, 4, 8.
    Int(u8),
    /// Of so many octets: 4, 8.
    Float(u8),
    /// Of so many characters, at most 4,000.
    NVarChar(u16),
    NVarCharMax,
    /// Of so many octets, at most 8,000; ASCII here.
    VarChar(u16),
    /// Of so many octets, at most 8,000.
    VarBinary(u16),
    VarBinaryMax,
    Date,
    /// With so many digits of a second's fraction, at most 7.
    DateTime2(u8),
    /// The same.
    DateTimeOffset(u8),
    /// Of so many digits, so many of them after the point.
    Decimal(u8, u8),
    Money,
    Guid,
    /// SQL_VARIANT: a number or a text here.
    Variant,
}

/// Latin1_General_CI_AS, as US installations have it.
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];
/// A length that says that the value has none.
const NO_LENGTH: u16 = 0xffff;
const NULL_IN_PARTS: u64 = u64::MAX;
const UNKNOWN_IN_PARTS: u64 = u64::MAX - 1;
const DIGITS_OF_TICKS: u32 = 7;

/// How a value of a type is framed.
enum Frame {
    /// After its length in one octet; zero is null.
    Short,
    /// After its length in two; [`NO_LENGTH`] is null.
    Long,
    /// PLP: a length in eight, then parts after theirs in four, the last empty.
    Parts,
    /// After its length in four; zero is null.
    Variant,
}

// === impl Type ===

impl Type {
    /// TYPE_INFO.
    pub fn octets(self) -> Vec<u8> {
        let long = |kind: u8, length: u16| [&[kind][..], &length.to_le_bytes()].concat();
        let collated = |kind, length| [long(kind, length), COLLATION.to_vec()].concat();
        match self {
            Self::Bit => vec![0x68, 1],
            Self::Int(length) => vec![0x26, length],
            Self::Float(length) => vec![0x6d, length],
            Self::NVarChar(chars) => collated(0xe7, chars * 2),
            Self::NVarCharMax => collated(0xe7, NO_LENGTH),
            Self::VarChar(length) => collated(0xa7, length),
            Self::VarBinary(length) => long(0xa5, length),
            Self::VarBinaryMax => long(0xa5, NO_LENGTH),
            Self::Date => vec![0x28],
            Self::DateTime2(scale) => vec![0x2a, scale],
            Self::DateTimeOffset(scale) => vec![0x2b, scale],
            Self::Decimal(precision, scale) => {
                vec![0x6a, length_of_decimal(precision), precision, scale]
            }
            Self::Money => vec![0x6e, 8],
            Self::Guid => vec![0x24, 16],
            Self::Variant => [&[0x62][..], &8_009_u32.to_le_bytes()].concat(),
        }
    }

    fn frame(self) -> Frame {
        match self {
            Self::NVarChar(_) | Self::VarChar(_) | Self::VarBinary(_) => Frame::Long,
            Self::NVarCharMax | Self::VarBinaryMax => Frame::Parts,
            Self::Variant => Frame::Variant,
            _ => Frame::Short,
        }
    }

    /// A value of this type, with its length.
    pub fn framed(self, value: &Value) -> Vec<u8> {
        if *value == Value::Null {
            return match self.frame() {
                Frame::Short => vec![0],
                Frame::Long => NO_LENGTH.to_le_bytes().to_vec(),
                Frame::Parts => NULL_IN_PARTS.to_le_bytes().to_vec(),
                Frame::Variant => vec![0; 4],
            };
        }
        let octets = self.bare(value);
        let length = octets.len();
        match self.frame() {
            Frame::Short => [vec![length as u8], octets].concat(),
            Frame::Long => [(length as u16).to_le_bytes().to_vec(), octets].concat(),
            Frame::Variant => [(length as u32).to_le_bytes().to_vec(), octets].concat(),
            // In two parts, so that both the first and the next are seen.
            Frame::Parts => {
                let mut framed = UNKNOWN_IN_PARTS.to_le_bytes().to_vec();
                let (first, second) = octets.split_at(length / 2);
                for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
                    framed.extend((part.len() as u32).to_le_bytes());
                    framed.extend(part);
                }
                framed.extend([0; 4]);
                framed
            }
        }
    }

    fn bare(self, value: &Value) -> Vec<u8> {
        match (self, value) {
            (Self::Bit, Value::Bit(bit)) => vec![u8::from(*bit)],
            (Self::Int(length), Value::Int(number)) => number.to_le_bytes()[..usize::from(length)].to_vec(),
            (Self::Float(8), Value::Float(number)) => number.to_le_bytes().to_vec(),
            (Self::NVarChar(_) | Self::NVarCharMax, Value::Text(text)) => utf_16(text),
            // As it is, whether it is a text or not.
            (Self::NVarChar(_), Value::Octets(octets)) => octets.clone(),
            (Self::VarChar(_), Value::Text(text)) if text.is_ascii() => text.as_bytes().to_vec(),
            (Self::VarBinary(_) | Self::VarBinaryMax, Value::Octets(octets)) => octets.clone(),
            (Self::Date, Value::Date(days)) => day(*days),
            (Self::DateTime2(scale), Value::DateTime(days, ticks)) => {
                [time(*ticks, scale), day(*days)].concat()
            }
            (Self::DateTimeOffset(scale), Value::DateTimeOffset(days, ticks, minutes)) => {
                [time(*ticks, scale), day(*days), minutes.to_le_bytes().to_vec()].concat()
            }
            (Self::Decimal(precision, scale), Value::Decimal(number, digits)) if scale == *digits => {
                let magnitude = number.unsigned_abs().to_le_bytes();
                let length = usize::from(length_of_decimal(precision)) - 1;
                [&[u8::from(*number >= 0)], &magnitude[..length]].concat()
            }
            // The upper half first.
            (Self::Money, Value::Decimal(number, 4)) => {
                let octets = i64::try_from(*number).unwrap().to_le_bytes();
                [&octets[4..], &octets[..4]].concat()
            }
            (Self::Guid, Value::Guid(guid)) => guid.to_bytes_le().to_vec(),
            (Self::Variant, Value::Int(number)) => [&[0x7f, 0][..], &number.to_le_bytes()].concat(),
            (Self::Variant, Value::Text(text)) => {
                let properties = [&[0xe7, 7][..], &COLLATION, &8_000_u16.to_le_bytes()].concat();
                [properties, utf_16(text)].concat()
            }
            (Self::Variant, Value::Guid(guid)) => [&[0x24, 0][..], &guid.to_bytes_le()].concat(),
            (kind, value) => panic!("{value:?} is no {kind:?}"),
        }
    }
}

fn length_of_decimal(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

fn length_of_time(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

fn time(ticks: u64, scale: u8) -> Vec<u8> {
    let units = ticks / 10_u64.pow(DIGITS_OF_TICKS - u32::from(scale));
    units.to_le_bytes()[..length_of_time(scale)].to_vec()
}

fn day(days: u32) -> Vec<u8> {
    days.to_le_bytes()[..3].to_vec()
}

// === Parameters ===

/// The value of a parameter, before which its type stands.
pub fn parameter(reader: &mut Reader) -> Value {
    match reader.u8() {
        0x1f => Value::Null,
        0x68 => {
            reader.u8();
            short(reader, |octets| Value::Bit(octets[0] != 0))
        }
        0x26 => {
            reader.u8();
            short(reader, |octets| Value::Int(signed(octets)))
        }
        0x6d => {
            reader.u8();
            short(reader, |octets| Value::Float(float(octets)))
        }
        0x24 => {
            reader.u8();
            short(reader, |octets| Value::Guid(uuid::Uuid::from_slice_le(octets).unwrap()))
        }
        0x28 => short(reader, |octets| Value::Date(days(octets))),
        0x2a => {
            let scale = reader.u8();
            short(reader, |octets| {
                let (time, day) = octets.split_at(length_of_time(scale));
                Value::DateTime(days(day), ticks(time, scale))
            })
        }
        0x2b => {
            let scale = reader.u8();
            short(reader, |octets| {
                let (time, rest) = octets.split_at(length_of_time(scale));
                let minutes = i16::from_le_bytes([rest[3], rest[4]]);
                Value::DateTimeOffset(days(&rest[..3]), ticks(time, scale), minutes)
            })
        }
        0x6a | 0x6c => {
            let [_, _, scale] = reader.take(3) else { unreachable!() };
            short(reader, |octets| {
                let magnitude =
                    octets[1..].iter().rev().fold(0, |number, octet| number << 8 | i128::from(*octet));
                Value::Decimal(if octets[0] == 0 { -magnitude } else { magnitude }, *scale)
            })
        }
        0xe7 => {
            let most = reader.u16();
            reader.take(COLLATION.len());
            long(reader, most, |octets| Value::Text(text(octets)))
        }
        0xa5 => {
            let most = reader.u16();
            long(reader, most, |octets| Value::Octets(octets.to_vec()))
        }
        other => panic!("a parameter of the type {other:#x}"),
    }
}

fn short(reader: &mut Reader, value: impl FnOnce(&[u8]) -> Value) -> Value {
    match usize::from(reader.u8()) {
        0 => Value::Null,
        length => value(reader.take(length)),
    }
}

fn long(reader: &mut Reader, most: u16, value: impl FnOnce(&[u8]) -> Value) -> Value {
    if most == NO_LENGTH {
        return in_parts(reader).map_or(Value::Null, |octets| value(&octets));
    }
    match reader.u16() {
        NO_LENGTH => Value::Null,
        length => value(reader.take(usize::from(length))),
    }
}

fn in_parts(reader: &mut Reader) -> Option<Vec<u8>> {
    if reader.u64() == NULL_IN_PARTS {
        return None;
    }
    let mut octets = Vec::new();
    loop {
        match reader.u32() as usize {
            0 => return Some(octets),
            length => octets.extend(reader.take(length)),
        }
    }
}

fn signed(octets: &[u8]) -> i64 {
    match *octets {
        // The one that knows no sign.
        [octet] => i64::from(octet),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => i64::from_le_bytes(octets.try_into().unwrap()),
    }
}

fn float(octets: &[u8]) -> f64 {
    match *octets {
        [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
        _ => f64::from_le_bytes(octets.try_into().unwrap()),
    }
}

fn days(octets: &[u8]) -> u32 {
    u32::from_le_bytes([octets[0], octets[1], octets[2], 0])
}

fn ticks(octets: &[u8], scale: u8) -> u64 {
    Reader(octets).number(octets.len()) * 10_u64.pow(DIGITS_OF_TICKS - u32::from(scale))
}
