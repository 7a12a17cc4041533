//! The configuration of identity. `services/README.md` lists the variables.

use secrecy::SecretString;
use tollgate_commons::Stage;
use tollgate_commons::config::{Common, Invalid, Reader, Variables};

use crate::pepper::Peppers;

/// The configuration of `serve`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration that every service has.
    pub common: Common,
    /// The peppers of key digests.
    pub peppers: Peppers,
}

/// The configuration of an operator's command.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// The place in which it runs.
    pub stage: Stage,
    /// The database's address.
    pub database: SecretString,
    /// The peppers of key digests.
    pub peppers: Peppers,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(variables: &Variables) -> Result<Self, Invalid> {
        let mut reader = Reader::new(variables);
        let common = Common::read(&mut reader, "identity");
        let peppers = peppers(&mut reader);
        let config = common.zip(peppers).map(|(common, peppers)| Self { common, peppers });
        reader.finish(config)
    }
}

impl OperatorConfig {
    /// Reads the variables.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(variables: &Variables) -> Result<Self, Invalid> {
        let mut reader = Reader::new(variables);
        let stage = reader.required("STAGE");
        let database = reader.secret("DATABASE_URL", stage);
        let peppers = peppers(&mut reader);
        let config = stage.zip(database).zip(peppers).map(|((stage, database), peppers)| Self {
            stage,
            database,
            peppers,
        });
        reader.finish(config)
    }
}

fn peppers(reader: &mut Reader<'_>) -> Option<Peppers> {
    let text = reader.file("PEPPER_FILE")?;
    match Peppers::parse(&text) {
        Ok(peppers) => Some(peppers),
        Err(error) => reader.problem("PEPPER_FILE", &error.to_string()),
    }
}
