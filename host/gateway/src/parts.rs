//! Everything that a process serves with beside Snapshots and stores, and that needs neither a
//! socket nor a thread: certificates, the admin token, the target of the access log. `serve` and
//! `check` prepare the same parts, so that what one refuses the other refuses too.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tollgate_admin::Token;
use tollgate_config::{
    AccessLogConfig, Config, ConfigProblem, ListenerConfig, Located, Problems, TlsFiles,
    with_causes,
};
use tollgate_edge::{Error as EdgeError, Tls};

/// The purpose that parts are prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The parts are used: files that may be made are made.
    Serve,
    /// The parts are dropped: nothing is written.
    Check,
}

/// The prepared parts.
#[derive(Debug)]
pub(crate) struct Parts {
    /// For each listener of the configuration, its certificate.
    pub(crate) tls: Vec<Option<Arc<Tls>>>,
    /// The token of the admin API, where there is one.
    pub(crate) token: Option<Arc<Token>>,
    /// The file of the access log, where it goes to one.
    pub(crate) access_log: Option<File>,
}

impl Parts {
    /// Reads, checks and opens what the configuration names.
    ///
    /// # Errors
    /// Everything that is wrong, each at the key that names it.
    pub(crate) fn prepare(config: &Config, purpose: Purpose) -> Result<Self, Problems> {
        let mut problems = duplicate_addresses(config);
        let tls = config.listeners().iter().map(|listener| tls(listener, &mut problems)).collect();
        let token = token(config, purpose).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let access_log = access_log(config.access_log(), purpose).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });

        if problems.is_empty() {
            Ok(Self { tls, token, access_log })
        } else {
            Err(Problems::from(problems))
        }
    }
}

/// Finds addresses that no process could listen on twice. Port 0 is a free one each time.
fn duplicate_addresses(config: &Config) -> Vec<ConfigProblem> {
    let listeners = config.listeners().iter();
    let listeners = listeners.map(|own| (format!("listeners.{}", own.name), &own.address));
    let admin = config.admin().map(|address| ("admin".to_owned(), address));
    let all: Vec<(String, &Located<SocketAddr>)> = listeners.chain(admin).collect();

    let mut problems = Vec::new();
    for (index, (_, address)) in all.iter().enumerate() {
        let mut earlier = all.iter().take(index);
        if let Some((name, _)) = earlier.find(|(_, other)| overlap(address, other)) {
            problems.push(address.problem(&format!("{address} is the address of {name} already")));
        }
    }
    problems
}

fn overlap(one: &SocketAddr, other: &SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_family = one.is_ipv4() == other.is_ipv4();
    let same_address = one.ip() == other.ip() || (any && same_family);
    one.port() != 0 && one.port() == other.port() && same_address
}

fn tls(listener: &ListenerConfig, problems: &mut Vec<ConfigProblem>) -> Option<Arc<Tls>> {
    let files = listener.tls.as_ref()?;
    let missing = [(&files.certificate, "a certificate"), (&files.key, "a private key")];
    let missing = missing.map(|(path, expected)| {
        fs::metadata(path).err().map(|error| path.unreadable(expected, &error))
    });
    let before = problems.len();
    problems.extend(missing.into_iter().flatten());
    if problems.len() > before {
        return None;
    }

    match Tls::from_files(&files.certificate, &files.key) {
        Ok(tls) => Some(Arc::new(tls)),
        Err(error) => {
            problems.push(tls_problem(files, &error));
            None
        }
    }
}

/// Puts a failure at the one of the two keys that is at fault.
fn tls_problem(files: &TlsFiles, error: &EdgeError) -> ConfigProblem {
    let message = with_causes(error);
    match error {
        EdgeError::Pem { path, .. } if *path == *files.key => {
            let hint = if is_encrypted(&files.key) { "; it is encrypted" } else { "" };
            files.key.problem(&format!("expected a private key: {message}{hint}"))
        }
        EdgeError::Certificate { .. } => {
            let certificate = files.certificate.display();
            files.key.problem(&format!("expected the key of {certificate}: {message}"))
        }
        EdgeError::Pem { .. }
        | EdgeError::NoCertificate { .. }
        | EdgeError::Tls(_)
        | EdgeError::Bind { .. }
        | EdgeError::AccessLog(_) => {
            files.certificate.problem(&format!("expected a certificate: {message}"))
        }
    }
}

fn is_encrypted(key: &Path) -> bool {
    fs::read_to_string(key).is_ok_and(|text| text.contains("ENCRYPTED"))
}

/// Prepares the token of the admin API. Where none is configured and none can be left on disk, the
/// API is shut and everything else goes on.
fn token(config: &Config, purpose: Purpose) -> Result<Option<Arc<Token>>, ConfigProblem> {
    if config.admin().is_none() {
        return Ok(None);
    }
    if let Some(path) = config.admin_token() {
        if let Err(error) = fs::metadata(path) {
            return Err(path.unreadable("a token", &error));
        }
        let token = tollgate_admin::read(path).and_then(|text| Token::new(&text));
        return match token {
            Ok(token) => Ok(Some(Arc::new(token))),
            Err(error) => Err(path.problem(&with_causes(&error))),
        };
    }
    if purpose == Purpose::Check {
        return Ok(None);
    }
    match Token::prepare(config) {
        Ok(token) => Ok(Some(Arc::new(token))),
        Err(error) => {
            let error = with_causes(&error);
            tracing::warn!(error, "the admin API is shut: set admin.token_file");
            Ok(None)
        }
    }
}

fn access_log(declared: &AccessLogConfig, purpose: Purpose) -> Result<Option<File>, ConfigProblem> {
    let AccessLogConfig::File(path) = declared else { return Ok(None) };
    let unusable = |error: io::Error| path.unreadable("a file for access records", &error);

    // A check leaves nothing behind: where there is no file, there has to be a folder for it.
    if purpose == Purpose::Check && !path.exists() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::metadata(folder.unwrap_or(Path::new("."))).map_err(unusable)?;
        let is_folder = folder.is_dir();
        return if is_folder {
            Ok(None)
        } else {
            Err(unusable(io::ErrorKind::NotADirectory.into()))
        };
    }
    let create = purpose == Purpose::Serve;
    let file = OpenOptions::new().create(create).append(true).open(path);
    file.map(Some).map_err(unusable)
}
