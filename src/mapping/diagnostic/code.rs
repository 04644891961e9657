//! The codes of all mistakes: a kind of mistake each, with a number that stays. What a code means, with a wrong and a
//! right example, stands in `mappings/MISTAKES.md`, a section for each; that page is part of the program.

use std::fmt;
use std::str::FromStr;

/// The page that explains every code.
const PAGE: &str = include_str!("../../../mappings/MISTAKES.md");

macro_rules! codes {
    ($($name:ident = $number:literal,)*) => {
        /// A kind of mistake. The names are for programmers; admins see the number and the page's title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the page explains each")]
        pub enum Code { $($name = $number,)* }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

codes! {
    // The script as a text, and its run.
    Unreadable = 1,
    Syntax = 2,
    UnclosedText = 3,
    MissingSemicolon = 4,
    ReservedWord = 5,
    UnknownVariable = 6,
    ScriptStopped = 7,
    HookParameters = 8,
    UnknownParam = 9,
    MissingParam = 10,
    UnknownVerb = 11,
    WrongArguments = 12,
    MisplacedVerb = 13,
    OutOfOrder = 14,
    UnknownWord = 15,
    BadValue = 16,
    Interpolation = 17,
    // Functions of the script.
    UnknownFunction = 20,
    NotInverse = 21,
    FailsOnAbsent = 22,
    FunctionFails = 23,
    GivesNothing = 24,
    CallsItself = 25,
    Step = 26,
    NeverCalled = 27,
    FindsOthers = 28,
    Place = 29,
    // Resources.
    NoResource = 30,
    SaidTwice = 31,
    NoHome = 32,
    NoKey = 33,
    EntryIncomplete = 34,
    DeletionUnsaid = 35,
    DeletionRule = 36,
    StaysVisible = 37,
    KeyColumns = 38,
    KeyWritten = 39,
    KeyShared = 40,
    OtherBackend = 41,
    BeyondSqlite = 42,
    RequiredUnmapped = 43,
    UnknownPlace = 44,
    Part = 45,
    History = 46,
    RaisedNumber = 47,
    VersionStays = 48,
    // Lines.
    BadPath = 50,
    UnknownAttribute = 51,
    ComplexAttribute = 52,
    Excluding = 53,
    WrittenTwice = 54,
    UnknownReference = 55,
    ReferenceForm = 56,
    SeveralNatives = 57,
    SeveralPaths = 58,
    ValuesForm = 59,
    ValueType = 60,
    NeverRead = 61,
    NoInverse = 62,
    CollectionForm = 63,
    CopyForm = 64,
    MissingForm = 65,
    FindForm = 66,
    Template = 67,
    Hash = 68,
    Spelling = 69,
    GivenValue = 70,
    NotBuilt = 71,
    RestForm = 72,
    UnknownNative = 73,
    // Schemas.
    SchemaName = 80,
    UnknownSchema = 81,
    UnusedSchema = 82,
    Definition = 83,
    Endpoint = 84,
    ResourceSchema = 85,
    // The configuration, and what stands behind it.
    ConfigUnreadable = 100,
    ConfigSyntax = 101,
    Address = 102,
    Name = 103,
    Taken = 104,
    NoTarget = 105,
    SecretValue = 106,
    ConfigFile = 107,
    Limit = 108,
    Login = 109,
    ClientToken = 110,
    ConfigValue = 111,
    BackendUnusable = 112,
    Live = 120,
    FailedTest = 121,
}

// === impl Code ===

impl Code {
    /// What the page says of it: the title, and below it the explanation as Markdown.
    pub fn explanation(self) -> Option<&'static str> {
        let heading = format!("\n## {self} ");
        let start = PAGE.find(&heading)? + "\n## ".len();
        let section = PAGE.get(start..)?;
        Some(section.find("\n## ").map_or(section, |end| section.get(..end).unwrap_or(section)).trim())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "G{:03}", *self as u16)
    }
}

impl FromStr for Code {
    type Err = String;

    /// `G012`, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_it = |code: &&Self| code.to_string().eq_ignore_ascii_case(text.trim());
        let unknown = || format!("there is no code {text}; they read like {}", Self::UnknownVerb);
        Self::ALL.iter().find(is_it).copied().ok_or_else(unknown)
    }
}
