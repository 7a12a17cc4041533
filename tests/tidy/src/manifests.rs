//! Duties of every manifest: the workspace's lints, and a reason for each dependency.

use crate::tree::Text;

/// Returns the members that do not take the workspace's lints or its versions.
#[must_use]
pub fn without_lints(files: &[Text]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let manifest: toml::Table = match file.text.parse() {
            Ok(manifest) => manifest,
            Err(cause) => {
                wrong.push(format!("{}: {cause}", file.path));
                continue;
            }
        };
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            wrong.push(format!("{} does not take the workspace's lints", file.path));
        }
        wrong.extend(own_versions(&file.path, &manifest));
    }
    wrong
}

/// Returns the dependencies of the root manifest that stand there without a reason: no comment on
/// their line nor on the line above.
#[must_use]
pub fn without_reason(root_manifest: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut inside = false;
    let mut reason = false;

    for line in root_manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && line.starts_with('#') {
            reason = true;
            continue;
        } else if inside && let Some((name, rest)) = line.split_once('=') {
            let ours = rest.contains("path =");
            if !reason && !ours && !rest.contains(" # ") {
                wrong.push(format!(
                    "{} has no reason beside it in the root Cargo.toml",
                    name.trim()
                ));
            }
        }
        reason = false;
    }
    wrong
}

fn own_versions(path: &str, manifest: &toml::Table) -> Vec<String> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table())
        .flatten()
        .filter(|(_, wanted)| {
            let shared = wanted.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            // A crate of ours that nobody else uses is named by its path.
            !shared && wanted.get("path").is_none()
        })
        .map(|(name, _)| format!("{path} gives {name} a version of its own"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_the_lints_or_with_a_version_of_its_own_is_noticed() {
        let bare = Text::new("a/Cargo.toml", "[package]\nname = \"a\"\n");
        let own = Text::new(
            "b/Cargo.toml",
            "[lints]\nworkspace = true\n[dependencies]\nserde = \"1\"\nhttp.workspace = true\n",
        );
        assert_eq!(without_lints(&[bare, own]).len(), 2);
    }

    #[test]
    fn a_dependency_without_a_reason_is_noticed() {
        let text = "[workspace.dependencies]\n# Why.\nserde = \"1\"\nhttp = \"1\"\n\
                    bytes = \"1\" # shared buffers\nours = { path = \"x\" }\n[workspace.lints.rust]\nx = \"deny\"\n";
        assert_eq!(without_reason(text), ["http has no reason beside it in the root Cargo.toml"]);
    }
}
