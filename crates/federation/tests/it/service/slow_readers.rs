//! Memory of a real service whose clients read slowly.

use std::io::Read as _;

use super::process::{Service, folder};

const READERS: usize = 60;

/// Limit on the memory for all readers, of which 48 MiB are for lists.
const MAX_HELD_BYTES: usize = 100 * 1024 * 1024;

/// Projects whose list has about 10 MB, more than the buffers of two sockets hold.
fn projects() -> String {
    let labels = |chars: usize| {
        let labels = (0..50).map(|label| format!("t{label:0>chars$}"));
        labels.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "x-common: &common\n  hub_url: http://localhost:8000/{}\n  mesh_namespace: hub.p\n  \
         allow_fanout: [{}]\n  tags: [{}]\nprojects:\n",
        "x".repeat(450),
        labels(99),
        labels(49)
    );
    for number in 0..1_150 {
        text += &format!("  - {{<<: *common, slug: p{number}, name: P {number}}}\n");
    }
    text
}

#[test]
fn slow_readers_of_a_long_list_do_not_hold_a_copy_each() {
    let folder = folder(&projects());
    let service = Service::ready(folder.path(), &[]);
    let list = service.get("/api/fed/projects").1;
    assert_eq!(list.as_array().map(Vec::len), Some(1_150));
    let idle = service.resident_bytes();
    let mut readers: Vec<_> = (0..READERS).map(|_| service.send("/api/fed/projects")).collect();
    for reader in &mut readers {
        // The service has begun to send.
        let mut head = [0; 15];
        reader.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
    let held = service.resident_bytes().saturating_sub(idle);
    assert!(held < MAX_HELD_BYTES, "{READERS} readers take {held} bytes");
}
