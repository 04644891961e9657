//! What is known of a SQL Server database's columns: their types, how much goes in, in which code page. A value; who
//! reads it is `sqlserver::schema`. From it come parameters of the column's own type, so that its index serves and no
//! character or digit is lost; a column that is not known is left to the server's conversions.

use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::backend::Failure;
use crate::plan::{Param, Value};

/// Digits of a DECIMAL at most.
const DIGITS: usize = 38;

/// Columns by table and name, both in lower case.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    columns: HashMap<(String, String), Column>,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub kind: Kind,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// Whether the database itself gives its values: an identity, a ROWVERSION, a computed column.
    pub is_generated: bool,
    /// Whether it has a value when none is given.
    pub has_default: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// VARCHAR, CHAR or TEXT, in the code page of its collation; at most so many octets, any number where there is none.
    Narrow { code_page: u32, octets: Option<usize>, is_padded: bool },
    /// NVARCHAR, NCHAR or NTEXT; at most so many units of UTF-16. NCHAR pads what it holds with blanks.
    Wide { units: Option<usize>, is_padded: bool },
    /// TINYINT, SMALLINT, INT or BIGINT: from here to there.
    Integer { least: i64, greatest: i64 },
    /// BIT.
    Bit,
    /// DECIMAL or NUMERIC.
    Decimal { precision: u8, scale: u8 },
    /// MONEY or SMALLMONEY.
    Money,
    /// FLOAT or REAL.
    Real,
    /// UNIQUEIDENTIFIER.
    Guid,
    /// BINARY, VARBINARY, IMAGE or ROWVERSION.
    Octets,
    /// DATE.
    Date,
    /// DATETIME or SMALLDATETIME: to some hundredths of a second, or to the minute.
    OldInstant,
    /// DATETIME2: in UTC, as the gateway reads and writes it.
    Instant,
    /// DATETIMEOFFSET.
    OffsetInstant,
    /// Another.
    Other,
}

/// A value as it is compared with a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Comparable {
    /// This, inside this expression: `{}` stands for the parameter.
    As(Value, &'static str),
    /// No value of the column can be equal to it.
    Never,
}

static NOTHING: LazyLock<Catalog> = LazyLock::new(Catalog::default);

// === impl Catalog ===

impl Catalog {
    /// Nothing is known.
    pub(super) fn unknown() -> &'static Self {
        &NOTHING
    }

    pub(super) fn add(&mut self, table: &str, column: &str, known: Column) {
        self.columns.insert((table.to_lowercase(), column.to_lowercase()), known);
    }

    /// What is known of a table's columns.
    pub(super) fn columns(&self, table: &str) -> impl Iterator<Item = (&str, &Column)> {
        let table = table.to_lowercase();
        let known = self.columns.iter().filter(move |((of, _), _)| *of == table);
        known.map(|((_, name), column)| (name.as_str(), column))
    }

    /// The column, when it is known. Names are the mapping's own.
    pub(super) fn column(&self, table: &str, column: &str) -> Option<&Column> {
        match self.columns.is_empty() {
            true => None,
            false => self.columns.get(&(table.to_lowercase(), column.to_lowercase())),
        }
    }

    pub(super) fn kind(&self, table: &str, column: &str) -> Kind {
        self.column(table, column).map_or(Kind::Other, |column| column.kind)
    }

    /// A parameter as it is stored in a column.
    pub(super) fn stored(&self, table: &str, column: &str, param: Param) -> Result<Param, Failure> {
        match param {
            Param::Value(value) => {
                let kind = self.kind(table, column);
                kind.stored(value, &format!("{table}.{column}")).map(Param::Value)
            }
            other => Ok(other),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// The expression that brings a column's value without loss: money comes as a floating point number otherwise, and
    /// texts in the code pages of MS-DOS not at all.
    pub(super) fn selected(self, column: &str) -> String {
        match self {
            Self::Money => format!("CAST({column} AS DECIMAL(19, 4))"),
            Self::Narrow { code_page: 437 | 850, is_padded: false, .. } => {
                format!("CAST({column} AS NVARCHAR(MAX))")
            }
            Self::Narrow { code_page: 437 | 850, .. } => format!("RTRIM(CAST({column} AS NVARCHAR(4000)))"),
            _ => column.to_owned(),
        }
    }

    /// Whether a text comes back with as many blanks at its end as it went in with.
    pub(super) fn keeps_blanks(self) -> bool {
        matches!(self, Self::Narrow { is_padded: false, .. } | Self::Wide { is_padded: false, .. })
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Narrow { .. } | Self::Wide { .. })
    }

    /// A value as it is compared with such a column.
    pub(super) fn comparable(self, value: &Value) -> Comparable {
        use Comparable::{As, Never};
        let text = value.text();
        let integer = |number: i64| As(Value::Integer(number), "{}");
        match (self, value) {
            (Self::Other, _) => As(value.clone(), "{}"),
            (Self::Narrow { code_page, .. }, _) => match text {
                Some(text) if fits(code_page, &text) => As(Value::Text(text), "CAST({} AS VARCHAR(8000))"),
                Some(_) => Never,
                None => As(value.clone(), "{}"),
            },
            (Self::Wide { .. }, _) => match text {
                Some(text) => As(Value::Text(text), "{}"),
                None => As(value.clone(), "{}"),
            },
            (Self::Integer { .. }, Value::Bool(truth)) => integer(i64::from(*truth)),
            (Self::Integer { .. }, _) => match text.as_deref().and_then(canonical) {
                Some(number) => integer(number),
                None => Never,
            },
            (Self::Bit, _) => match truth(value) {
                Some(truth) => As(Value::Bool(truth), "{}"),
                None => Never,
            },
            (Self::Decimal { .. } | Self::Money, _) => match text {
                Some(text) if decimal(&text, DIGITS - 18, 18) => {
                    As(Value::Text(text), "CAST({} AS DECIMAL(38, 18))")
                }
                _ => Never,
            },
            (Self::Guid, _) => match text.as_deref().and_then(guid) {
                Some(guid) => As(Value::Text(guid), "CAST({} AS UNIQUEIDENTIFIER)"),
                None => Never,
            },
            (Self::Date, Value::Text(text)) => match (day(text), instant(value)) {
                (Some(day), _) => As(Value::Date(day), "{}"),
                (None, Some(at)) => As(Value::Timestamp(at), "CAST({} AS DATETIME2)"),
                (None, None) => Never,
            },
            (Self::Instant | Self::OldInstant | Self::Date, Value::Text(_) | Value::Timestamp(_)) => {
                instant(value).map_or(Never, |at| As(Value::Timestamp(at), "CAST({} AS DATETIME2)"))
            }
            (Self::OffsetInstant, Value::Text(_)) => {
                instant(value).map_or(Never, |at| As(Value::Timestamp(at), "{}"))
            }
            _ => As(value.clone(), "{}"),
        }
    }

    /// A value as it is stored in such a column; what would be changed on the way is refused.
    pub(super) fn stored(self, value: Value, column: &str) -> Result<Value, Failure> {
        let refused =
            |detail: &str| Err(Failure::Rejected(detail.to_owned(), format!("the column {column}")));
        let text = match &value {
            Value::Secret(_) | Value::Bytes(_) | Value::Timestamp(_) | Value::Today => None,
            value => value.text(),
        };
        match (self, text) {
            (Self::Narrow { code_page, octets, .. }, Some(text)) => match length_in(code_page, &text) {
                None => {
                    refused("A value has characters that the system behind this target cannot store there.")
                }
                Some(length) if octets.is_some_and(|most| length > most) => {
                    refused("A value is too long to be stored.")
                }
                Some(_) => Ok(Value::Text(text)),
            },
            (Self::Wide { units, .. }, Some(text)) => {
                match units.is_some_and(|most| text.encode_utf16().count() > most) {
                    true => refused("A value is too long to be stored."),
                    false => Ok(Value::Text(text)),
                }
            }
            (Self::Integer { least, greatest }, Some(_)) => {
                let number = match &value {
                    Value::Bool(truth) => Some(i64::from(*truth)),
                    Value::Integer(number) => Some(*number),
                    value => value.text().and_then(|text| text.parse().ok()),
                };
                match number.filter(|number| (least..=greatest).contains(number)) {
                    Some(number) => Ok(Value::Integer(number)),
                    None => refused("A value is no whole number that can be stored there."),
                }
            }
            (Self::Bit, Some(_)) => match truth(&value) {
                Some(truth) => Ok(Value::Bool(truth)),
                None => refused("A value is neither true nor false."),
            },
            (Self::Decimal { precision, scale }, Some(text)) => {
                let whole = usize::from(precision).saturating_sub(scale.into());
                number(text, whole, scale.into()).map_or_else(|| refused(NUMBER), Ok)
            }
            (Self::Money, Some(text)) => number(text, 15, 4).map_or_else(|| refused(NUMBER), Ok),
            (Self::Guid, Some(text)) => match guid(&text) {
                Some(guid) => Ok(Value::Text(guid)),
                None => refused("A value is no GUID."),
            },
            (Self::Instant | Self::OldInstant | Self::OffsetInstant, Some(_)) => match instant(&value) {
                Some(at) => Ok(Value::Timestamp(at)),
                None => refused("A value is no date with a time."),
            },
            _ => Ok(value),
        }
    }
}

const NUMBER: &str = "A value is no number that can be stored there with all its digits.";

/// What encodes a code page of Windows; `None`: not one that is known here.
fn encoding(code_page: u32) -> Option<&'static Encoding> {
    Some(match code_page {
        874 => WINDOWS_874,
        932 => SHIFT_JIS,
        936 => GBK,
        949 => EUC_KR,
        950 => BIG5,
        1250 => WINDOWS_1250,
        1251 => WINDOWS_1251,
        1252 => WINDOWS_1252,
        1253 => WINDOWS_1253,
        1254 => WINDOWS_1254,
        1255 => WINDOWS_1255,
        1256 => WINDOWS_1256,
        1257 => WINDOWS_1257,
        1258 => WINDOWS_1258,
        _ => return None,
    })
}

/// How many octets a text takes in a code page; `None` when it has characters that the page lacks, which the server
/// would replace by others.
fn length_in(code_page: u32, text: &str) -> Option<usize> {
    match encoding(code_page) {
        Some(encoding) => {
            let (octets, _, has_lost) = encoding.encode(text);
            (!has_lost).then_some(octets.len())
        }
        // UTF-8, or a page that is not known here: then the server must tell.
        None => Some(text.len()),
    }
}

fn fits(code_page: u32, text: &str) -> bool {
    length_in(code_page, text).is_some()
}

/// A whole number in the form that the server shows it in: `042` is another text than that of 42.
fn canonical(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Integer(number @ (0 | 1)) => Some(*number == 1),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number(text: String, whole: usize, fraction: usize) -> Option<Value> {
    decimal(&text, whole, fraction).then_some(Value::Text(text))
}

/// Whether a text is a decimal number with at most so many digits before the point, and behind it.
fn decimal(text: &str, whole: usize, fraction: usize) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    let is_number = all(before) && all(behind) && !(before.is_empty() && behind.is_empty());
    is_number
        && before.trim_start_matches('0').len() <= whole
        && behind.trim_end_matches('0').len() <= fraction
}

/// A GUID's text in the one form that the gateway shows it in.
fn guid(text: &str) -> Option<String> {
    let has_form = text.len() == 36;
    has_form.then(|| uuid::Uuid::try_parse(text).ok()).flatten().map(|guid| guid.to_string().to_uppercase())
}

/// A day as the gateway shows it.
fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

fn instant(value: &Value) -> Option<OffsetDateTime> {
    match value {
        Value::Timestamp(at) => Some(*at),
        Value::Text(text) => OffsetDateTime::parse(text, &Rfc3339).ok(),
        _ => None,
    }
}
