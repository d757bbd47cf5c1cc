//! The command line.

use std::path::PathBuf;
use std::time::Duration;

/// Run the service under random faults and check its statements against a model.
#[derive(Debug, clap::Parser)]
#[command(name = "faults")]
pub(crate) struct Args {
    /// Inject faults for this number of minutes [default: 2].
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    minutes: Option<f64>,

    /// Inject faults for this number of seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,

    /// Choose the faults from this seed [default: a random seed, which is printed].
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Run this number of replicas of the service on the same servers.
    #[arg(long, value_name = "R", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) replicas: u8,

    /// Skip floods of a slow service, in which a process gets almost no CPU time. A busy machine
    /// may have the same effect by itself.
    #[arg(long)]
    pub(crate) gentle: bool,

    /// Run this binary of the service.
    #[arg(long, value_name = "PATH", default_value = "target/debug/federation")]
    pub(crate) binary: PathBuf,
}

impl Args {
    /// Returns the duration of fault injection.
    pub(crate) fn length(&self) -> Duration {
        let minutes = self.minutes.map(|minutes| minutes * 60.0);
        let seconds = minutes.or(self.seconds).unwrap_or(120.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_length_is_set_in_minutes_or_seconds() {
        let length = |args: &[&str]| {
            Args::try_parse_from([&["faults"], args].concat()).map(|args| args.length().as_secs())
        };
        assert_eq!(length(&[]).unwrap(), 120);
        assert_eq!(length(&["--minutes", "1.5"]).unwrap(), 90);
        assert_eq!(length(&["--seconds", "45"]).unwrap(), 45);
        length(&["--seconds", "45", "--minutes", "1"]).unwrap_err();
    }
}
