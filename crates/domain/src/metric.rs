//! Metrics that projects report: samples, the runs in which they are kept, and their rules.

mod kpi;
mod metric_type;
mod range;
mod record;
mod resolution;
mod run;
mod sample;
mod tier;
mod value;

pub use kpi::{Kpi, KpiName, Kpis, Risk, RiskReason};
pub use metric_type::MetricType;
pub use range::{Aggregation, MAX_POINTS, PointRange, PointValue, points};
pub use record::RunRecord;
pub use resolution::Resolution;
pub use run::{MAX_RUN_GAP, Numbers, Run, SeriesRun, distinct_runs, newest_of_each};
pub use sample::{
    MAX_SAMPLE_AGE, MAX_SAMPLE_LEAD, MAX_SAMPLES, MAX_SERIES, Sample, SampleTime, fresh_for,
    is_stale, parse_observed_at,
};
pub use tier::{Tier, roll_up_runs};
pub use value::{MetricValue, SampleValue};
