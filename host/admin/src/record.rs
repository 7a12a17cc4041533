//! Receipts of a running gateway, page by page, into a recording.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tollgate_insight::RecordingWriter;

use crate::client::{AdminClient, ClientError};

/// Receipts in a page: as many as the admin API gives.
const PAGE: usize = 500;
/// Pause after a page that was not full.
const PAUSE: Duration = Duration::from_millis(50);

/// The extent of a recording.
#[derive(Debug, Clone)]
pub struct RecordingPlan {
    /// The file to be written.
    pub to: PathBuf,
    /// Ends after so many receipts.
    pub count: u64,
    /// Ends after so long.
    pub time: Duration,
    /// The share of passes that is recorded, as one in so many, whatever the gateway keeps
    /// otherwise.
    pub sample_every: u64,
    /// Begins with the receipts that the gateway still has.
    pub past: bool,
}

/// The figures of an ended recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Receipts that were written.
    pub count: u64,
    /// Receipts that were lost before they could be read.
    pub lost: u64,
}

/// Records until there is enough, the time is up, or the process is interrupted.
///
/// # Errors
/// The gateway cannot be asked, or the file cannot be written.
pub async fn record(
    client: &AdminClient,
    recording: &RecordingPlan,
) -> Result<Recorded, ClientError> {
    let file = RecordingWriter::create(&recording.to)?;
    let after = if recording.past { 0 } else { client.newest().await? };
    let mut recorder = Recorder { file, after, count: 0, lost: 0 };
    recorder.run(client, recording).await?;
    let recorded = Recorded { count: recorder.count, lost: recorder.lost };
    recorder.file.finish()?;
    Ok(recorded)
}

struct Recorder {
    file: RecordingWriter,
    /// The number of the receipt that was recorded last.
    after: u64,
    count: u64,
    lost: u64,
}

impl Recorder {
    async fn run(
        &mut self,
        client: &AdminClient,
        recording: &RecordingPlan,
    ) -> Result<(), ClientError> {
        let end = Instant::now() + recording.time;
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);

        while self.count < recording.count {
            let page = client.since(self.after, PAGE, recording.sample_every).await?;
            let is_full = page.receipts.len() >= PAGE;
            self.write(&page.receipts, recording)?;
            if Instant::now() >= end {
                break;
            }
            if !is_full {
                tokio::select! {
                    _ = &mut interrupted => break,
                    _ = timeout_at(end, sleep(PAUSE)) => {}
                }
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        receipts: &[tollgate_insight::ReceiptForm],
        recording: &RecordingPlan,
    ) -> Result<(), ClientError> {
        for receipt in receipts {
            // Numbers are given without gaps: one that is missing was pushed out.
            let missing = receipt.sequence.saturating_sub(self.after + 1);
            if missing > 0 && (self.after > 0 || !recording.past) {
                self.lost += missing;
                self.file.lost(missing)?;
            }
            self.after = receipt.sequence;

            if self.count < recording.count {
                self.file.receipt(receipt)?;
                self.count += 1;
            }
        }
        Ok(())
    }
}
