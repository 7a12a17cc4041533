//! The listeners of a configuration: everything that they need beside sockets, prepared and checked
//! before anything is bound, and the sockets themselves. `serve` and `check` prepare the same
//! parts, so that what one refuses the other refuses too.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use tollgate_config::{
    AccessLogConfig, ClientAuth, Config, ConfigProblem, ListenerConfig, Located, Problems,
    TlsFiles, with_causes,
};
use tollgate_edge::{
    AccessLog, ClientTrustFiles, Error as EdgeError, Limits, Listener, ListenerSettings, Responder,
    ServerTlsFiles, Tls, TrustedProxies,
};

/// Permissions of the file of the access log: tenants, addresses and paths are not for everybody.
const ACCESS_LOG_MODE: u32 = 0o640;
/// Access records that may wait for the disk.
const ACCESS_QUEUE: usize = 65_536;

/// The purpose that parts are prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The parts are used: files that may be made are made.
    Serve,
    /// The parts are dropped: nothing is written.
    Check,
}

/// The prepared parts of all listeners.
#[derive(Debug)]
pub struct ListenerParts {
    /// For each listener of the configuration, its certificate.
    tls: Vec<Option<Arc<Tls>>>,
    /// The file of the access log, where it goes to one.
    access_log: Option<File>,
}

/// The bound listeners with what outlives them.
#[derive(Debug)]
pub struct BoundListeners {
    /// The listeners, by name.
    pub listeners: Vec<(Arc<str>, Listener)>,
    /// For each of them, what a reload changes while it serves.
    pub handles: Vec<ListenerHandle>,
    /// The access log, where there is one.
    pub access_log: Option<AccessLog>,
}

/// The parts of a serving listener that a reload changes.
#[derive(Debug)]
pub struct ListenerHandle {
    name: String,
    tls: Option<Arc<Tls>>,
    trusted_proxies: TrustedProxies,
}

/// A listener that cannot be bound, or an access log that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The socket cannot be bound.
    #[error("listener {name}")]
    Listener {
        /// The name of the listener.
        name: String,
        /// The cause.
        source: EdgeError,
    },
    /// The thread of the access log cannot be started.
    #[error("start the access log")]
    AccessLog(#[source] EdgeError),
}

impl ListenerParts {
    /// Reads, checks and opens what the listeners of the configuration name.
    ///
    /// # Errors
    /// Everything that is wrong, each at the key that names it.
    pub fn prepare(config: &Config, purpose: Purpose) -> Result<Self, Problems> {
        let mut problems = duplicate_addresses(config);
        let tls = config.listeners().iter().map(|listener| tls(listener, &mut problems)).collect();
        let access_log = access_log(config.access_log(), purpose).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });

        if problems.is_empty() {
            Ok(Self { tls, access_log })
        } else {
            Err(Problems::from(problems))
        }
    }

    /// Starts the access log and binds the listeners of the configuration that the parts were
    /// prepared from, each for at most so many connections.
    ///
    /// # Errors
    /// A socket cannot be bound, or the thread of the access log cannot be started.
    pub fn bind(self, config: &Config, connections: &[usize]) -> Result<BoundListeners, BindError> {
        let access_log = start_access_log(config.access_log(), self.access_log)?;
        let responder = Arc::new(Responder::new(config.problem_type_base()));
        let mut bound = BoundListeners { listeners: Vec::new(), handles: Vec::new(), access_log };

        let parts = self.tls.into_iter().zip(connections);
        for (declared, (tls, connections_max)) in config.listeners().iter().zip(parts) {
            let trusted_proxies = TrustedProxies::new(declared.trusted_proxies.clone());
            let settings = ListenerSettings {
                address: *declared.address,
                tls: tls.clone(),
                limits: Limits {
                    connections_max: *connections_max,
                    connections_per_address_max: declared.connections_per_address_max,
                    idle_timeout: declared.idle_timeout,
                    drain_timeout: config.drain().wait,
                    ..Limits::default()
                },
                trusted_proxies: trusted_proxies.clone(),
                proxy_protocol: declared.proxy_protocol,
                responder: Arc::clone(&responder),
                access_log: bound.access_log.clone(),
            };
            let name = declared.name.clone();
            let listener = Listener::bind(settings)
                .map_err(|source| BindError::Listener { name: name.clone(), source })?;
            bound.listeners.push((name.as_str().into(), listener));
            bound.handles.push(ListenerHandle { name, tls, trusted_proxies });
        }
        Ok(bound)
    }
}

impl ListenerHandle {
    /// Applies what a reloaded configuration says about this listener: trusted proxies, and the
    /// files of TLS, which are read again. Where one of them cannot be used that is logged, and
    /// all that were loaded before are kept.
    pub(crate) fn apply(&self, config: &Config) {
        let declared = config.listeners().iter().find(|listener| listener.name == self.name);
        let Some(declared) = declared else { return };
        self.trusted_proxies.replace(declared.trusted_proxies.iter().copied());

        if let (Some(current), Some(files)) = (&self.tls, &declared.tls)
            && let Err(error) = current.replace(&server_files(files))
        {
            let error = with_causes(&error);
            tracing::error!(
                listener = %self.name,
                error,
                "certificate reload failed; keeping the previous certificates and revocation lists"
            );
        }
    }
}

/// Finds addresses that no process could listen on twice. Port 0 is a free one each time.
fn duplicate_addresses(config: &Config) -> Vec<ConfigProblem> {
    let listeners = config.listeners().iter();
    let listeners =
        listeners.map(|listener| (format!("listeners.{}", listener.name), &listener.address));
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
    let mut expected = vec![(&files.certificate, "a certificate"), (&files.key, "a private key")];
    if let Some(clients) = &files.clients {
        expected.push((&clients.ca, "certificates of authorities"));
        expected.extend(clients.crl.iter().map(|path| (path, "a revocation list")));
    }
    let missing = expected.into_iter().filter_map(|(path, expected)| {
        fs::metadata(path).err().map(|error| path.unreadable(expected, &error))
    });

    let before = problems.len();
    problems.extend(missing);
    if problems.len() > before {
        return None;
    }

    match Tls::open(&server_files(files)) {
        Ok(tls) => Some(Arc::new(tls)),
        Err(error) => {
            problems.push(tls_problem(files, &error));
            None
        }
    }
}

fn server_files(files: &TlsFiles) -> ServerTlsFiles {
    let clients = files.clients.as_ref().map(|clients| ClientTrustFiles {
        authorities: clients.ca.to_path_buf(),
        revocation_lists: clients.crl.iter().map(|path| path.to_path_buf()).collect(),
        required: clients.auth == ClientAuth::Required,
    });
    ServerTlsFiles {
        certificate: files.certificate.to_path_buf(),
        key: files.key.to_path_buf(),
        clients,
    }
}

/// Puts a failure at the one of the keys that is at fault.
fn tls_problem(files: &TlsFiles, error: &EdgeError) -> ConfigProblem {
    let message = with_causes(error);
    if let Some(problem) = client_problem(files, error, &message) {
        return problem;
    }

    match error {
        EdgeError::Pem { path, .. } if *path == *files.key => {
            let hint = if is_encrypted(&files.key) { "; it is encrypted" } else { "" };
            files.key.problem(&format!("expected a private key: {message}{hint}"))
        }
        EdgeError::Read { path, .. } if *path == *files.key => {
            files.key.problem(&format!("expected a private key: {message}"))
        }
        EdgeError::Certificate { .. } => {
            let certificate = files.certificate.display();
            files.key.problem(&format!("expected the key of {certificate}: {message}"))
        }
        EdgeError::Pem { .. }
        | EdgeError::Read { .. }
        | EdgeError::NoCertificate { .. }
        | EdgeError::Authority { .. }
        | EdgeError::RevocationList { .. }
        | EdgeError::ClientVerifier { .. }
        | EdgeError::Tls(_)
        | EdgeError::Bind { .. }
        | EdgeError::AccessLog(_) => {
            files.certificate.problem(&format!("expected a certificate: {message}"))
        }
    }
}

/// The problem of a failure that is about one of the files for callers' certificates.
fn client_problem(files: &TlsFiles, error: &EdgeError, message: &str) -> Option<ConfigProblem> {
    let clients = files.clients.as_ref()?;
    let path = error.path()?;
    if **clients.ca == *path {
        let expected = "expected certificates of authorities that are valid";
        return Some(clients.ca.problem(&format!("{expected}: {message}")));
    }
    let list = clients.crl.iter().find(|list| ***list == *path)?;
    Some(
        list.problem(&format!(
            "expected revocation lists of authorities of `client_ca`: {message}"
        )),
    )
}

fn is_encrypted(key: &Path) -> bool {
    fs::read_to_string(key).is_ok_and(|text| text.contains("ENCRYPTED"))
}

/// Starts the thread of the access log, where there is one.
fn start_access_log(
    declared: &AccessLogConfig,
    file: Option<File>,
) -> Result<Option<AccessLog>, BindError> {
    let log = match (declared, file) {
        (AccessLogConfig::Stdout, _) => AccessLog::start(io::stdout(), ACCESS_QUEUE),
        (AccessLogConfig::File(path), Some(file)) => {
            let path = path.to_path_buf();
            AccessLog::start_file(file, move || open_access_log(&path, true), ACCESS_QUEUE)
        }
        (AccessLogConfig::Off | AccessLogConfig::File(_), _) => return Ok(None),
    };
    log.map(Some).map_err(BindError::AccessLog)
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
    open_access_log(path, purpose == Purpose::Serve).map(Some).map_err(unusable)
}

/// Opens the file of the access log. Where it `serves` the file is made if there is none, and closed
/// to all but its owner and group.
fn open_access_log(path: &Path, serves: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(serves).append(true).mode(ACCESS_LOG_MODE).open(path)?;
    let found = file.metadata()?;
    let mode = found.permissions().mode();
    // An older file may be open to others. What is no file, a pipe for example, is not ours.
    if serves && found.is_file() && mode & !ACCESS_LOG_MODE & 0o777 != 0 {
        file.set_permissions(Permissions::from_mode(mode & ACCESS_LOG_MODE))?;
    }
    Ok(file)
}
