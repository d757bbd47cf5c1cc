//! Embeds the built page, `ui/dist`. Without it, the crate contains a plain page that says how to
//! build it; with `FEDERATION_REQUIRE_PAGE=1`, the build fails instead.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const DIST: &str = "ui/dist";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-env-changed=FEDERATION_REQUIRE_PAGE");
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join(DIST);
    let is_required = env::var("FEDERATION_REQUIRE_PAGE").is_ok_and(|value| value == "1");
    let is_built = dist.join("index.html").is_file();
    if is_required && !is_built {
        return Err("the page is not built: run scripts/build-page.sh first, or unset FEDERATION_REQUIRE_PAGE".into());
    }
    let code = if is_built { table(&dist)? } else { "None".to_owned() };
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("built.rs"), code)?;
    Ok(())
}

/// Writes the expression `Some(Built { .. })`.
fn table(dist: &Path) -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(dist, "", &mut files)?;
    files.sort();
    let mut code = String::new();
    write!(code, "Some(Built {{ index: include_str!({:?}), files: &[", dist.join("index.html"))?;
    for name in files.iter().filter(|name| is_asset(name)) {
        let path = dist.join(name);
        let coded = |suffix: &str| {
            let coded = dist.join(format!("{name}.{suffix}"));
            if coded.is_file() {
                format!("Some(include_bytes!({coded:?}) as &[u8])")
            } else {
                "None".to_owned()
            }
        };
        let tag = format!("{:016x}", fingerprint(&fs::read(&path)?));
        write!(
            code,
            "File {{ name: {name:?}, tag: {tag:?}, plain: include_bytes!({path:?}), gzip: {}, brotli: {} }},",
            coded("gz"),
            coded("br"),
        )?;
    }
    code.push_str("] })");
    Ok(code)
}

fn is_asset(name: &str) -> bool {
    let hidden = name.starts_with('.');
    !hidden && name != "index.html" && !name.ends_with(".gz") && !name.ends_with(".br")
}

fn collect(dir: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

/// FNV-1a. An entity tag needs no protection against constructed collisions.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
