//! Failed handshakes: counted by reason, and logged at a bounded rate where a certificate of a
//! caller was refused. Anybody may cause one, so none writes a line of its own.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::{CertificateError, Error as TlsError};
use tollgate_chain::metric;

use super::CertificateFault;

/// Shortest time between two lines of one reason.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The reasons for which a handshake fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HandshakeRefusal {
    NoCertificate,
    UnknownAuthority,
    BadSignature,
    Expired,
    NotYetValid,
    Revoked,
    RevocationUnknown,
    RevocationListExpired,
    RevocationListInvalid,
    WrongPurpose,
    TooLarge,
    OtherCertificate,
    Protocol,
    Closed,
    TimedOut,
}

impl HandshakeRefusal {
    /// The reason as a label of a metric.
    fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownAuthority => "unknown-authority",
            Self::BadSignature => "bad-signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation-unknown",
            Self::RevocationListExpired => "revocation-list-expired",
            Self::RevocationListInvalid => "revocation-list-invalid",
            Self::WrongPurpose => "wrong-purpose",
            Self::TooLarge => "too-large",
            Self::OtherCertificate => "other-certificate",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::TimedOut => "timed-out",
        }
    }

    /// Returns true if the certificate that the caller showed, or did not show, is the reason.
    fn is_of_certificate(self) -> bool {
        !matches!(self, Self::Protocol | Self::Closed | Self::TimedOut)
    }

    pub(crate) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match inner {
            None => Self::Closed,
            Some(TlsError::NoCertificatesPresented) => Self::NoCertificate,
            Some(TlsError::InvalidCertRevocationList(_)) => Self::RevocationListInvalid,
            Some(TlsError::InvalidCertificate(error)) => Self::of_certificate(error),
            Some(_) => Self::Protocol,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the ways in which a certificate may be damaged are rustls' to add to"
    )]
    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as Cause;
        match error {
            Cause::UnknownIssuer => Self::UnknownAuthority,
            Cause::BadSignature => Self::BadSignature,
            Cause::Expired | Cause::ExpiredContext { .. } => Self::Expired,
            Cause::NotValidYet | Cause::NotValidYetContext { .. } => Self::NotYetValid,
            Cause::Revoked => Self::Revoked,
            Cause::UnknownRevocationStatus => Self::RevocationUnknown,
            Cause::ExpiredRevocationList | Cause::ExpiredRevocationListContext { .. } => {
                Self::RevocationListExpired
            }
            Cause::InvalidPurpose | Cause::InvalidPurposeContext { .. } => Self::WrongPurpose,
            _ => Self::OtherCertificate,
        }
    }
}

/// Notes failed handshakes of one listener.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    /// For each reason, the time of its last line and the refusals that were not logged since.
    lines: Mutex<HashMap<HandshakeRefusal, (Instant, u64)>>,
}

impl RefusalLog {
    /// Notes a handshake that failed.
    pub(crate) fn failed(&self, peer: IpAddr, error: &io::Error) {
        self.note(HandshakeRefusal::of(error), peer, error);
    }

    /// Notes a handshake that did not end in time.
    pub(crate) fn timed_out(&self, peer: IpAddr) {
        self.note(HandshakeRefusal::TimedOut, peer, &"the handshake took too long");
    }

    /// Notes a certificate that was verified and cannot be given to policies.
    pub(crate) fn unusable(&self, peer: IpAddr, fault: CertificateFault) {
        self.note(HandshakeRefusal::TooLarge, peer, &fault);
    }

    fn note(&self, refusal: HandshakeRefusal, peer: IpAddr, cause: &dyn std::fmt::Display) {
        let reason = refusal.as_str();
        metrics::counter!(metric::TLS_HANDSHAKES_FAILED, "reason" => reason).increment(1);

        if !refusal.is_of_certificate() {
            tracing::debug!(%peer, reason, error = %cause, "TLS handshake failed");
        } else if let Some(unlogged) = self.line_due(refusal, Instant::now()) {
            tracing::warn!(%peer, reason, error = %cause, unlogged, "client certificate refused");
        }
    }

    /// The number of refusals since the last line of this reason, where another line is due.
    fn line_due(&self, refusal: HandshakeRefusal, now: Instant) -> Option<u64> {
        let mut lines = self.lines.lock();
        match lines.get_mut(&refusal) {
            Some((last, unlogged)) if now.duration_since(*last) < LINE_INTERVAL => {
                *unlogged += 1;
                None
            }
            Some(line) => Some(std::mem::replace(line, (now, 0)).1),
            None => {
                lines.insert(refusal, (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_writes_one_line_for_each_reason_and_counts_the_rest() {
        let (log, start) = (RefusalLog::default(), Instant::now());
        let due = |refusal, seconds| log.line_due(refusal, start + Duration::from_secs(seconds));
        assert_eq!(due(HandshakeRefusal::Revoked, 0), Some(0));
        assert_eq!(due(HandshakeRefusal::Revoked, 1), None);
        assert_eq!(due(HandshakeRefusal::Revoked, 9), None);
        assert_eq!(due(HandshakeRefusal::Expired, 9), Some(0), "another reason");
        assert_eq!(due(HandshakeRefusal::Revoked, 10), Some(2));
        assert_eq!(due(HandshakeRefusal::Revoked, 21), Some(0));
    }
}
