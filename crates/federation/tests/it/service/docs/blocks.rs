//! The fenced blocks of the docs.

use std::fs;
use std::path::Path;

/// A block and where it stands.
pub(super) struct Block {
    file: String,
    /// The line of its first text, counted from one.
    pub(super) line: usize,
    /// What it is, by the first word behind the fence.
    pub(super) language: String,
    /// With a line end at its end.
    pub(super) text: String,
}

impl Block {
    /// For people who look for it.
    pub(super) fn place(&self) -> String {
        self.place_of(0)
    }

    /// The place of one of its lines, counted from zero.
    pub(super) fn place_of(&self, line: usize) -> String {
        format!("{}:{}", self.file, self.line + line)
    }
}

/// All blocks of README.md, then of docs/ by the names of the files.
pub(super) fn blocks(root: &Path) -> Vec<Block> {
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut docs: Vec<_> = docs.map(|name| format!("docs/{}", name.to_str().unwrap())).collect();
    docs.retain(|name| name.ends_with(".md"));
    docs.sort();
    docs.insert(0, "README.md".to_owned());
    docs.iter().flat_map(|file| read(file, &fs::read_to_string(root.join(file)).unwrap())).collect()
}

fn read(file: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
        blocks.push(Block {
            file: file.to_owned(),
            line: at + 2,
            language: language.trim().to_owned(),
            text: text.collect(),
        });
    }
    blocks
}
