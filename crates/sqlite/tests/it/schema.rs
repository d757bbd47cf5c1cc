//! Comparison of the declared schema with the live one.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::world::{by_hand, migrated};

/// Declared type by table and column.
type Schema = BTreeMap<(String, String), String>;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

/// Returns the schema of the database.
fn live(connection: &mut SqliteConnection) -> Schema {
    let columns = "SELECT t.name AS of, c.name, c.type AS kind, c.\"notnull\" = 0 AS is_nullable
                   FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
                     AND t.name <> '__diesel_schema_migrations'";
    let columns: Vec<Column> = diesel::sql_query(columns).load(connection).unwrap();
    columns.into_iter().map(|c| ((c.of, c.name), declared_name(&c.kind, c.is_nullable))).collect()
}

fn declared_name(kind: &str, is_nullable: bool) -> String {
    let name = match kind {
        "INTEGER" => "BigInt",
        "TEXT" => "Text",
        "REAL" => "Double",
        other => other,
    };
    if is_nullable { format!("Nullable<{name}>") } else { name.to_owned() }
}

/// Returns the declared schema, parsed from the source text.
fn declared() -> Schema {
    let mut schema = Schema::new();
    let mut table = String::new();
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
            table = name.to_owned();
        } else if let Some((column, kind)) = line.split_once(" -> ") {
            let kind = kind.trim_end_matches(',').to_owned();
            schema.insert((table.clone(), column.to_owned()), kind);
        }
    }
    schema
}

#[tokio::test]
async fn a_new_file_has_the_declared_schema() {
    let (_store, folder) = migrated().await;
    assert!(declared().len() > 20, "the declarations were not parsed");
    assert_eq!(declared(), live(&mut by_hand(&folder)));
}

#[tokio::test]
async fn both_databases_have_the_same_migrations() {
    let names = |side: &str| {
        let folder = format!("{}/../../migrations/{side}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    // Metrics of projects are in a file of their own.
    let both_files = &names("sqlite") | &names("sqlite-metrics");
    assert_eq!(both_files, names("postgres"));
}
