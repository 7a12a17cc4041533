//! The ends of the certificates that the configuration names: measured, and told in time.
//!
//! Each file is known by its certificate that ends first. A certificate that is about to end is
//! logged once for each mark, thirty, seven and one day before, and once when it has ended. What is
//! done about it is the operator's: a new file is read by the next reload.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tollgate_capability::Clock;
use tollgate_chain::metric;
use tollgate_config::{Config, CredentialStoreConfig, with_causes};

/// Interval between two looks at the files.
const LOOK: Duration = Duration::from_secs(3_600);

const DAY: i64 = 86_400;

/// The use that a file of certificates has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateUse {
    /// The certificate of a listener.
    Server,
    /// Authorities of callers' certificates.
    ClientAuthority,
    /// Revocation lists of those authorities.
    RevocationList,
    /// Authorities of an upstream's certificate.
    UpstreamAuthority,
    /// The certificate that the gateway shows to an upstream.
    UpstreamClient,
}

impl CertificateUse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::ClientAuthority => "client-ca",
            Self::RevocationList => "client-crl",
            Self::UpstreamAuthority => "upstream-ca",
            Self::UpstreamClient => "upstream-client",
        }
    }

    /// The most time that is left, in seconds, at which a mark is reached. Revocation lists are
    /// replaced every few days, so their end is told only when it has come.
    fn marks(self) -> &'static [i64] {
        if self == Self::RevocationList { &[0] } else { &[0, DAY, 7 * DAY, 30 * DAY] }
    }
}

/// A mark that the time before the end of a file's certificates has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryNotice {
    /// The use of the file.
    pub used_as: CertificateUse,
    /// The file.
    pub path: PathBuf,
    /// The end of the certificate that ends first, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// Seconds until then; negative after it.
    pub left: i64,
}

impl ExpiryNotice {
    fn log(&self) {
        let (file, used_as) = (self.path.display(), self.used_as.as_str());
        let (not_after, days_left) = (self.not_after, self.left.div_euclid(DAY));
        if self.left < 0 {
            tracing::error!(%file, used_as, not_after, "certificate expired");
        } else {
            tracing::warn!(%file, used_as, not_after, days_left, "certificate expires soon");
        }
    }
}

/// Watches the ends of the certificates that a configuration names.
#[derive(Debug)]
pub struct CertificateWatch {
    clock: Arc<dyn Clock>,
    state: Mutex<WatchState>,
}

#[derive(Debug, Default)]
struct WatchState {
    files: Vec<CertificateFile>,
    /// For each file the end that was told of last, and the mark.
    noticed: HashMap<CertificateFile, (i64, i64)>,
}

type CertificateFile = (CertificateUse, PathBuf);

impl CertificateWatch {
    /// Watches the files of a configuration by this clock.
    #[must_use]
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let state = WatchState { files: files(config), noticed: HashMap::new() };
        Self { clock, state: Mutex::new(state) }
    }

    /// Takes the files of a reloaded configuration in place of the current ones, and looks at them.
    pub fn apply(&self, config: &Config) {
        let files = files(config);
        let mut state = self.state.lock();
        for dropped in state.files.iter().filter(|file| !files.contains(file)) {
            // Not a number is no end: an alert on the difference to now does not fire.
            gauge(dropped).set(f64::NAN);
        }
        state.noticed.retain(|file, _| files.contains(file));
        state.files = files;
        drop(state);

        self.look();
    }

    /// Looks at every hour, for ever. Dropping the future ends it.
    ///
    /// # Errors
    /// A look panicked.
    pub async fn watch(self: Arc<Self>) -> Result<Infallible, tokio::task::JoinError> {
        loop {
            // Files are read where nobody is served.
            let watch = Arc::clone(&self);
            tokio::task::spawn_blocking(move || watch.look()).await?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Measures the end of each file, and logs and returns the marks that were passed since the
    /// last look. A file that cannot be read keeps what was measured before.
    pub fn look(&self) -> Vec<ExpiryNotice> {
        let now = i64::try_from(self.clock.unix().as_secs()).unwrap_or(i64::MAX);
        let mut state = self.state.lock();
        let WatchState { files, noticed } = &mut *state;

        let mut notices = Vec::new();
        for file in files.iter() {
            let Some(not_after) = first_end(file) else { continue };
            gauge(file).set(precise(not_after));

            let left = not_after.saturating_sub(now);
            let (used_as, path) = file;
            let Some(mark) = used_as.marks().iter().copied().find(|mark| left < *mark) else {
                noticed.remove(file);
                continue;
            };
            if noticed.insert(file.clone(), (not_after, mark)) != Some((not_after, mark)) {
                notices.push(ExpiryNotice {
                    used_as: *used_as,
                    path: path.clone(),
                    not_after,
                    left,
                });
            }
        }
        notices.iter().for_each(ExpiryNotice::log);
        notices
    }
}

/// The end of the certificate or list in the file that ends first.
fn first_end((used_as, path): &CertificateFile) -> Option<i64> {
    match tollgate_edge::expiries(path) {
        Ok(expiries) => expiries.iter().map(|expiry| expiry.not_after).min(),
        Err(error) => {
            let (error, used_as) = (with_causes(&error), used_as.as_str());
            tracing::debug!(used_as, error, "the end of a certificate cannot be read");
            None
        }
    }
}

fn gauge((used_as, path): &CertificateFile) -> metrics::Gauge {
    let labels = [("file", path.display().to_string()), ("use", used_as.as_str().to_owned())];
    metrics::gauge!(metric::CERT_NOT_AFTER, &labels)
}

/// The files of certificates that a configuration names, each with its use.
fn files(config: &Config) -> Vec<CertificateFile> {
    let mut files = Vec::new();
    for tls in config.listeners().iter().filter_map(|listener| listener.tls.as_ref()) {
        files.push((CertificateUse::Server, tls.certificate.to_path_buf()));
        if let Some(clients) = &tls.clients {
            files.push((CertificateUse::ClientAuthority, clients.ca.to_path_buf()));
            let lists = clients.crl.iter().map(|path| path.to_path_buf());
            files.extend(lists.map(|path| (CertificateUse::RevocationList, path)));
        }
    }

    for tls in config.upstreams().iter().map(|upstream| &upstream.tls) {
        let authorities = tls.ca_bundle.iter().map(|path| path.to_path_buf());
        files.extend(authorities.map(|path| (CertificateUse::UpstreamAuthority, path)));
        let shown = tls.client.iter().map(|files| files.certificate.to_path_buf());
        files.extend(shown.map(|path| (CertificateUse::UpstreamClient, path)));
    }

    let credentials = &config.stores().credentials;
    if let CredentialStoreConfig::Identity { ca_bundle: Some(path), .. } = credentials {
        files.push((CertificateUse::UpstreamAuthority, path.to_path_buf()));
    }
    files.sort_unstable_by(|one, other| one.1.cmp(&other.1));
    files.dedup();
    files
}

/// A moment as a metric. Moments stay far below 2^53 seconds.
#[expect(clippy::cast_precision_loss, reason = "moments stay far below 2^53 seconds")]
fn precise(seconds: i64) -> f64 {
    seconds as f64
}
