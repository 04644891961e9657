//! Each operation with facts by hand.
