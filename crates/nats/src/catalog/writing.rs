//! Pages of a list: `{"projects":[…],"next":17}`.

use federation_domain::ProjectId;

/// Maximum size of a page without its projects.
const FRAME_BYTES: usize = 64;

/// A page under construction. It is full once a project does not fit into the remaining bytes.
pub(super) struct Page {
    json: Vec<u8>,
    room: usize,
    max_bytes: usize,
    last: Option<ProjectId>,
    has_overflowed: bool,
}

impl Page {
    pub(super) fn new(limit: usize, max_bytes: usize) -> Self {
        let json = br#"{"projects":["#.to_vec();
        Self { json, room: limit, max_bytes, last: None, has_overflowed: false }
    }

    /// Returns how many more projects may fit.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn add(&mut self, project: ProjectId, write: impl FnOnce(&mut Vec<u8>)) {
        if self.room == 0 {
            self.has_overflowed = true;
            return;
        }
        let before = self.json.len();
        if self.last.is_some() {
            self.json.push(b',');
        }
        write(&mut self.json);
        if self.json.len() + FRAME_BYTES > self.max_bytes && self.last.is_some() {
            self.json.truncate(before);
            (self.room, self.has_overflowed) = (0, true);
            return;
        }
        (self.room, self.last) = (self.room - 1, Some(project));
    }

    /// Returns the JSON, with the id after which the next page starts, if there is one.
    pub(super) fn end(mut self, more_follows: bool) -> Vec<u8> {
        let next = self.last.filter(|_| more_follows || self.has_overflowed);
        let next = next.map_or_else(|| "null".to_owned(), |ProjectId(id)| id.to_string());
        self.json.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        self.json
    }
}
