//! Readers of fields that many requests have: pages and labels.

use crate::error::Error;

/// Rows of a page if the request names no size.
const PAGE_SIZE_DEFAULT: i64 = 50;

/// Most rows of a page.
const PAGE_SIZE_MAX: i64 = 100;

/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 64;

/// A request for one page of a list that is ordered by descending id.
///
/// A page token is the id of the last row of the page before, so that a row that is added or removed
/// meanwhile shifts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    size: i64,
    token: String,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many rows as the request asked for.
    pub rows: Vec<T>,
    /// The token of the next page; empty on the last one.
    pub next_token: String,
}

impl PageRequest {
    /// Reads `page_size` (0 for 50) and `page_token` (empty for the first page).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the size is not within 0 to 100.
    pub fn read(page_size: i32, page_token: String) -> Result<Self, Error> {
        let size = match i64::from(page_size) {
            0 => PAGE_SIZE_DEFAULT,
            size @ 1..=PAGE_SIZE_MAX => size,
            _ => return Err(Error::invalid("page_size", "OUT_OF_RANGE", "1 to 100, or 0 for 50")),
        };
        Ok(Self { size, token: page_token })
    }

    /// The id below which the page begins; none for the first page.
    #[must_use]
    pub fn before(&self) -> Option<&str> {
        Some(self.token.as_str()).filter(|token| !token.is_empty())
    }

    /// Number of rows to select: one more than the page has, to learn if another page follows.
    #[must_use]
    pub fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Makes the page of the rows that a query with [`limit`](Self::limit) returned.
    pub fn page<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let has_next = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| has_next);
        Page { next_token: last.map(|row| id(row).to_owned()).unwrap_or_default(), rows }
    }
}

/// Checks a `label`, which a tenant chooses for its own use.
///
/// # Errors
/// [`Error::InvalidArgument`] if it has more than 64 characters or a control character.
pub fn label(label: String) -> Result<String, Error> {
    if label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        return Err(Error::invalid("label", "LABEL_REFUSED", "up to 64 printable characters"));
    }
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_size_is_bounded_and_zero_is_the_default() {
        let limit = |size| PageRequest::read(size, String::new()).map(|page| page.limit());
        assert_eq!([limit(0).unwrap(), limit(1).unwrap(), limit(100).unwrap()], [51, 2, 101]);
        for size in [-1, 101, i32::MAX, i32::MIN] {
            assert!(matches!(limit(size), Err(Error::InvalidArgument(_))), "{size}");
        }
    }

    #[test]
    fn only_a_page_that_another_follows_has_a_token() {
        let request = PageRequest::read(2, "z".into()).unwrap();
        assert_eq!(request.before(), Some("z"));
        let rows = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
        let page = request.page(rows(&["c", "b", "a"]), String::as_str);
        assert_eq!((page.rows, page.next_token.as_str()), (rows(&["c", "b"]), "b"));
        for ids in [&["c", "b"][..], &["c"], &[]] {
            let page = request.page(rows(ids), String::as_str);
            assert_eq!((page.rows, page.next_token.as_str()), (rows(ids), ""));
        }
        assert_eq!(PageRequest::read(2, String::new()).unwrap().before(), None);
    }

    #[test]
    fn a_label_is_short_and_printable() {
        for good in ["", "Café ☕", &"é".repeat(64)] {
            assert_eq!(label(good.into()).unwrap(), good);
        }
        for bad in ["a\nb", "\u{7f}", &"é".repeat(65)] {
            assert!(matches!(label(bad.into()), Err(Error::InvalidArgument(_))), "{bad:?}");
        }
    }
}
