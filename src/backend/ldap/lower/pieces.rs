//! A modify of many values, divided where a server takes only so many at once. Each piece but the last has its
//! inverse, so that all are done or none.

use crate::plan::{AttributeChange, ModifyKind};

/// Values in one modify: Active Directory refuses some thousands.
const VALUES: usize = 1_000;

/// The changes as pieces, in order. Those whose old values are not known, and those of single values, which are one
/// compare-and-swap, stand together in the last.
pub(super) fn divided(changes: Vec<AttributeChange>) -> Vec<Vec<AttributeChange>> {
    let count = |changes: &[AttributeChange]| changes.iter().map(|change| change.values.len()).sum::<usize>();
    if changes.is_empty() || count(&changes) <= VALUES {
        return Vec::from_iter((!changes.is_empty()).then_some(changes));
    }
    let is_long = |change: &AttributeChange| change.kind != ModifyKind::Replace && change.values.len() > 1;
    let (long, rest): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_long);
    let (mut pieces, mut piece, mut room) = (Vec::new(), Vec::new(), VALUES);
    for AttributeChange { kind, attribute, values } in long {
        let mut values = values.into_iter().peekable();
        while values.peek().is_some() {
            if room == 0 {
                pieces.push(std::mem::take(&mut piece));
                room = VALUES;
            }
            let values: Vec<_> = values.by_ref().take(room).collect();
            room -= values.len();
            piece.push(AttributeChange { kind, attribute: attribute.clone(), values });
        }
    }
    if count(&rest) > room {
        pieces.push(std::mem::take(&mut piece));
    }
    piece.extend(rest);
    pieces.push(piece);
    pieces
}

/// What undoes a piece: a server that took it had none of the values that came, and all of those that went.
pub(super) fn inverse(piece: &[AttributeChange]) -> Vec<AttributeChange> {
    let turned = |change: &AttributeChange| AttributeChange {
        kind: if change.kind == ModifyKind::Add { ModifyKind::Delete } else { ModifyKind::Add },
        ..change.clone()
    };
    piece.iter().rev().map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Value;

    fn change(kind: ModifyKind, attribute: &str, count: usize) -> AttributeChange {
        let values = (0..count).map(|number| Value::from(number.to_string().as_str())).collect();
        AttributeChange { kind, attribute: attribute.to_owned(), values }
    }

    fn counts(pieces: &[Vec<AttributeChange>]) -> Vec<Vec<(ModifyKind, &str, usize)>> {
        fn line(change: &AttributeChange) -> (ModifyKind, &str, usize) {
            (change.kind, &change.attribute, change.values.len())
        }
        pieces.iter().map(|piece| piece.iter().map(line).collect()).collect()
    }

    #[test]
    fn few_values_are_one_piece_and_none_are_no_piece() {
        use ModifyKind::{Add, Delete};
        assert!(divided(Vec::new()).is_empty());
        let changes = vec![change(Delete, "member", 500), change(Add, "member", 500)];
        assert_eq!(divided(changes.clone()), [changes]);
    }

    #[test]
    fn many_are_divided_and_what_cannot_be_undone_comes_last() {
        use ModifyKind::{Add, Delete, Replace};
        let changes = vec![
            change(Replace, "unicodePwd", 1),
            change(Delete, "member", 600),
            change(Delete, "sn", 1),
            change(Add, "sn", 1),
            change(Add, "member", 1_400),
        ];
        let pieces = divided(changes);
        assert_eq!(
            counts(&pieces),
            [
                vec![(Delete, "member", 600), (Add, "member", 400)],
                vec![(Add, "member", 1_000)],
                vec![(Replace, "unicodePwd", 1), (Delete, "sn", 1), (Add, "sn", 1)],
            ]
        );
        assert_eq!(counts(&[inverse(&pieces[0])]), [[(Delete, "member", 400), (Add, "member", 600)]]);
    }
}
