//! Every room has a README under two screens that ends in its decisions.

use crate::tree::Text;

/// Returns the rooms without a README, and those whose README is longer than two screens.
/// `rooms` are folders from the root of the workspace.
#[must_use]
pub fn wrong(rooms: &[String], files: &[Text]) -> Vec<String> {
    let mut wrong = Vec::new();
    for room in rooms {
        let path = format!("{room}/README.md");
        match files.iter().find(|file| file.path == path) {
            None => wrong.push(format!("{room} has no README.md")),
            Some(readme) if readme.text.lines().count() > LINES_MAX => {
                wrong.push(format!("{path} is longer than two screens ({LINES_MAX} lines)"));
            }
            Some(_) => {}
        }
    }
    wrong
}

/// Two screens.
const LINES_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_without_a_readme_or_with_a_novel_is_noticed() {
        let rooms = ["host/edge", "host/chain", "wit"].map(str::to_owned);
        let files = [
            Text::new("host/edge/README.md", "# edge\n"),
            Text::new("wit/README.md", &"line\n".repeat(121)),
        ];
        let wrong = wrong(&rooms, &files);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }
}
