//! The file of recorded receipts: a header that names the version, then one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::receipts::Form;

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the form.
    pub(super) tollgate_receipts: u32,
    /// The gateway's version that recorded.
    pub(super) recorded_by: String,
}

/// Every other line.
#[derive(Debug)]
pub(super) enum Line {
    Receipt(Box<Form>),
    /// So many receipts came and went before they could be recorded.
    Lost(u64),
}

/// A line that says how many receipts are missing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lost {
    pub(super) lost: u64,
}

/// The lines after the header.
pub(super) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Line>>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut lines = BufReader::new(file).lines();
    header(&mut lines).with_context(|| path.display().to_string())?;
    let shown = path.display().to_string();
    Ok(lines.enumerate().map(move |(index, line)| {
        let place = || format!("{shown}:{}", index + 2);
        let line = line.with_context(place)?;
        if let Ok(lost) = serde_json::from_str::<Lost>(&line) {
            return Ok(Line::Lost(lost.lost));
        }
        let form: Form = serde_json::from_str(&line).with_context(place)?;
        Ok(Line::Receipt(Box::new(form)))
    }))
}

fn header(lines: &mut Lines<BufReader<File>>) -> Result<()> {
    let line = lines.next().context("expected a header, found an empty file")??;
    let header: Header = serde_json::from_str(&line)
        .context("expected a header of recorded receipts in the first line")?;
    if header.tollgate_receipts != VERSION {
        bail!("expected version {VERSION} of receipts, found {}", header.tollgate_receipts);
    }
    Ok(())
}
