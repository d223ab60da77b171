//! The packages of the workspace and what they depend on, as cargo reads their manifests.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A package of the workspace.
pub struct Package {
    /// The folder that its manifest lies in.
    pub folder: String,
    /// Its name, which may differ from the folder's.
    pub name: String,
    /// All packages that it depends on, for whatever purpose, under their real names.
    pub dependencies: BTreeSet<String>,
}

/// The packages in `crates/`.
pub fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(e2e::repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages: Vec<Package> = metadata["packages"].as_array().into_iter().flatten().filter_map(package).collect();
    assert!(!packages.is_empty(), "there are no packages in crates/");
    packages
}

/// `None` if the package does not lie in `crates/`.
fn package(package: &Value) -> Option<Package> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let manifest = text(&package["manifest_path"]);
    let folder = Path::new(&manifest).parent()?;
    let dependencies = package["dependencies"].as_array()?;
    (folder.parent()?.file_name()? == "crates").then(|| Package {
        folder: folder.file_name().expect("a folder has a name").to_string_lossy().into_owned(),
        name: text(&package["name"]),
        dependencies: dependencies.iter().map(|dependency| text(&dependency["name"])).collect(),
    })
}
