//! What this service is told by its environment. The variables are listed in `services/README.md`.

use secrecy::SecretString;
use tollgate_commons::Stage;
use tollgate_commons::config::{Common, Invalid, Reader, Variables};

use crate::pepper::Peppers;

/// Everything that `serve` needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// What every service is told.
    pub common: Common,
    /// What digests are keyed with.
    pub peppers: Peppers,
}

/// Everything that an operator's command needs.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// Where it runs.
    pub stage: Stage,
    /// The database's address.
    pub database: SecretString,
    /// What digests are keyed with.
    pub peppers: Peppers,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(variables: &Variables) -> Result<Self, Invalid> {
        let mut reader = Reader::new(variables);
        let common = Common::read(&mut reader, "identity");
        let peppers = peppers(&mut reader);
        let config = common.zip(peppers).map(|(common, peppers)| Self { common, peppers });
        reader.finish(config)
    }
}

impl OperatorConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
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
