//! Query and path parameters of notifications.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{ChannelName, DeliveryId, DeliveryQuery, DeliveryState, InvalidValue};

use super::filters::OrCollect as _;
use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;

const DEFAULT_LIMIT: i64 = 50;

/// The filter and the page of a list of deliveries.
#[derive(Debug)]
pub(crate) struct DeliveryParams(pub(crate) DeliveryQuery);

impl FromRequest for DeliveryParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = parse(request.query_string());
        ready(parsed.map(Self).map_err(ApiError::Invalid))
    }
}

/// Reports every invalid parameter.
fn parse(query: &str) -> Result<DeliveryQuery, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let mut faults = Vec::new();
    let channel = one(&pairs, "channel", ChannelName::parse).or_collect(&mut faults);
    let state = one(&pairs, "status", DeliveryState::parse).or_collect(&mut faults);
    let incident = one(&pairs, "incident", incident).or_collect(&mut faults);
    let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
    let limit = limit.or_collect(&mut faults).unwrap_or(DEFAULT_LIMIT);
    let before = number(&pairs, "before", 1..=i64::MAX, "the id of a delivery");
    let before = before.or_collect(&mut faults).map(DeliveryId);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let query = DeliveryQuery { channel, state, incident, before, limit };
    if faults.is_empty() { Ok(query) } else { Err(faults) }
}

fn one<T>(
    pairs: &Pairs<'_>,
    name: &str,
    parse: fn(&str) -> Result<T, InvalidValue>,
) -> Result<Option<T>, InvalidValue> {
    pairs.once(name).and_then(|value| value.map(|value| parse(&value)).transpose())
}

fn incident(text: &str) -> Result<String, InvalidValue> {
    let is_key = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !is_key {
        return Err(InvalidValue::new("incident", text, "the id of an incident"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_read() {
        let query = parse("channel=hook&status=dead&incident=17&before=9&limit=2&x=y").unwrap();
        let expected = DeliveryQuery {
            channel: ChannelName::parse("hook").ok(),
            state: Some(DeliveryState::Dead),
            incident: Some("17".to_owned()),
            before: Some(DeliveryId(9)),
            limit: 2,
        };
        assert_eq!(query, expected);
        assert_eq!(parse("").unwrap(), DeliveryQuery { limit: 50, ..DeliveryQuery::default() });
    }

    #[test]
    fn every_invalid_parameter_is_reported() {
        let faults = parse("channel=A&status=x&incident=%00&before=0&limit=1001").unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["channel", "status", "incident", "limit", "before"]);
    }
}
