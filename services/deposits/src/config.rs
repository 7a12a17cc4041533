//! The configuration of deposits. `services/README.md` lists the variables.

use tollgate_commons::Environment;
use tollgate_commons::config::{Common, Invalid, Reader, Variables};

/// The configuration of the process.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration that every service has.
    pub common: Common,
    /// The one environment that this process serves.
    pub environment: Environment,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(variables: &Variables) -> Result<Self, Invalid> {
        let mut reader = Reader::new(variables);
        let common = Common::read(&mut reader, "deposits");
        let environment = reader.required("ENVIRONMENT");
        let config =
            common.zip(environment).map(|(common, environment)| Self { common, environment });
        reader.finish(config)
    }
}
