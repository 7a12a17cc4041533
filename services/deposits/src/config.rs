//! What this service is told by its environment. The variables are listed in `services/README.md`.

use tollgate_commons::Environment;
use tollgate_commons::config::{Common, Invalid, Reader, Variables};

/// Everything that the process needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// What every service is told.
    pub common: Common,
    /// The one world that this process is in.
    pub environment: Environment,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(variables: &Variables) -> Result<Self, Invalid> {
        let mut reader = Reader::new(variables);
        let common = Common::read(&mut reader, "deposits");
        let environment = reader.required("ENVIRONMENT");
        let config =
            common.zip(environment).map(|(common, environment)| Self { common, environment });
        reader.finish(config)
    }
}
