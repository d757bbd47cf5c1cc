//! Query parameters of a badge.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::InvalidValue;
use utoipa::{IntoParams, ToSchema};

use super::pairs::Pairs;
use crate::error::ApiError;

/// Parameters in the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct BadgeParams {
    /// What the badge shows. Default `status`.
    #[param(required = false, inline, example = "uptime-30d")]
    metric: BadgeMetric,
}

/// What a badge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ToSchema)]
pub(crate) enum BadgeMetric {
    /// The status.
    #[default]
    #[schema(rename = "status")]
    Status,
    /// The share of the last day in which the project was online or degraded.
    #[schema(rename = "uptime-24h")]
    Day,
    /// The same of the last week.
    #[schema(rename = "uptime-7d")]
    Week,
    /// The same of the last 30 days.
    #[schema(rename = "uptime-30d")]
    Month,
}

impl BadgeMetric {
    const ALL: [Self; 4] = [Self::Status, Self::Day, Self::Week, Self::Month];

    /// Returns the window of an uptime.
    pub(crate) fn window(self) -> Option<&'static str> {
        match self {
            Self::Status => None,
            Self::Day => Some("24h"),
            Self::Week => Some("7d"),
            Self::Month => Some("30d"),
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_named = |one: &Self| match one.window() {
            None => text == "status",
            Some(window) => text.strip_prefix("uptime-") == Some(window),
        };
        let allowed = "status, uptime-24h, uptime-7d or uptime-30d";
        let found = Self::ALL.into_iter().find(is_named);
        found.ok_or_else(|| InvalidValue::new("metric", text, allowed))
    }
}

impl FromRequest for BadgeMetric {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let given = Pairs::of(request.query_string()).once("metric");
        let metric = given.and_then(|given| given.map_or(Ok(Self::Status), |it| Self::parse(&it)));
        ready(metric.map_err(|fault| ApiError::Invalid(vec![fault])))
    }
}
