//! A page of a list: `{"projects":[…],"next":17}`.

use federation_domain::{Project, ProjectId};

use super::WriteProject;

/// What stands around the projects, at most.
const FRAME_BYTES: usize = 64;

/// A page that is being written. It has no room any more once a project is too long for the rest.
pub(super) struct Page {
    json: Vec<u8>,
    room: usize,
    most_bytes: usize,
    write: WriteProject,
    last: Option<ProjectId>,
    left_out: bool,
}

impl Page {
    pub(super) fn new(limit: usize, most_bytes: usize, write: WriteProject) -> Self {
        let json = br#"{"projects":["#.to_vec();
        Self { json, room: limit, most_bytes, write, last: None, left_out: false }
    }

    /// How many projects it takes at most.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn add(&mut self, project: &Project, status_known: bool) {
        if self.room == 0 {
            self.left_out = true;
            return;
        }
        let before = self.json.len();
        if self.last.is_some() {
            self.json.push(b',');
        }
        (self.write)(project, status_known, &mut self.json);
        if self.json.len() + FRAME_BYTES > self.most_bytes && self.last.is_some() {
            self.json.truncate(before);
            (self.room, self.left_out) = (0, true);
            return;
        }
        (self.room, self.last) = (self.room - 1, Some(project.id));
    }

    /// The whole. Where more follows, it says after which project.
    pub(super) fn end(mut self, more_follows: bool) -> Vec<u8> {
        let next = self.last.filter(|_| more_follows || self.left_out);
        let next = next.map_or_else(|| "null".to_owned(), |ProjectId(id)| id.to_string());
        self.json.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        self.json
    }
}
