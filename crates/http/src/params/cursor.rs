//! Cursors: the start of a page in opaque form.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_application::{Figure, Position, SortValue};
use federation_domain::{InvalidValue, ProjectId, ProjectStatus};
use time::OffsetDateTime;
use xxhash_rust::xxh3::xxh3_64;

/// First byte of a cursor. Change it when the format changes.
const VERSION: u8 = 1;

const NO_CURSOR: &str = "a cursor from a Link header of this service";
const ANOTHER_QUERY: &str = "a cursor for the same filters and sort key";

/// Encodes a position in the list that this selection describes.
///
/// Cursors are not signed: a forged one only yields a page that the client may request anyway.
pub(super) fn encode(position: &Position, selection: &str) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(xxh3_64(selection.as_bytes()).to_be_bytes());
    bytes.extend(position.id.0.to_be_bytes());
    match &position.value {
        SortValue::Id => bytes.push(b'i'),
        SortValue::Text(text) => {
            bytes.push(b't');
            bytes.extend(text.as_bytes());
        }
        SortValue::Status(status) => bytes.extend([b's', *status as u8]),
        SortValue::Time(None) => bytes.push(b'n'),
        SortValue::Time(Some(at)) => {
            bytes.push(b'm');
            bytes.extend(at.unix_timestamp_nanos().to_be_bytes());
        }
        SortValue::Figure(None) => bytes.push(b'g'),
        SortValue::Figure(Some(figure)) => {
            bytes.push(b'f');
            bytes.extend(figure.get().to_be_bytes());
        }
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a position in the list that this selection describes and whose order it fits.
pub(super) fn decode(
    cursor: &str,
    selection: &str,
    fits: impl FnOnce(&Position) -> bool,
) -> Result<Position, InvalidValue> {
    let invalid = |allowed| InvalidValue::new("cursor", cursor, allowed);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid(NO_CURSOR))?;
    let (fingerprint, position) = read(&bytes).ok_or_else(|| invalid(NO_CURSOR))?;
    if fingerprint != xxh3_64(selection.as_bytes()) || !fits(&position) {
        return Err(invalid(ANOTHER_QUERY));
    }
    Ok(position)
}

/// Returns the fingerprint of the selection and the position in it.
fn read(bytes: &[u8]) -> Option<(u64, Position)> {
    let (&[VERSION], rest) = bytes.split_first_chunk::<1>()? else { return None };
    let (fingerprint, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let value = match rest.split_first()? {
        (b'i', []) => SortValue::Id,
        (b't', text) => SortValue::Text(Cow::Owned(String::from_utf8(text.to_vec()).ok()?)),
        (b's', &[status]) => SortValue::Status(*ProjectStatus::ALL.get(usize::from(status))?),
        (b'n', []) => SortValue::Time(None),
        (b'm', nanos) => {
            let nanos = i128::from_be_bytes(nanos.try_into().ok()?);
            SortValue::Time(Some(OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?))
        }
        (b'g', []) => SortValue::Figure(None),
        (b'f', number) => {
            let number = f64::from_be_bytes(number.try_into().ok()?);
            SortValue::Figure(Some(Figure::new(number)))
        }
        _ => return None,
    };
    let id = ProjectId(i64::from_be_bytes(*id));
    Some((u64::from_be_bytes(*fingerprint), Position { value, id }))
}

#[cfg(test)]
mod tests {
    use federation_application::{FigureKey, FigureQuery, FigureSort, Sort, SortKey};
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = (SortKey, SortValue<'static>)> {
        let moment =
            (-62_000_000_000_i64..250_000_000_000, 0_i64..1_000_000_000).prop_map(|(s, n)| {
                OffsetDateTime::from_unix_timestamp(s).unwrap() + time::Duration::nanoseconds(n)
            });
        prop_oneof![
            Just((SortKey::Id, SortValue::Id)),
            "\\PC*".prop_map(|text| (SortKey::Name, SortValue::Text(Cow::Owned(text)))),
            (0_usize..3)
                .prop_map(|at| (SortKey::Status, SortValue::Status(ProjectStatus::ALL[at]))),
            Just((SortKey::LastHeartbeatAt, SortValue::Time(None))),
            moment.prop_map(|at| (SortKey::UpdatedAt, SortValue::Time(Some(at)))),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_round_trips((key, value) in any_value(), id: i64) {
            let position = Position { value, id: ProjectId(id) };
            let sort = Sort { key, descending: false };
            let fits = |position: &Position| sort.has(position);
            prop_assert_eq!(decode(&encode(&position, "x"), "x", fits).unwrap(), position);
        }

        #[test]
        fn any_cursor_is_decoded_or_rejected(
            tail in proptest::collection::vec(any::<u8>(), 0..60), text in "\\PC*",
        ) {
            let bytes = [&[VERSION][..], &tail].concat();
            for cursor in [URL_SAFE_NO_PAD.encode(&bytes), text] {
                for key in SortKey::ALL {
                    let sort = Sort { key, descending: false };
                    let _ = decode(&cursor, "x", |position| sort.has(position));
                }
            }
        }
    }

    #[test]
    fn a_cursor_of_a_figure_fits_only_that_order() {
        let sort = Some(FigureSort { key: FigureKey::Risk, descending: true });
        let query = FigureQuery { sort, min_risk: None };
        for value in [None, Some(Figure::new(-0.5))] {
            let position = Position { value: SortValue::Figure(value), id: ProjectId(7) };
            let cursor = encode(&position, "x");
            let fits = |position: &Position| query.has(position);
            assert_eq!(decode(&cursor, "x", fits).unwrap(), position);
            assert!(decode(&cursor, "x", |position| Sort::default().has(position)).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_query_is_distinguished_from_an_invalid_one() {
        let position = Position { value: SortValue::Id, id: ProjectId(7) };
        let cursor = encode(&position, "status=online");
        let refusal = |cursor: &str, selection, key| {
            let sort = Sort { key, descending: false };
            decode(cursor, selection, |position| sort.has(position)).unwrap_err().allowed
        };
        assert_eq!(refusal(&cursor, "status=offline", SortKey::Id), ANOTHER_QUERY);
        assert_eq!(refusal(&cursor, "status=online", SortKey::Slug), ANOTHER_QUERY);
        for bad in
            ["", "x", "AQ", "====", &cursor[1..], &format!("{cursor}AA"), &format!("{cursor}=")]
        {
            assert_eq!(refusal(bad, "status=online", SortKey::Id), NO_CURSOR, "{bad}");
        }
    }
}
