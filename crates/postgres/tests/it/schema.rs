//! Comparison of the declared schema with the live one.

use std::collections::BTreeMap;

use federation_testkit::TestDatabase;

use crate::world::{by_hand, migrated};

/// Declared type by table and column.
type Schema = BTreeMap<(String, String), String>;

/// Returns the schema of the database.
pub(crate) async fn live(database: &TestDatabase) -> Schema {
    let columns = "SELECT table_name::text, column_name::text, udt_name::text, is_nullable = 'YES'
                   FROM information_schema.columns
                   JOIN information_schema.tables USING (table_schema, table_name)
                   WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
                     AND table_name <> '__diesel_schema_migrations'";
    let rows = by_hand(database).await.query(columns, &[]).await.unwrap();
    rows.iter()
        .map(|row| {
            let (udt, is_nullable): (String, bool) = (row.get(2), row.get(3));
            ((row.get(0), row.get(1)), declared_name(&udt, is_nullable))
        })
        .collect()
}

fn declared_name(udt: &str, is_nullable: bool) -> String {
    let name = match udt {
        "int2" => "SmallInt",
        "int8" => "BigInt",
        "varchar" => "Varchar",
        "float8" => "Double",
        "bool" => "Bool",
        "json" => "Json",
        "timestamptz" => "Timestamptz",
        "date" => "Date",
        "project_status" => "ProjectStatus",
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

/// Asserts that the schemas are equal and reports the difference.
pub(crate) fn assert_declared(live: &Schema) {
    assert!(declared().len() > 20, "the declarations were not parsed");
    assert_eq!(&declared(), live);
}

#[tokio::test]
async fn a_new_database_has_the_declared_schema() {
    let (_store, database) = migrated().await;
    assert_declared(&live(&database).await);
}
