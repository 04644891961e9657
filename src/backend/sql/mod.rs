//! SQL: one statement builder, two dialects.
