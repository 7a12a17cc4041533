//! The file of recorded receipts: a header that names the version, then one JSON object a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Lines, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::receipts::ReceiptForm;

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The version of the form.
    tollgate_receipts: u32,
    /// The gateway's version that recorded.
    recorded_by: String,
}

/// Every other line.
#[derive(Debug)]
pub(super) enum Line {
    Receipt(Box<ReceiptForm>),
    /// So many receipts came and went before they could be recorded.
    Lost(u64),
}

/// A line that says how many receipts are missing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    lost: u64,
}

/// Writes a recording that [`replay`](crate::replay) reads.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RecordingWriter {
    /// Creates the file, over an older one, and writes its header.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|error| failed(path, "create", error))?;
        let mut writer = Self { path: path.to_owned(), file: BufWriter::new(file) };
        let recorded_by = env!("CARGO_PKG_VERSION").to_owned();
        writer.line(&Header { tollgate_receipts: VERSION, recorded_by })?;
        Ok(writer)
    }

    /// Appends a receipt.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn receipt(&mut self, receipt: &ReceiptForm) -> Result<(), Error> {
        self.line(receipt)
    }

    /// Notes that so many receipts are missing at this place.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn lost(&mut self, lost: u64) -> Result<(), Error> {
        self.line(&Lost { lost })
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(|error| failed(&self.path, WRITE, error))
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let written = serde_json::to_writer(&mut self.file, value).map_err(io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| failed(&self.path, WRITE, error))
    }
}

const WRITE: &str = "write a receipt";

fn failed(path: &Path, doing: &'static str, source: io::Error) -> Error {
    Error::Recording { path: path.to_owned(), doing, source }
}

/// Reads the lines after the header.
pub(super) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Line, Error>>, Error> {
    let file = File::open(path).map_err(|error| failed(path, "open", error))?;
    let mut lines = BufReader::new(file).lines();
    header(path, &mut lines)?;
    let path = path.to_owned();
    Ok(lines.enumerate().map(move |(index, line)| {
        let line = line.map_err(|error| failed(&path, "read", error))?;
        if let Ok(lost) = serde_json::from_str::<Lost>(&line) {
            return Ok(Line::Lost(lost.lost));
        }
        let form = serde_json::from_str(&line).map_err(|error| {
            wrong_line(&path, index + 2, format!("expected a receipt: {error}"))
        })?;
        Ok(Line::Receipt(Box::new(form)))
    }))
}

fn header(path: &Path, lines: &mut Lines<BufReader<File>>) -> Result<(), Error> {
    let Some(line) = lines.next() else {
        return Err(wrong_line(path, 1, "expected a header, found an empty file".to_owned()));
    };
    let line = line.map_err(|error| failed(path, "read", error))?;
    let header: Header = serde_json::from_str(&line).map_err(|error| {
        wrong_line(path, 1, format!("expected a header of recorded receipts: {error}"))
    })?;
    if header.tollgate_receipts != VERSION {
        let version = header.tollgate_receipts;
        let expected = format!("expected version {VERSION} of receipts, found {version}");
        return Err(wrong_line(path, 1, expected));
    }
    Ok(())
}

fn wrong_line(path: &Path, line: usize, expected: String) -> Error {
    Error::RecordedLine { path: path.to_owned(), line, expected }
}
