use federation_application::ProjectState;
use federation_domain::{
    EdgeClaim, EdgeDetails, EdgeKey, EdgeSource, FanoutAllowlist, Project, ProjectId,
    ProjectStatus, Registration, RegistrationDraft, Reports, Strength, UnitedClaims,
};
use time::macros::datetime;

use super::*;
use federation_application::{GraphEdge, GraphNode, GroupBy, GroupEdge, GroupKey, GroupNode};

const AT: time::OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

/// Names that try to break out of each format.
const HOSTILE: [&str; 8] = [
    r#"a"]; evil [label="x"#,
    r#"</data></node><node id="evil">"#,
    "]] --> evil[x",
    "a`b`\"**bold** <script>alert(1)</script>",
    r"back\slash \N \",
    "#quot; &quot; &amp; %%{init: {}}%%",
    "1. list \u{202e}rtl \u{fffe}",
    "]]>--> \u{1f980} ä",
];

fn node(slug: &str, name: &str, status: ProjectStatus) -> GraphNode {
    let draft = RegistrationDraft {
        slug: slug.into(),
        name: name.into(),
        hub_url: "http://localhost:8000".into(),
        mesh_namespace: "n".into(),
        tags: vec!["a&b".into()],
        ..RegistrationDraft::default()
    };
    let registration: Registration = draft.parse().unwrap();
    let mut project = Project {
        id: ProjectId(1),
        slug: registration.slug.clone(),
        name: registration.name.clone(),
        hub_url: registration.hub_url.clone(),
        mesh_namespace: None,
        status,
        tags: registration.tags.clone(),
        last_heartbeat_at: None,
        last_heartbeat_source: None,
        created_at: AT,
        updated_at: AT,
        heartbeat_interval: None,
        allow_fanout: FanoutAllowlist::default(),
        reports: Reports::default(),
        auto_registered: false,
    };
    registration.apply_to(&mut project);
    let state = ProjectState { project, status_known: true, flapping: false };
    GraphNode { slug: registration.slug, state: Some(state) }
}

fn edge(key: &str, stale: bool) -> GraphEdge {
    let key = EdgeKey::parse(key).unwrap();
    let claim = EdgeClaim {
        key: key.clone(),
        source: EdgeSource::Observed,
        strength: Strength::new(0.9).unwrap(),
        details: Some(EdgeDetails::from_json(r#"{"path":"/v1"}"#).unwrap()),
        first_seen_at: AT,
        last_seen_at: AT,
        stale,
    };
    GraphEdge { key, claims: UnitedClaims::of([&claim]).unwrap() }
}

fn view() -> GraphView {
    let mut unknown = node("end", "End", ProjectStatus::Offline);
    unknown.state.as_mut().unwrap().status_known = false;
    GraphView {
        nodes: vec![
            node("docs", "Docs", ProjectStatus::Online),
            unknown,
            GraphNode { slug: "ghost".parse().unwrap(), state: None },
            node("veria", "Veria", ProjectStatus::Offline),
        ],
        edges: vec![edge("docs/veria/api", false), edge("end/ghost/shared-schema", true)],
    }
}

fn text(view: &GraphView, as_: GraphFormat) -> String {
    String::from_utf8(format(view, as_, &|_| None, false)).unwrap()
}

#[test]
fn a_graph_is_formatted_as_json() {
    insta::assert_snapshot!(text(&view(), GraphFormat::Json), @r##"
    {"nodes":[{"id":"docs","label":"Docs","tags":["a&b"],"risk":null,"status":"online","status_known":true,"unresolved":false},{"id":"end","label":"End","tags":["a&b"],"risk":null,"status":"offline","status_known":false,"unresolved":false},{"id":"ghost","label":"ghost","tags":[],"risk":null,"status":null,"status_known":false,"unresolved":true},{"id":"veria","label":"Veria","tags":["a&b"],"risk":null,"status":"offline","status_known":true,"unresolved":false}],"edges":[{"id":"docs/veria/api","from":"docs","to":"veria","kind":"api","strength":0.9,"sources":["observed"],"first_seen_at":"2026-11-24T12:00:00.000000Z","last_seen_at":"2026-11-24T12:00:00.000000Z","stale":false,"details":{"path":"/v1"}},{"id":"end/ghost/shared-schema","from":"end","to":"ghost","kind":"shared-schema","strength":0.9,"sources":["observed"],"first_seen_at":"2026-11-24T12:00:00.000000Z","last_seen_at":"2026-11-24T12:00:00.000000Z","stale":true,"details":{"path":"/v1"}}]}
    "##);
}

#[test]
fn a_graph_is_formatted_for_graphviz() {
    insta::assert_snapshot!(text(&view(), GraphFormat::Dot), @r##"
    digraph federation {
      node [shape=box, style="rounded,filled"];
      "docs" [label="Docs", tooltip="docs: online", fillcolor="#b7e4c7"];
      "end" [label="End", tooltip="end: unknown", fillcolor="#e0e0e0"];
      "ghost" [label="ghost", tooltip="ghost: unresolved", fillcolor="#ffffff"];
      "veria" [label="Veria", tooltip="veria: offline", fillcolor="#f5b7b1"];
      "docs" -> "veria" [label="api", style=solid, penwidth=2.30];
      "end" -> "ghost" [label="shared-schema", style=dashed, penwidth=2.30];
    }
    "##);
}

#[test]
fn a_graph_is_formatted_for_mermaid() {
    insta::assert_snapshot!(text(&view(), GraphFormat::Mermaid), @r##"
    flowchart LR
      n0["Docs"]:::online
      n1["End"]:::unknown
      n2["ghost"]:::unresolved
      n3["Veria"]:::offline
      n0 -->|api| n3
      n1 -.->|shared-schema| n2
      classDef online fill:#b7e4c7,stroke:#2d6a4f,color:#1b1b1b
      classDef degraded fill:#ffe8a1,stroke:#9a7b00,color:#1b1b1b
      classDef offline fill:#f5b7b1,stroke:#a93226,color:#1b1b1b
      classDef unknown fill:#e0e0e0,stroke:#757575,color:#1b1b1b
      classDef unresolved fill:#ffffff,stroke:#757575,color:#1b1b1b,stroke-dasharray:4
    "##);
}

#[test]
fn a_graph_is_formatted_as_graphml() {
    insta::assert_snapshot!(text(&view(), GraphFormat::GraphMl), @r##"
    <?xml version="1.0" encoding="UTF-8"?>
    <graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
      <key id="label" for="node" attr.name="label" attr.type="string"/>
      <key id="status" for="node" attr.name="status" attr.type="string"/>
      <key id="tags" for="node" attr.name="tags" attr.type="string"/>
      <key id="kind" for="edge" attr.name="kind" attr.type="string"/>
      <key id="strength" for="edge" attr.name="strength" attr.type="double"/>
      <key id="sources" for="edge" attr.name="sources" attr.type="string"/>
      <key id="last_seen_at" for="edge" attr.name="last_seen_at" attr.type="string"/>
      <key id="stale" for="edge" attr.name="stale" attr.type="boolean"/>
      <graph id="federation" edgedefault="directed">
        <node id="docs">
          <data key="label">Docs</data>
          <data key="status">online</data>
          <data key="tags">a&amp;b</data>
        </node>
        <node id="end">
          <data key="label">End</data>
          <data key="status">unknown</data>
          <data key="tags">a&amp;b</data>
        </node>
        <node id="ghost">
          <data key="label">ghost</data>
          <data key="status">unresolved</data>
          <data key="tags"></data>
        </node>
        <node id="veria">
          <data key="label">Veria</data>
          <data key="status">offline</data>
          <data key="tags">a&amp;b</data>
        </node>
        <edge id="docs.veria.api" source="docs" target="veria">
          <data key="kind">api</data>
          <data key="strength">0.9</data>
          <data key="sources">observed</data>
          <data key="last_seen_at">2026-11-24T12:00:00.000000Z</data>
          <data key="stale">false</data>
        </edge>
        <edge id="end.ghost.shared-schema" source="end" target="ghost">
          <data key="kind">shared-schema</data>
          <data key="strength">0.9</data>
          <data key="sources">observed</data>
          <data key="last_seen_at">2026-11-24T12:00:00.000000Z</data>
          <data key="stale">true</data>
        </edge>
      </graph>
    </graphml>
    "##);
}

#[test]
fn a_hostile_name_stays_within_its_label() {
    for name in HOSTILE {
        let plain = GraphView { nodes: vec![node("a", "A", ProjectStatus::Online)], edges: vec![] };
        let hostile =
            GraphView { nodes: vec![node("a", name, ProjectStatus::Online)], edges: vec![] };
        for format in [GraphFormat::Dot, GraphFormat::Mermaid, GraphFormat::GraphMl] {
            let (plain, hostile) = (text(&plain, format), text(&hostile, format));
            assert_eq!(plain.lines().count(), hostile.lines().count(), "{name}: {hostile}");
        }
        let dot = text(&hostile, GraphFormat::Dot);
        let line = dot.lines().find(|line| line.starts_with("  \"a\"")).unwrap();
        assert_eq!(unescaped_quotes(line), 8, "{line}");
        let mermaid = text(&hostile, GraphFormat::Mermaid);
        let label = mermaid.lines().nth(1).unwrap();
        let label = label.strip_prefix("  n0[\"").unwrap().strip_suffix("\"]:::online").unwrap();
        let is_plain = |c: char| c.is_alphanumeric() || " /-#;".contains(c);
        assert!(label.chars().all(is_plain), "{label}");
        let graphml = text(&hostile, GraphFormat::GraphMl);
        let data = graphml.lines().find(|line| line.contains("key=\"label\">")).unwrap();
        let data = data.trim().strip_prefix("<data key=\"label\">").unwrap();
        let data = data.strip_suffix("</data>").unwrap();
        assert!(!data.contains(['<', '>', '"', '\u{fffe}']), "{data}");
    }
}

/// Counts the quotes that start or end a string.
fn unescaped_quotes(line: &str) -> usize {
    let (mut count, mut is_escaped) = (0, false);
    for character in line.chars() {
        count += usize::from(character == '"' && !is_escaped);
        is_escaped = character == '\\' && !is_escaped;
    }
    count
}

fn grouped() -> GroupedGraph {
    let group = |key, by_status: [usize; 3], projects| GroupNode {
        key,
        projects,
        by_status,
        edges_within: 1,
    };
    GroupedGraph {
        by: GroupBy::Tag,
        nodes: vec![
            group(GroupKey::Named("a\"]; x\\".to_owned()), [8, 1, 2], 12),
            group(GroupKey::Without, [3, 0, 0], 3),
            group(GroupKey::Unresolved, [0, 0, 0], 2),
        ],
        edges: vec![
            GroupEdge { from: 0, to: 1, edges: 7, strength: Strength::default(), stale: false },
            GroupEdge { from: 1, to: 2, edges: 1, strength: Strength::default(), stale: true },
        ],
    }
}

#[test]
fn groups_are_formatted_with_their_counts() {
    let text = |format| String::from_utf8(format_grouped(&grouped(), format)).unwrap();
    insta::assert_snapshot!(text(GraphFormat::Json), @r##"{"group":"tag","nodes":[{"id":"tag:a\"]; x\\","label":"a\"]; x\\","projects":12,"statuses":{"online":8,"degraded":1,"offline":2,"unknown":1},"edges_within":1,"unresolved":false},{"id":"none","label":"no tag","projects":3,"statuses":{"online":3,"degraded":0,"offline":0,"unknown":0},"edges_within":1,"unresolved":false},{"id":"unresolved","label":"not registered","projects":2,"statuses":{"online":0,"degraded":0,"offline":0,"unknown":2},"edges_within":1,"unresolved":true}],"edges":[{"id":"tag:a\"]; x\\/none","from":"tag:a\"]; x\\","to":"none","edges":7,"strength":0.5,"stale":false},{"id":"none/unresolved","from":"none","to":"unresolved","edges":1,"strength":0.5,"stale":true}]}"##);
    insta::assert_snapshot!(text(GraphFormat::Dot), @r##"
    digraph federation {
      node [shape=box, style="rounded,filled"];
      "tag:a\"]; x?" [label="a\"]; x\\ (8 online, 1 degraded, 2 offline, 1 unknown)", tooltip="tag:a\"]; x\\: offline", fillcolor="#f5b7b1"];
      "none" [label="no tag (3 online)", tooltip="none: online", fillcolor="#b7e4c7"];
      "unresolved" [label="not registered (2 unresolved)", tooltip="unresolved: unresolved", fillcolor="#ffffff"];
      "tag:a\"]; x?" -> "none" [label="7", style=solid, penwidth=1.50];
      "none" -> "unresolved" [label="1", style=dashed, penwidth=1.50];
    }
    "##);
    assert!(text(GraphFormat::GraphMl).contains("<edge id=\"group.0.none.7\" source=\"group.0\""));
    assert!(text(GraphFormat::Mermaid).contains("n0 -->|7| n1"));
}
