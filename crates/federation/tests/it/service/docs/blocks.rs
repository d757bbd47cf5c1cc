//! Fenced blocks of the documentation.

use std::fs;
use std::path::Path;

/// A block and its position.
pub(super) struct Block {
    file: String,
    /// Line of its first text, counted from one.
    pub(super) line: usize,
    /// Language, the first word after the fence.
    pub(super) language: String,
    /// Text with a final newline.
    pub(super) text: String,
}

impl Block {
    /// Returns the position for messages.
    pub(super) fn place(&self) -> String {
        self.place_of(0)
    }

    /// Returns the position of a line, counted from zero.
    pub(super) fn place_of(&self, line: usize) -> String {
        format!("{}:{}", self.file, self.line + line)
    }
}

/// Returns the blocks of README.md and then those of docs/ by file name.
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
